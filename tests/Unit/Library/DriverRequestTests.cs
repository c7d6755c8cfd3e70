// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Unit.Library;

public sealed class DriverRequestTests : IDisposable
{
    private const long Size = 16 << 20;

    private readonly SimulatedDriver _fake = new();
    private readonly BlksnapDriver _driver = BlksnapDriver.Open();

    public void Dispose()
    {
        _driver.Dispose();
        _fake.Dispose();
    }

    [Fact]
    public void LifeOfASnapshot()
    {
        BlockDevice device = _fake.AddDevice("/dev/fake0", Size);
        BlockDevice storage = _fake.AddDevice("/dev/fake1", Size);
        Guid id = _driver.CreateSnapshot([device.Id]);
        Assert.Equal([id], _driver.GetSnapshotIds());
        Assert.Null(_driver.GetImages(id));

        _driver.AppendStorage(id, storage.Id, [new ByteRange(4096, 1 << 20), new ByteRange(8 << 20, 4096)]);
        SimulatedSnapshot inDriver = Assert.Single(_fake.Snapshots);
        Assert.Equal([new SimulatedRange(storage.Id, 8, 2048), new SimulatedRange(storage.Id, 16384, 8)], inDriver.Ranges);

        _driver.TakeSnapshot(id);
        ImagePair pair = Assert.Single(_driver.GetImages(id)!);
        Assert.Equal(device.Id, pair.Original);
        Assert.Equal(SimulatedDriver.ImageMajor, pair.Image.Major);

        _driver.DestroySnapshot(id);
        Assert.Empty(_driver.GetSnapshotIds());
    }

    [Fact]
    public void ManySnapshotsAndTrackersAreListedCompletely()
    {
        List<Guid> ids = [];
        for (int i = 0; i < 40; i++)
        {
            ids.Add(_driver.CreateSnapshot([_fake.AddDevice($"/dev/fake{i}", Size).Id]));
        }

        Assert.Equal(ids, _driver.GetSnapshotIds());
        Assert.Equal(40, _driver.GetTrackers().Count);
    }

    [Theory]
    [InlineData(9, Errno.ENODATA)]
    [InlineData(9, Errno.ENOBUFS)]
    [InlineData(2, Errno.ENOBUFS)]
    [InlineData(2, Errno.ENODATA)]
    public void ListThatGrewMeanwhileIsAskedForAgain(int request, int errno)
    {
        _driver.CreateSnapshot([_fake.AddDevice("/dev/fake0", Size).Id]);

        // The question for the length succeeds, the one for the list finds more than that.
        _fake.FailRequest(request, errno, skip: 1);
        int count = request == 9 ? _driver.GetSnapshotIds().Count : _driver.GetTrackers().Count;
        Assert.Equal(1, count);
        Assert.Equal(4, _fake.RequestNumbers.Count(number => number == request));
    }

    [Fact]
    public void ListThatNeverFitsIsAnError()
    {
        _driver.CreateSnapshot([_fake.AddDevice("/dev/fake0", Size).Id]);
        for (int i = 0; i < 20; i++)
        {
            _fake.FailRequest(9, Errno.ENODATA, skip: 1);
        }

        Assert.Equal("SnapshotCollect,ENODATA", Assert.Throws<BlksnapException>(() => _driver.GetSnapshotIds()).ErrorId);
    }

    [Fact]
    public void ExtensionListsLargerThanTheFirstGuessAreRead()
    {
        BlockDevice[] devices = [.. Enumerable.Range(0, 20).Select(i => _fake.AddDevice($"/dev/fake{i}", Size))];
        BlockDevice storage = _fake.AddDevice("/dev/store", 1 << 30);
        Guid id = _driver.CreateSnapshot([.. devices.Select(device => device.Id)]);
        _driver.AppendStorage(id, storage.Id, [.. Enumerable.Range(0, 200).Select(i => new ByteRange(i * 8192L, 4096))]);

        Assert.True(_driver.TryGetDeviceStatus(id, out IReadOnlyList<SnapshotDevice>? status));
        Assert.Equal(devices.Select(device => device.Path), status.Select(device => device.DevicePath));
        Assert.True(_driver.TryGetStorageRanges(id, out IReadOnlyList<DiffStorageRange>? ranges));
        Assert.Equal(Enumerable.Range(0, 200).Select(i => i * 8192L), ranges.Select(range => range.Offset));
        Assert.All(ranges, range => Assert.Equal(4096, range.Length));
    }

    [Fact]
    public void StatusCarriesAllFigures()
    {
        BlockDevice device = _fake.AddDevice("/dev/fake0", Size);
        BlockDevice storage = _fake.AddDevice("/dev/fake1", Size);
        DateTime before = DateTime.Now;
        Guid id = _driver.CreateSnapshot([device.Id]);
        _driver.AppendStorage(id, storage.Id, [new ByteRange(0, 1 << 20)]);
        Assert.True(_driver.TryGetStatus(id, out SnapshotStatus? status));
        Assert.Equal(SnapshotState.Created, status.State);
        Assert.Null(status.TakeTime);

        _driver.TakeSnapshot(id);
        _fake.Write(device.Id, 0, 8192);
        Assert.True(_driver.TryGetStatus(id, out status));
        Assert.Equal(SnapshotState.Taken, status.State);
        Assert.InRange(status.CreationTime, before.AddSeconds(-1), DateTime.Now);
        Assert.InRange(status.TakeTime!.Value, status.CreationTime, DateTime.Now);
        Assert.Equal(DateTimeKind.Local, status.CreationTime.Kind);
        Assert.Equal(TimeSpan.FromMilliseconds(5), status.FrozenTime);
        Assert.Equal(1 << 20, status.StorageCapacity);
        Assert.Equal(8192, status.StorageUsed);
        Assert.Equal((long)SimulatedDriver.DiffStorageMinimum * 512, status.StorageRequested);
        Assert.Equal(1 << 19, status.LowSpaceMark);
        Assert.Equal((1, 1), (status.DeviceCount, status.RangeCount));
    }

    [Theory]
    [InlineData(1, Errno.ENODATA, ErrorIds.TrackerNotFound)]
    [InlineData(1, Errno.ENOENT, ErrorIds.TrackerNotFound)]
    [InlineData(1, Errno.EBUSY, "TrackerRemove,EBUSY")]
    [InlineData(1, Errno.EPERM, ErrorIds.DriverAccessDenied)]
    [InlineData(3, Errno.ENODATA, ErrorIds.TrackerNotFound)]
    [InlineData(3, Errno.EPERM, ErrorIds.DeviceNotInSnapshot)]
    [InlineData(3, Errno.EFAULT, "TrackerReadCbtMap,EFAULT")]
    [InlineData(4, Errno.ENODEV, ErrorIds.TrackerNotFound)]
    [InlineData(4, Errno.EINVAL, "TrackerMarkDirtyBlocks,EINVAL")]
    [InlineData(5, Errno.EALREADY, ErrorIds.DeviceInUse)]
    [InlineData(5, Errno.ENXIO, ErrorIds.DeviceNotFound)]
    [InlineData(5, Errno.EOPNOTSUPP, ErrorIds.DeviceNotSupported)]
    [InlineData(5, Errno.EBUSY, ErrorIds.BlockLayerHooked)]
    [InlineData(5, Errno.EPERM, ErrorIds.DriverAccessDenied)]
    [InlineData(5, Errno.ENOMEM, "SnapshotCreate,ENOMEM")]
    [InlineData(6, Errno.ENODEV, ErrorIds.SnapshotNotFound)]
    [InlineData(7, Errno.ESRCH, ErrorIds.SnapshotNotFound)]
    [InlineData(7, Errno.EINVAL, ErrorIds.StorageUnaligned)]
    [InlineData(7, Errno.ERANGE, ErrorIds.StorageOutOfRange)]
    [InlineData(7, Errno.EBUSY, ErrorIds.StorageOverlap)]
    [InlineData(7, Errno.EROFS, ErrorIds.StorageReadOnly)]
    [InlineData(8, Errno.ESRCH, ErrorIds.SnapshotNotFound)]
    [InlineData(8, Errno.EBUSY, "SnapshotTake,EBUSY")]
    [InlineData(8, Errno.ETIMEDOUT, "SnapshotTake,ETIMEDOUT")]
    [InlineData(8, Errno.ENODEV, "SnapshotTake,ENODEV")]
    [InlineData(10, Errno.ESRCH, ErrorIds.SnapshotNotFound)]
    [InlineData(11, Errno.ESRCH, ErrorIds.SnapshotNotFound)]
    [InlineData(64, Errno.ESRCH, ErrorIds.SnapshotNotFound)]
    [InlineData(65, Errno.ESRCH, ErrorIds.SnapshotNotFound)]
    [InlineData(66, Errno.ESRCH, ErrorIds.SnapshotNotFound)]
    public void ErrorNumberMeansWhatItMeansForTheRequest(int request, int errno, string errorId)
    {
        BlockDevice device = _fake.AddDevice("/dev/fake0", Size);
        Guid id = Guid.NewGuid();
        _fake.FailRequest(request, errno);
        BlksnapException e = Assert.Throws<BlksnapException>(() =>
        {
            switch (request)
            {
                case 1: _driver.RemoveTracker(device.Id); break;
                case 3: _driver.ReadCbtMap(device.Id, 1); break;
                case 4: _driver.MarkDirty(device.Id, [new ByteRange(0, 512)]); break;
                case 5: _driver.CreateSnapshot([device.Id]); break;
                case 6: _driver.DestroySnapshot(id); break;
                case 7: _driver.AppendStorage(id, device.Id, [new ByteRange(0, 512)]); break;
                case 8: _driver.TakeSnapshot(id); break;
                case 10: _driver.GetImages(id); break;
                case 11: _driver.WaitEvent(id, TimeSpan.Zero); break;
                case 64: _driver.TryGetStatus(id, out _); break;
                case 65: _driver.TryGetDeviceStatus(id, out _); break;
                case 66: _driver.TryGetStorageRanges(id, out _); break;
            }
        });
        Assert.Equal(errorId, e.ErrorId);
        Assert.Equal(errno, e.Errno);
        Assert.NotEmpty(e.Message);
    }

    [Theory]
    [InlineData(0, 512, 0, 1)]
    [InlineData(1, 1, 0, 1)]
    [InlineData(511, 2, 0, 2)]
    [InlineData(512, 513, 1, 2)]
    [InlineData(1000, 5000, 1, 11)]
    [InlineData(long.MaxValue, 4096, (1UL << 54) - 1, 9)]
    [InlineData(long.MaxValue, long.MaxValue, (1UL << 54) - 1, (1UL << 54) + 1)]
    public void MarkedRangesAreWidenedToSectors(long offset, long length, ulong sector, ulong count)
    {
        BlkSnapBlockRange range = Sectors.Cover(new ByteRange(offset, length));
        Assert.Equal((sector, count), (range.SectorOffset, range.SectorCount));
    }

    [Fact]
    public void EmptyRangesAreNotSent()
    {
        // Some drivers mark the whole device when they see one.
        BlockDevice device = _fake.AddDevice("/dev/fake0", Size);
        _driver.CreateSnapshot([device.Id]);
        _driver.MarkDirty(device.Id, [new ByteRange(0, 0)]);
        Assert.DoesNotContain(4, _fake.RequestNumbers);
        _driver.MarkDirty(device.Id, [new ByteRange(0, 0), new ByteRange(SimulatedTracker.BlockSize, 1)]);
        Assert.Equal([0, 1, 0], _fake.Trackers[device.Id].WriteMap[..3]);
    }

    [Fact]
    public void ManyMarkedRangesGoInSeveralRequests()
    {
        BlockDevice device = _fake.AddDevice("/dev/fake0", 64L << 20);
        _driver.CreateSnapshot([device.Id]);
        _driver.MarkDirty(device.Id, [.. Enumerable.Range(0, 100000).Select(i => new ByteRange(i * 512L, 512))]);
        Assert.Equal(2, _fake.RequestNumbers.Count(number => number == 4));
        int blocks = (100000 * 512 / SimulatedTracker.BlockSize) + 1;
        Assert.All(_fake.Trackers[device.Id].WriteMap[..blocks], entry => Assert.Equal(1, entry));
        Assert.All(_fake.Trackers[device.Id].WriteMap[blocks..], entry => Assert.Equal(0, entry));
    }

    [Fact]
    public void MapIsReadInOneRequest()
    {
        BlockDevice device = _fake.AddDevice("/dev/fake0", Size);
        Guid id = _driver.CreateSnapshot([device.Id]);
        _driver.AppendStorage(id, device.Id, [new ByteRange(0, 1 << 20)]);
        _fake.Write(device.Id, 3 * SimulatedTracker.BlockSize, 1);
        _driver.TakeSnapshot(id);
        byte[] map = _driver.ReadCbtMap(device.Id, Size / SimulatedTracker.BlockSize);
        Assert.Equal(Size / SimulatedTracker.BlockSize, map.Length);
        Assert.Equal([3], Enumerable.Range(0, map.Length).Where(i => map[i] != 0));
        Assert.Single(_fake.RequestNumbers, 3);
    }

    [Fact]
    public void UnalignedStorageIsRefusedBeforeItIsSent()
    {
        BlockDevice device = _fake.AddDevice("/dev/fake0", Size);
        BlksnapException e = Assert.Throws<BlksnapException>(
            () => _driver.AppendStorage(Guid.NewGuid(), device.Id, [new ByteRange(100, 512)]));
        Assert.Equal(ErrorIds.StorageUnaligned, e.ErrorId);
        Assert.DoesNotContain(7, _fake.RequestNumbers);
    }

    [Fact]
    public void ExtensionsAreNotSentToDriversWithoutThem()
    {
        using SimulatedDriver reference = new(SimulatedFlavor.Reference);
        using BlksnapDriver driver = BlksnapDriver.Open();
        Assert.False(driver.TryGetStatus(Guid.NewGuid(), out _));
        Assert.False(driver.TryGetDeviceStatus(Guid.NewGuid(), out _));
        Assert.False(driver.TryGetStorageRanges(Guid.NewGuid(), out _));
        Assert.DoesNotContain(reference.RequestNumbers, number => number >= 64);
    }
}
