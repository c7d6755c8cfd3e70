// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;

namespace Unit.Library;

/// <summary>Devices and ranges of devices as storage: what is taken for one, and which are refused.</summary>
public sealed class DeviceStorageTests : StorageTest
{
    [Fact]
    public void RangeOfAnOriginIsUsedOnlyByForce()
    {
        BlockDevice disk = Fake.AddDevice("/dev/disk", Size);
        BlockDevice part = Fake.AddDevice("/dev/disk1", Size / 2, null, device => device with { IsPartition = true, Disk = disk.Id });
        Fake.ChangeDevice(disk.Id, device => device with { Partitions = [part.Id] });
        Fake.AddDevice("/dev/store", Size);
        Snapshot snapshot = Manager.Create(
            new SnapshotRequest { Devices = [Origin, part], Storage = [DiffStorageSpec.Parse("/dev/store")] });
        DeviceId[] origins = [Origin.Id, part.Id];
        foreach (string text in new[] { "/dev/fake0:0+8M", "/dev/disk1:0+8M", "/dev/disk:0+8M" })
        {
            DiffStorageSpec spec = DiffStorageSpec.Parse(text);
            foreach (Action action in new Action[] { () => Manager.CheckStorage(spec, origins: origins), () => Manager.AddStorage(snapshot.Id, spec) })
            {
                BlksnapException e = Assert.Throws<BlksnapException>(action);
                Assert.Equal(ErrorIds.StorageInUse, e.ErrorId);
                Assert.Contains("device of the same snapshot", e.Message, StringComparison.Ordinal);
            }

            Manager.CheckStorage(spec, force: true, origins);
            Assert.Single(Manager.AddStorage(snapshot.Id, spec, force: true));
        }
    }

    [Theory]
    [InlineData("/dev/store:0+1K", null)]
    [InlineData("/dev/store:0+3584", null)]
    [InlineData("/dev/store", 1024L)]
    public void StorageBelowAPageIsTooSmall(string text, long? size)
    {
        Fake.AddDevice("/dev/store", Size);
        BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.CheckStorage(DiffStorageSpec.Parse(text, size)));
        Assert.Equal(ErrorIds.StorageTooSmall, e.ErrorId);
        Assert.Contains("4096", e.Message, StringComparison.Ordinal);
        Manager.CheckStorage(DiffStorageSpec.Parse("/dev/store:512+4096"));
    }

    [Theory]
    [InlineData(8192, "/dev/store:0+4096", ErrorIds.StorageTooSmall)]
    [InlineData(8192, "/dev/store:0+8192", null)]
    [InlineData(512, "/dev/store:0+4096", null)]
    public void StorageIsNoSmallerThanABlockOfItsDevice(int block, string text, string? errorId)
    {
        Fake.AddDevice("/dev/store", Size, null, device => device with { LogicalBlockSize = block });
        BlksnapException? e = Record.Exception(() => Manager.CheckStorage(DiffStorageSpec.Parse(text))) as BlksnapException;
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
        Fake.AddDevice(Path, Size);
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
        Fake.AddDevice("/dev/disk", Size);
        foreach (string path in new[] { "/dev/disk:0", "/dev/disk:0+1M" })
        {
            Fake.AddDevice(path, Size);
            DiffStorageSpec spec = DiffStorageSpec.Parse(path);
            Assert.Equal((path, null), (spec.Path, spec.Offset));
        }
    }
}
