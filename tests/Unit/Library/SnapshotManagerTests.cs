// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;

namespace Unit.Library;

public sealed class SnapshotManagerTests : IDisposable
{
    private const long Size = 64 << 20;

    private readonly SimulatedDriver _fake = new();
    private readonly BlksnapDriver _driver = BlksnapDriver.Open();
    private readonly SnapshotManager _manager;
    private readonly BlockDevice _first;
    private readonly BlockDevice _second;
    private readonly BlockDevice _storage;

    public SnapshotManagerTests()
    {
        _manager = new SnapshotManager(_driver);
        _first = _fake.AddDevice("/dev/fake0", Size, "ext4", device => device with { MountPoints = ["/data"] });
        _second = _fake.AddDevice("/dev/fake1", Size);
        _storage = _fake.AddDevice("/dev/store", Size);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _fake.Dispose();
    }

    [Fact]
    public void NewSnapshotIsTakenWithImagesAndFigures()
    {
        Snapshot snapshot = _manager.Create(Request("/dev/store"));
        Assert.Equal(SnapshotState.Taken, snapshot.State);
        Assert.Equal(["/dev/fake0", "/dev/fake1"], snapshot.DevicePath);
        Assert.Equal([FreezeVerdict.Frozen, FreezeVerdict.NoFileSystem], snapshot.Devices.Select(device => device.Freeze!.Value));
        Assert.Equal(["/dev/blksnap-image0", "/dev/blksnap-image1"], snapshot.Images.Select(image => image.ImagePath));
        Assert.Equal(["/dev/fake0", "/dev/fake1"], snapshot.Images.Select(image => image.DevicePath));
        Assert.All(snapshot.Images, image => Assert.Equal(Size, image.Size));
        Assert.Equal(Size - (2 * 128 * 1024), snapshot.StorageCapacity);
        Assert.Equal(0, snapshot.StorageUsed);
        Assert.Equal(Size - (2 * 128 * 1024), snapshot.StorageFree);
        Assert.NotNull(snapshot.CreationTime);
        Assert.NotNull(snapshot.TakeTime);
        Assert.Equal(0, snapshot.Error);
        Assert.Equal([5, 7, 8], _fake.MutatingRequests.Select(request => request.Number));

        // The extensions tell everything, so nothing is kept beside the driver.
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_fake.RuntimeFolder), entry => Path.GetFileName(entry) != "rates");
    }

    [Fact]
    public void RefusedFreezeIsTold()
    {
        _fake.FreezeVerdicts[_first.Id] = (3, Errno.EOPNOTSUPP);
        SnapshotDevice device = _manager.Create(Request("/dev/store")).Devices[0];
        Assert.Equal(FreezeVerdict.Refused, device.Freeze);
        Assert.Equal(Errno.EOPNOTSUPP, device.FreezeError);
    }

    [Fact]
    public void SnapshotsAreListedAndRemoved()
    {
        Snapshot one = _manager.Create(Request("/dev/store:0+8MiB") with { Devices = [_first] });
        Snapshot two = _manager.Create(Request("/dev/store:8M+8M") with { Devices = [_second] });
        Assert.Equal([one.Id, two.Id], _manager.GetAll().Select(snapshot => snapshot.Id));
        Assert.Equal("/dev/fake1", _manager.Get(two.Id).DevicePath[0]);
        _manager.Remove(one.Id);
        Assert.Equal([two.Id], _manager.GetAll().Select(snapshot => snapshot.Id));
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => _manager.Get(one.Id)).ErrorId);
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => _manager.Remove(one.Id)).ErrorId);
    }

    [Fact]
    public void SnapshotThatEndsWhileListingIsLeftOut()
    {
        _manager.Create(Request("/dev/store"));
        _fake.FailRequest(10, Errno.ESRCH);
        Assert.Empty(_manager.GetAll());
    }

    [Fact]
    public void CorruptedSnapshotSaysSo()
    {
        Snapshot snapshot = _manager.Create(Request("/dev/store:0+64K"));
        _fake.Write(_first.Id, 0, 128 << 10);
        snapshot = _manager.Get(snapshot.Id);
        Assert.Equal(SnapshotState.Corrupted, snapshot.State);
        Assert.Equal(Errno.ENOSPC, snapshot.Error);
        Assert.Equal([Errno.ENOSPC, 0], snapshot.Devices.Select(device => device.Error!.Value));
        Assert.Equal(64 << 10, snapshot.Devices[0].CopiedBytes);
    }

    [Theory]
    [InlineData(5, Errno.ENOMEM)]
    [InlineData(7, Errno.ENOMEM)]
    [InlineData(8, Errno.ETIMEDOUT)]
    [InlineData(8, Errno.EBUSY)]
    [InlineData(64, Errno.ENOMEM)]
    [InlineData(65, Errno.ENOMEM)]
    public void FailureOfAnyStepUndoesEverything(int request, int errno)
    {
        _fake.FailRequest(request, errno);
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request("/dev/store")));
        Assert.Equal(errno, e.Errno);
        Assert.Empty(_fake.Snapshots);
        Assert.Empty(_fake.Trackers);
        Assert.Null(_fake.FromPath("/dev/blksnap-image0"));
    }

    [Fact]
    public void TrackersThatWereThereBeforeStay()
    {
        _driver.DestroySnapshot(_driver.CreateSnapshot([_first.Id]));
        Guid generation = _fake.Trackers[_first.Id].Generation;
        _fake.FailRequest(8, Errno.ETIMEDOUT);
        Assert.Throws<BlksnapException>(() => _manager.Create(Request("/dev/store")));
        Assert.Equal([_first.Id], _fake.Trackers.Keys);
        Assert.Equal(generation, _fake.Trackers[_first.Id].Generation);
    }

    [Fact]
    public void CancellationUndoesEverything()
    {
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => _manager.Create(Request("/dev/store"), source.Token));
        Assert.Empty(_fake.MutatingRequests);
    }

    [Fact]
    public void CheckChangesNothing()
    {
        _manager.Check(Request("/dev/store"));
        _manager.CheckStorage(DiffStorageSpec.Parse("/dev/store"));
        Assert.Empty(_fake.MutatingRequests);
    }

    [Fact]
    public void DeviceInAnotherSnapshotIsNamed()
    {
        Snapshot other = _manager.Create(Request("/dev/store:0+8M") with { Devices = [_second] });
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Check(Request("/dev/store:8M+8M")));
        Assert.Equal(ErrorIds.DeviceInUse, e.ErrorId);
        Assert.Equal("/dev/fake1", e.Target);
        Assert.Contains(other.Id.ToString(), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DeviceThatGetsIntoAnotherSnapshotMeanwhileIsInUse()
    {
        _fake.FailRequest(5, Errno.EALREADY);
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request("/dev/store")));
        Assert.Equal(ErrorIds.DeviceInUse, e.ErrorId);
        Assert.Contains("/dev/fake0", e.Target, StringComparison.Ordinal);
        Assert.DoesNotContain(_first.Id.ToString(), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DeviceListedTwiceIsRefused()
        => Assert.Equal(
            "SnapshotCreate,EINVAL",
            Assert.Throws<BlksnapException>(() => _manager.Check(Request("/dev/store") with { Devices = [_first, _first] })).ErrorId);

    [Fact]
    public void ImageIsNotSnapshotted()
    {
        Snapshot snapshot = _manager.Create(Request("/dev/store:0+8M") with { Devices = [_first] });
        BlockDevice image = BlockDevices.FromPath(snapshot.Images[0].ImagePath);
        Assert.Equal(
            ErrorIds.DeviceNotSupported,
            Assert.Throws<BlksnapException>(() => _manager.Check(Request("/dev/store:8M+8M") with { Devices = [image] })).ErrorId);
    }

    [Fact]
    public void PathOfAMultipathDeviceIsNotSnapshotted()
    {
        BlockDevice path = _first with { MultipathHolder = "dm-0" };
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request("/dev/store:8M+8M") with { Devices = [path] }));
        Assert.Equal(ErrorIds.DeviceNotSupported, e.ErrorId);
        Assert.Contains("dm-0", e.Message, StringComparison.Ordinal);
        Assert.Empty(_fake.MutatingRequests);
    }

    [Fact]
    public void SnapshotWithoutStorageIsNotTried()
    {
        Assert.Equal(ErrorIds.StorageTooSmall, Assert.Throws<BlksnapException>(() => _manager.Create(Request())).ErrorId);
        Assert.Empty(_fake.MutatingRequests);
    }

    [Fact]
    public void StorageIsAddedAndListed()
    {
        Snapshot snapshot = _manager.Create(Request("/dev/store:0+8M"));
        DiffStorageRange added = Assert.Single(_manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse("/dev/store:8M+4M")));
        Assert.Equal(("/dev/store", 8L << 20, 4L << 20), (added.DevicePath, added.Offset, added.Length));
        DiffStorage storage = _manager.GetStorage(snapshot.Id);
        Assert.Equal(12L << 20, storage.Capacity);
        Assert.Equal(12L << 20, storage.Free);
        Assert.Equal([8L << 20, 4L << 20], storage.Ranges.Select(range => range.Length));
        Assert.Equal((long)SimulatedDriver.DiffStorageMinimum * 512, storage.Requested);
        Assert.Equal(6L << 20, storage.LowSpaceMark);
    }

    [Fact]
    public void StorageInUseByAnotherSnapshotIsAnOverlap()
    {
        Snapshot snapshot = _manager.Create(Request("/dev/store:0+8M"));
        BlksnapException e = Assert.Throws<BlksnapException>(
            () => _manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse("/dev/store:4M+8M")));
        Assert.Equal(ErrorIds.StorageOverlap, e.ErrorId);
        Assert.Equal(8L << 20, _manager.GetStorage(snapshot.Id).Capacity);
    }

    [Fact]
    public void StorageOfAnUnknownSnapshot()
    {
        BlksnapException e = Assert.Throws<BlksnapException>(
            () => _manager.AddStorage(Guid.NewGuid(), DiffStorageSpec.Parse("/dev/store")));
        Assert.Equal(ErrorIds.SnapshotNotFound, e.ErrorId);
        Assert.Empty(_fake.MutatingRequests);
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => _manager.GetStorage(Guid.NewGuid())).ErrorId);
    }

    [Fact]
    public void MountedImagesAreFound()
    {
        Snapshot snapshot = _manager.Create(Request("/dev/store"));
        Assert.Empty(_manager.GetImageMountPoints(snapshot.Id));
        _fake.ChangeDevice(snapshot.Images[1].ImageDevice, image => image with { MountPoints = ["/mnt/image"] });
        Assert.Equal(["/mnt/image"], _manager.GetImageMountPoints(snapshot.Id));
    }

    private SnapshotRequest Request(params string[] storage) => new()
    {
        Devices = [_first, _second],
        Storage = [.. storage.Select(text => DiffStorageSpec.Parse(text))],
    };
}
