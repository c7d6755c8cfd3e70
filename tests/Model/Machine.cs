// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Simulation;
using Microsoft.Win32.SafeHandles;

namespace Model;

/// <summary>A driver with two devices and one for storage, nothing tracked and the devices full of zeroes.</summary>
public abstract class Machine : IDisposable
{
    /// <summary>The driver.</summary>
    public abstract BlksnapDriver Driver { get; }

    /// <summary>The devices.</summary>
    public abstract IReadOnlyList<BlockDevice> Devices { get; }

    /// <summary>The device for storage.</summary>
    public abstract BlockDevice Storage { get; }

    /// <summary>Writes to a device, and returns when it is done.</summary>
    public abstract void Write(int device, long offset, byte[] data);

    public virtual void Dispose()
    {
        Driver.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The simulation of the library, with or without a planted defect.</summary>
public sealed class SimulationMachine : Machine
{
    private readonly BlkSimulation _simulation = new();
    private readonly IDisposable _scope;
    private readonly SimulatedDisk[] _disks;
    private readonly Defect _defect;

    public SimulationMachine(Defect defect = Defect.None)
    {
        _defect = defect;
        _scope = _simulation.Enter();
        const long Size = (long)Reference.DeviceBlocks * Reference.BlockSize;
        _disks = [.. Enumerable.Range(0, Reference.DeviceCount).Select(i => _simulation.AddDisk($"disk{i}", Size))];
        Storage = BlockDevices.FromPath(_simulation.AddDisk("storage", Size).DevicePath);
        Devices = [.. _disks.Select(disk => BlockDevices.FromPath(disk.DevicePath))];
        Driver = BlksnapDriver.Open(new DefectiveChannel(ControlChannel.Open("/dev/blksnap"), defect));
    }

    public override BlksnapDriver Driver { get; }

    public override IReadOnlyList<BlockDevice> Devices { get; }

    public override BlockDevice Storage { get; }

    public override void Write(int device, long offset, byte[] data)
    {
        _disks[device].Write(offset, data);
        if (_defect == Defect.LeakingImage && offset >= Reference.DeviceBlocks / 2 * Reference.BlockSize)
        {
            foreach (string image in Directory.EnumerateFiles(_simulation.Folder, "blksnap-image*").Where(file => new FileInfo(file).LinkTarget is null))
            {
                // An image is not writable for everybody; the folder is.
                byte[] content = File.ReadAllBytes(image);
                data.CopyTo(content, offset);
                File.Delete(image);
                File.WriteAllBytes(image, content);
            }
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _scope.Dispose();
        _simulation.Dispose();
    }
}

/// <summary>The kernel module, with scratch disks. What is on them is lost.</summary>
public sealed class KernelMachine : Machine
{
    private readonly SafeFileHandle[] _files;

    public KernelMachine(IReadOnlyList<string> disks)
    {
        Driver = BlksnapDriver.Open();
        foreach (Guid id in Driver.GetSnapshotIds())
        {
            Driver.DestroySnapshot(id);
        }

        foreach (Tracker tracker in Driver.GetTrackers())
        {
            Driver.RemoveTracker(tracker.Device);
        }

        Devices = [.. disks.Take(Reference.DeviceCount).Select(BlockDevices.FromPath)];
        Storage = BlockDevices.FromPath(disks[Reference.DeviceCount]);

        // O_SYNC: a write is at the device, and so has been seen, when it returns.
        _files = [.. Devices.Select(device => File.OpenHandle(device.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.WriteThrough))];
        for (int i = 0; i < _files.Length; i++)
        {
            Write(i, 0, new byte[Reference.DeviceBlocks * Reference.BlockSize]);
        }
    }

    public override BlksnapDriver Driver { get; }

    public override IReadOnlyList<BlockDevice> Devices { get; }

    public override BlockDevice Storage { get; }

    public override void Write(int device, long offset, byte[] data) => RandomAccess.Write(_files[device], data, offset);

    public override void Dispose()
    {
        foreach (SafeFileHandle file in _files)
        {
            file.Dispose();
        }

        base.Dispose();
    }
}
