// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;

namespace Unit.Library;

/// <summary>A driver with one device, /dev/fake0, that snapshots are taken of.</summary>
public abstract class StorageTest : IDisposable
{
    private protected const long Size = 64 << 20;

    private protected StorageTest()
    {
        Manager = new SnapshotManager(Driver);
        Origin = Fake.AddDevice("/dev/fake0", Size);
    }

    private protected SimulatedDriver Fake { get; } = new();

    private protected BlksnapDriver Driver { get; } = BlksnapDriver.Open();

    private protected SnapshotManager Manager { get; }

    private protected BlockDevice Origin { get; }

    public void Dispose()
    {
        Driver.Dispose();
        Fake.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected SnapshotRequest Request(string storage, long? size = null)
        => new() { Devices = [Origin], Storage = [DiffStorageSpec.Parse(storage, size)] };
}
