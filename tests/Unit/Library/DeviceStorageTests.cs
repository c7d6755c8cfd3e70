// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;

namespace Unit.Library;

/// <summary>Devices and ranges of devices as storage: what is taken for one, and which are refused.</summary>
public sealed class DeviceStorageTests : IDisposable
{
    private const long Size = 64 << 20;

    private readonly SimulatedDriver _fake = new();
    private readonly BlksnapDriver _driver = BlksnapDriver.Open();
    private readonly SnapshotManager _manager;
    private readonly BlockDevice _origin;

    public DeviceStorageTests()
    {
        _manager = new SnapshotManager(_driver);
        _origin = _fake.AddDevice("/dev/fake0", Size);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _fake.Dispose();
    }

    [Fact]
    public void RangeOfAnOriginIsUsedOnlyByForce()
    {
        BlockDevice disk = _fake.AddDevice("/dev/disk", Size);
        BlockDevice part = _fake.AddDevice("/dev/disk1", Size / 2, null, device => device with { IsPartition = true, Disk = disk.Id });
        _fake.ChangeDevice(disk.Id, device => device with { Partitions = [part.Id] });
        _fake.AddDevice("/dev/store", Size);
        Snapshot snapshot = _manager.Create(
            new SnapshotRequest { Devices = [_origin, part], Storage = [DiffStorageSpec.Parse("/dev/store")] });
        DeviceId[] origins = [_origin.Id, part.Id];
        foreach (string text in new[] { "/dev/fake0:0+8M", "/dev/disk1:0+8M", "/dev/disk:0+8M" })
        {
            DiffStorageSpec spec = DiffStorageSpec.Parse(text);
            foreach (Action action in new Action[] { () => _manager.CheckStorage(spec, origins: origins), () => _manager.AddStorage(snapshot.Id, spec) })
            {
                BlksnapException e = Assert.Throws<BlksnapException>(action);
                Assert.Equal(ErrorIds.StorageInUse, e.ErrorId);
                Assert.Contains("device of the same snapshot", e.Message, StringComparison.Ordinal);
            }

            _manager.CheckStorage(spec, force: true, origins);
            Assert.Single(_manager.AddStorage(snapshot.Id, spec, force: true));
        }
    }

    [Theory]
    [InlineData("/dev/store:0+1K", null)]
    [InlineData("/dev/store:0+3584", null)]
    [InlineData("/dev/store", 1024L)]
    public void StorageBelowAPageIsTooSmall(string text, long? size)
    {
        _fake.AddDevice("/dev/store", Size);
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.CheckStorage(DiffStorageSpec.Parse(text, size)));
        Assert.Equal(ErrorIds.StorageTooSmall, e.ErrorId);
        Assert.Contains("4096", e.Message, StringComparison.Ordinal);
        _manager.CheckStorage(DiffStorageSpec.Parse("/dev/store:512+4096"));
    }

    [Theory]
    [InlineData(8192, "/dev/store:0+4096", ErrorIds.StorageTooSmall)]
    [InlineData(8192, "/dev/store:0+8192", null)]
    [InlineData(512, "/dev/store:0+4096", null)]
    public void StorageIsNoSmallerThanABlockOfItsDevice(int block, string text, string? errorId)
    {
        _fake.AddDevice("/dev/store", Size, null, device => device with { LogicalBlockSize = block });
        BlksnapException? e = Record.Exception(() => _manager.CheckStorage(DiffStorageSpec.Parse(text))) as BlksnapException;
        Assert.Equal(errorId, e?.ErrorId);
    }

    [Theory]
    [InlineData(":0+1.5MiB")]
    [InlineData(":0-1MB")]
    [InlineData(":+1MB")]
    [InlineData(":0")]
    [InlineData(":")]
    [InlineData(":0:1MB")]
    [InlineData(":0+1MB ")]
    [InlineData(":0+1MX")]
    public void MistypedRangeOfADeviceIsRefused(string range)
    {
        const string Path = "/dev/disk/by-path/pci-0000:00:1f.2-ata-1";
        _fake.AddDevice(Path, Size);
        foreach (long? size in new long?[] { null, 1 << 20 })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => DiffStorageSpec.Parse(Path + range, size));
            Assert.Equal(ErrorIds.StorageInvalid, e.ErrorId);
            Assert.Contains("<device>:<offset>+<length>, for example /dev/sdb:1GiB+4GiB", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void PathOfADeviceIsThatDeviceWhateverIsInIt()
    {
        _fake.AddDevice("/dev/disk", Size);
        foreach (string path in new[] { "/dev/disk:0", "/dev/disk:0+1M" })
        {
            _fake.AddDevice(path, Size);
            DiffStorageSpec spec = DiffStorageSpec.Parse(path);
            Assert.Equal((path, null), (spec.Path, spec.Offset));
        }
    }
}
