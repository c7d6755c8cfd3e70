// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Storage;

namespace Blksnap.Simulation;

/// <summary>
/// A machine of its own in this process, with a driver and with disks that are files: for tests of what uses this library.
/// Between <see cref="Enter"/> and the disposal of what that returns, the caller and the threads that it starts see the driver and the
/// disks of the simulation and no others; everybody else sees the system's. Several may be in use at once.
/// </summary>
/// <remarks>What was started inside never gets to the system's devices, not even when it outlives the simulation.</remarks>
public sealed class BlkSimulation : IDisposable
{
    private static readonly AsyncLocal<BlkSimulation?> s_current = new();
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly SimulatedDriver _driver;
    private readonly List<SimulatedDisk> _disks = [];
    private readonly object _lock = new();

    /// <summary>Makes the machine, without disks.</summary>
    public BlkSimulation()
    {
        Folder = Directory.CreateTempSubdirectory("blksnap-simulation-").FullName;
        _driver = new SimulatedDriver(Folder);
    }

    /// <summary>The simulation that the caller is in; null if in none.</summary>
    public static BlkSimulation? Current => s_current.Value;

    /// <summary>Where disks and images are. It goes with the simulation.</summary>
    public string Folder { get; }

    /// <summary>The disks, in the order in which they were added.</summary>
    public IReadOnlyList<SimulatedDisk> Disks
    {
        get
        {
            lock (_lock)
            {
                return [.. _disks];
            }
        }
    }

    internal SimulatedDriver Driver => _driver;

    /// <summary>Has the caller and what it starts see this machine until the returned object is disposed, by the caller too.</summary>
    /// <returns>Disposing it leads out again.</returns>
    public IDisposable Enter()
    {
        BlkSimulation? outer = s_current.Value;
        s_current.Value = this;
        return new Scope(
            outer,
            ControlChannel.UseHere(_driver.OpenChannel),
            BlockDevices.UseHere(new SimulatedDevices(_driver)),
            RuntimeRecord.UseFolderHere(_driver.RuntimeFolder));
    }

    /// <summary>Adds an empty disk.</summary>
    /// <param name="name">Name, as a kernel name; no slashes.</param>
    /// <param name="size">Bytes, a multiple of the block size.</param>
    /// <param name="mountPoint">Where a file system on it is said to be mounted; null for nowhere.</param>
    /// <param name="blockSize">Logical block size in bytes.</param>
    /// <returns>The disk.</returns>
    /// <exception cref="BlksnapException"><c>SimulatedDisk,EEXIST</c>: there is such a disk, or an image has the name.</exception>
    public SimulatedDisk AddDisk(string name, long size, string? mountPoint = null, int blockSize = Sectors.Size)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Contains('/') || name is "." or "..")
        {
            throw new ArgumentException("The name of a disk has no slashes.", nameof(name));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        if (blockSize < Sectors.Size || size % blockSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(size), $"The size of a disk is a multiple of its blocks of {blockSize} bytes.");
        }

        string path = Path.Combine(Folder, name);
        lock (_lock)
        {
            if (Path.Exists(path))
            {
                throw new BlksnapException("SimulatedDisk", Errno.EEXIST, name);
            }

            SimulatedDisk disk = new(_driver, _driver.AddDevice(path, size, change: device => device with
            {
                LogicalBlockSize = blockSize,
                MountPoints = mountPoint is null ? [] : [mountPoint],
                Model = "Simulated disk",
            }));
            _disks.Add(disk);
            return disk;
        }
    }

    /// <summary>The disk behind a path or a name; null if there is none.</summary>
    /// <param name="path">Path of the disk, <c>/dev/</c> and its name, or the name.</param>
    /// <returns>The disk, or null.</returns>
    public SimulatedDisk? Find(string path)
    {
        DeviceId? id = (_driver.FromPath(path) ?? _driver.FromPath("/dev/" + path))?.Id;
        lock (_lock)
        {
            return _disks.Find(disk => disk.Id == id);
        }
    }

    /// <summary>Makes something go wrong with a disk.</summary>
    /// <param name="fault">What.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="delay"><see cref="SimulatedFault.SlowFreeze"/>: how long the next snapshot tries to freeze it.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.DeviceNotInSnapshot"/>: the fault is one of a snapshot, and none holds the disk.</exception>
    public void Provoke(SimulatedFault fault, SimulatedDisk disk, TimeSpan delay = default)
    {
        ArgumentNullException.ThrowIfNull(disk);
        switch (fault)
        {
            case SimulatedFault.LowSpace:
                _ = _driver.FillStorage(SnapshotOf(disk), all: false);
                break;
            case SimulatedFault.Overflow:
                Guid id = SnapshotOf(disk);
                _ = _driver.FillStorage(id, all: true);
                _driver.Corrupt(id, disk.Id, Errno.ENOSPC);
                break;
            case SimulatedFault.DeviceLoss:
                _driver.LoseDevice(disk.Id);
                break;
            case SimulatedFault.SlowFreeze:
                _driver.DelayFreeze(disk.Id, delay);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault));
        }
    }

    /// <summary>Ends all snapshots, and those who wait for them, and removes the folder.</summary>
    public void Dispose()
    {
        _driver.Dispose();

        // They were woken up; the folder should not go while they are still inside.
        _ = SpinWait.SpinUntil(() => _driver.Waiters == 0, s_patience);
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    private Guid SnapshotOf(SimulatedDisk disk)
        => _driver.Snapshots.FirstOrDefault(snapshot => snapshot.IsTaken && snapshot.Devices.Exists(device => device.Original == disk.Id))?.Id
            ?? throw new BlksnapException(
                ErrorIds.DeviceNotInSnapshot, $"No snapshot holds {disk.DevicePath}.", string.Empty, Errno.EPERM, disk.DevicePath);

    private sealed class Scope(BlkSimulation? outer, params IDisposable[] parts) : IDisposable
    {
        public void Dispose()
        {
            foreach (IDisposable part in parts)
            {
                part.Dispose();
            }

            s_current.Value = outer;
        }
    }
}
