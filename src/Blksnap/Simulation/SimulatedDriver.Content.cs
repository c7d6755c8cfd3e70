// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Simulation;

/// <content>
/// What is on the disks, where there is a folder for it: a disk is a file of its size at its path, an image is a copy of it
/// from the take, beside it. The difference storage is accounted for, not written to.
/// </content>
internal sealed partial class SimulatedDriver
{
    // Reading it from the start gives EIO to any process, as reading the device of a lost image does.
    private const string Unreadable = "/proc/self/mem";

    /// <summary>The device that files lie on, where disks are files. What is written to it is accounted for only.</summary>
    public static readonly BlockDevice Files = new()
    {
        Path = "/dev/files",
        Name = "files",
        Id = new DeviceId(DeviceMajor, 0xFFFFF),
        Size = 1L << 50,
        LogicalBlockSize = 4096,
        MountPoints = ["/"],
    };

    private readonly Dictionary<DeviceId, TimeSpan> _freezeDelays = [];

    /// <summary>The folder with the contents; null if disks have none.</summary>
    public string? Folder { get; }

    /// <summary>Writes to a disk: content, map of changes, copies for the snapshot that holds it.</summary>
    /// <returns>0 or a positive error number.</returns>
    public int Write(DeviceId device, long offset, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            if (Folder is null || !_devices.TryGetValue(device, out BlockDevice? known))
            {
                return Errno.ENXIO;
            }

            if (known.IsReadOnly)
            {
                return Errno.EROFS;
            }

            if (offset < 0 || offset > known.Size - data.Length)
            {
                return Errno.ENOSPC;
            }

            // As in the kernel the map is marked and the old content kept before the new one is there.
            Write(device, offset, data.Length);
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(known.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            RandomAccess.Write(file, data, offset);
            return 0;
        }
    }

    /// <summary>Gives a disk another size; the map of changes begins anew with the next take.</summary>
    public void Resize(DeviceId device, long size)
    {
        lock (_lock)
        {
            ChangeDevice(device, known => known with { Size = size });
            SimulatedContent.SetLength(_devices[device].Path, size);
        }
    }

    /// <summary>Takes a disk away, with all that a snapshot still needs of it.</summary>
    public void LoseDevice(DeviceId device)
    {
        lock (_lock)
        {
            if (!_devices.Remove(device, out BlockDevice? known))
            {
                return;
            }

            if (Folder is not null)
            {
                File.Delete(known.Path);
            }

            if (Holder(device) is { IsTaken: true } snapshot)
            {
                Lose(snapshot, snapshot.Devices.First(candidate => candidate.Original == device), Errno.EIO);
            }

            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Has the next take give up on the file system of a device, after some time.</summary>
    public void DelayFreeze(DeviceId device, TimeSpan delay)
    {
        lock (_lock)
        {
            FreezeVerdicts[device] = ((uint)FreezeVerdict.TimedOut, Errno.ETIMEDOUT);
            _freezeDelays[device] = delay;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Uses up difference storage, as writes would.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="all">All of it, so that the next copy loses an image; else up to the mark of the low-space event.</param>
    /// <returns>False if there is no such snapshot.</returns>
    public bool FillStorage(Guid id, bool all)
    {
        lock (_lock)
        {
            if (Find(id) is not { } snapshot)
            {
                return false;
            }

            while ((all || !IsLow(snapshot)) && Allocate(snapshot, IsForeign ? ChunkSectors : UnitSectors))
            {
            }

            ReportLowSpace(snapshot);
            Monitor.PulseAll(_lock);
            return true;
        }
    }

    // Other drivers compare with what they have asked for, not with what they were given.
    private bool IsLow(SimulatedSnapshot snapshot) => IsForeign
        ? snapshot.RequestedSectors <= snapshot.Filled + (StorageMinimum / 2 / UnitSectors * UnitSectors)
        : snapshot.Capacity - snapshot.Filled <= snapshot.LowSpaceMark;

    private void ReportLowSpace(SimulatedSnapshot snapshot)
    {
        if (!snapshot.LowSpaceReported && IsLow(snapshot))
        {
            snapshot.LowSpaceReported = true;
            QueueLowSpace(snapshot, StorageMinimum);
        }
    }

    // Takes of other snapshots go on meanwhile, so what was looked up before has to be looked up again.
    private TimeSpan WaitForFreeze(SimulatedSnapshot snapshot)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            // It may be changed meanwhile.
            TimeSpan longest = snapshot.Devices.Max(device => _freezeDelays.GetValueOrDefault(device.Original));
            long left = (long)longest.TotalMilliseconds - (Environment.TickCount64 - start);
            if (left <= 0 || snapshot.IsDestroyed)
            {
                return longest;
            }

            Monitor.Wait(_lock, TimeSpan.FromMilliseconds(left));
        }
    }

    // A delay is for one take.
    private void ForgetDelays(SimulatedSnapshot snapshot)
    {
        foreach (SimulatedSnapshotDevice device in snapshot.Devices)
        {
            if (_freezeDelays.Remove(device.Original))
            {
                FreezeVerdicts.Remove(device.Original);
            }
        }
    }

    private string ImagePath(string name) => Path.Combine(Folder ?? "/dev", name);

    private void MakeImage(BlockDevice original, BlockDevice image)
    {
        if (Folder is not null)
        {
            SimulatedContent.Copy(original.Path, image.Path, original.Size);
        }
    }

    private void RemoveImage(SimulatedSnapshotDevice device)
    {
        if (_devices.Remove(device.Image, out BlockDevice? image) && Folder is not null)
        {
            File.Delete(image.Path);
        }
    }

    private void Lose(SimulatedSnapshot snapshot, SimulatedSnapshotDevice device, int errno)
    {
        QueueCorrupted(snapshot, device, errno);
        if (Folder is not null && _devices.TryGetValue(device.Image, out BlockDevice? image))
        {
            // Whoever has it open finds it short, whoever opens it now cannot read it.
            SimulatedContent.SetLength(image.Path, 0);
            File.Delete(image.Path);
            File.CreateSymbolicLink(image.Path, Unreadable);
        }
    }
}
