// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;
using Blksnap.Tracking;

namespace Unit.Library;

/// <summary>Snapshots with drivers that have no extensions: what they do not tell is kept beside them.</summary>
public sealed class OtherDriverTests : IDisposable
{
    private const long Size = 64 << 20;

    private readonly SimulatedDriver _fake = new(SimulatedFlavor.Reference);
    private readonly BlksnapDriver _driver = BlksnapDriver.Open();
    private readonly SnapshotManager _manager;
    private readonly BlockDevice _first;
    private readonly BlockDevice _second;

    public OtherDriverTests()
    {
        _manager = new SnapshotManager(_driver);
        _first = _fake.AddDevice("/dev/fake0", Size);
        _second = _fake.AddDevice("/dev/fake1", Size);
        _fake.AddDevice("/dev/store", Size);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _fake.Dispose();
    }

    [Fact]
    public void AnyProcessKnowsWhatWasRecorded()
    {
        Snapshot made = _manager.Create(Request(_first, "/dev/store:0+8M"));
        using BlksnapDriver other = BlksnapDriver.Open();
        Snapshot snapshot = new SnapshotManager(other).Get(made.Id);
        Assert.Equal(SnapshotState.Taken, snapshot.State);
        Assert.Equal(["/dev/fake0"], snapshot.DevicePath);
        Assert.Equal("/dev/veeamblksnapimg0", snapshot.Images[0].ImagePath);
        Assert.Equal(8L << 20, snapshot.StorageCapacity);
        Assert.Null(snapshot.StorageUsed);
        Assert.Null(snapshot.StorageFree);
        Assert.Null(snapshot.Devices[0].Freeze);
        Assert.InRange(snapshot.TakeTime!.Value, snapshot.CreationTime!.Value, DateTime.Now);
        Assert.Equal(DateTimeKind.Local, snapshot.CreationTime!.Value.Kind);
    }

    [Fact]
    public void SnapshotOfAnotherProgramHasNoTimes()
    {
        Guid id = _driver.CreateSnapshot([_first.Id]);
        Snapshot snapshot = _manager.Get(id);
        Assert.Equal(SnapshotState.Created, snapshot.State);
        Assert.Null(snapshot.CreationTime);
        Assert.Null(snapshot.StorageCapacity);
        Assert.Empty(snapshot.Images);
    }

    // Rates of change, in the same folder, outlive the snapshot.
    private IEnumerable<string> Records() =>
        Directory.EnumerateDirectories(_fake.RuntimeFolder).Where(folder => Guid.TryParse(Path.GetFileName(folder), out _));

    [Fact]
    public void RecordGoesWithTheSnapshot()
    {
        Snapshot snapshot = _manager.Create(Request(_first, "/dev/store"));
        Assert.Single(Records());
        _manager.Remove(snapshot.Id);
        Assert.Empty(Records());
    }

    [Fact]
    public void RangesAreRecorded()
    {
        Snapshot snapshot = _manager.Create(Request(_first, "/dev/store:0+8M"));
        _manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse("/dev/store:16M+1M"));
        DiffStorage storage = _manager.GetStorage(snapshot.Id);
        Assert.Equal(9L << 20, storage.Capacity);
        Assert.Equal([0L, 16L << 20], storage.Ranges.Select(range => range.Offset));
        Assert.Null(storage.Used);
        Assert.Null(storage.LowSpaceMark);
    }

    [Fact]
    public void SecondSnapshotWouldLoseTheFirst()
    {
        Snapshot first = _manager.Create(Request(_first, "/dev/store:0+8M"));
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request(_second, "/dev/store:8M+8M")));
        Assert.Equal(ErrorIds.DriverSingleSnapshot, e.ErrorId);
        Assert.Equal([first.Id], _manager.GetAll().Select(snapshot => snapshot.Id));

        Snapshot second = _manager.Create(Request(_second, "/dev/store:8M+8M") with { Force = true });
        Assert.Equal([second.Id], _manager.GetAll().Select(snapshot => snapshot.Id));

        // The first still has its image: its storage must not be given back.
        Assert.Equal(ErrorIds.StorageInUse, Assert.Throws<BlksnapException>(() => _manager.Remove(first.Id)).ErrorId);
        Assert.Equal(2, Records().Count());
    }

    [Fact]
    public void RecordOfASnapshotThatEndedOtherwiseIsCleared()
    {
        Snapshot snapshot = _manager.Create(Request(_first, "/dev/store"));
        _driver.DestroySnapshot(snapshot.Id);
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => _manager.Remove(snapshot.Id)).ErrorId);
        Assert.Empty(Records());
    }

    [Fact]
    public void TakeThatDestroysTheSnapshotLeavesNothing()
    {
        _fake.FailRequest(8, Errno.EFAULT);
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request(_first, "/dev/store")));
        Assert.Equal("SnapshotTake,EFAULT", e.ErrorId);
        Assert.Empty(_fake.Snapshots);
        Assert.Empty(_fake.Trackers);
        Assert.Empty(Records());
    }

    [Fact]
    public void RangeThatTheDriverWouldNeverUseIsRefused()
    {
        // Less than a chunk of 256 KiB.
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request(_first, "/dev/store:0+128K")));
        Assert.Equal(ErrorIds.StorageTooSmall, e.ErrorId);
        Assert.Empty(_fake.Snapshots);
    }

    [Fact]
    public void RangesAreTrimmedToPages()
    {
        _manager.Create(Request(_first, "/dev/store:512+1049600"));
        SimulatedRange range = Assert.Single(_fake.Snapshots[0].Ranges);
        Assert.Equal((8UL, 2040UL), (range.Offset, range.Count));
    }

    [ImmutableFact]
    public void FileInAFolderIsProtectedAndGoesWithTheSnapshot()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = _manager.Create(Request(_first, DiffStorageSpec.Parse(folder.Path, 1 << 20)));
        string file = Assert.Single(Directory.GetFiles(folder.Path));
        Assert.Throws<UnauthorizedAccessException>(() => File.Delete(file));
        Assert.Throws<UnauthorizedAccessException>(() => File.OpenWrite(file).Dispose());
        Assert.Equal(file, _manager.GetStorage(snapshot.Id).Ranges[0].FilePath);

        using BlksnapDriver other = BlksnapDriver.Open();
        new SnapshotManager(other).Remove(snapshot.Id);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [ImmutableFact]
    public void FileOfTheUserIsProtectedAndStays()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("mine");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        Snapshot snapshot = _manager.Create(Request(_first, file));
        Assert.Throws<UnauthorizedAccessException>(() => File.Move(file, file + ".other"));
        _manager.Remove(snapshot.Id);
        File.WriteAllText(file, "writable again");
    }

    [ImmutableFact]
    public void FileIsReleasedWhenTheTakeFails()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("mine");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        _fake.FailRequest(8, Errno.EFAULT);
        Assert.Throws<BlksnapException>(() => _manager.Create(new SnapshotRequest
        {
            Devices = [_first],
            Storage = [DiffStorageSpec.Parse(file), DiffStorageSpec.Parse(folder.Path, 1 << 20)],
        }));
        Assert.Equal([file], Directory.GetFiles(folder.Path));
        File.WriteAllText(file, "writable again");
    }

    [ImmutableFact]
    public void FileThatSomebodyHasOpenIsBusy()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("mine");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        using (File.OpenWrite(file))
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request(_first, file)));
            Assert.Equal(ErrorIds.StorageFileBusy, e.ErrorId);
        }

        Assert.Empty(_fake.Snapshots);
        File.WriteAllText(file, "writable again");
    }

    [ImmutableFact]
    public void FileThatTheDriverMayHaveTakenAPartOfStays()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = _manager.Create(Request(_first, "/dev/store:0+8M"));
        string mine = folder.File("mine");
        StorageFile.Make(mine, hasName: true, 1 << 20).Dispose();

        // These come before the first range.
        foreach (int errno in new[] { Errno.ESRCH, Errno.EINVAL, Errno.ENODATA, Errno.ENXIO })
        {
            _fake.FailRequest(7, errno);
            Assert.Throws<BlksnapException>(() => _manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse(folder.Path, 1 << 20)));
            Assert.Equal([mine], Directory.GetFiles(folder.Path));
        }

        _fake.FailRequest(7, Errno.ENOMEM);
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse(folder.Path, 1 << 20)));
        string made = Assert.Single(Directory.GetFiles(folder.Path), file => file != mine);
        Assert.Equal(Errno.ENOMEM, e.Errno);
        Assert.Contains(made, e.Message, StringComparison.Ordinal);
        _fake.FailRequest(7, Errno.ENOMEM);
        Assert.Throws<BlksnapException>(() => _manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse(mine)));
        Assert.Throws<UnauthorizedAccessException>(() => File.Delete(made));
        Assert.Throws<UnauthorizedAccessException>(() => File.OpenWrite(mine).Dispose());
        Assert.Equal(8L << 20, _manager.GetStorage(snapshot.Id).Capacity);

        _manager.Remove(snapshot.Id);
        Assert.Equal([mine], Directory.GetFiles(folder.Path));
        File.WriteAllText(mine, "writable again");
    }

    [ImmutableFact]
    public void FileThatANewSnapshotMayHaveTakenAPartOfGoesWithIt()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        _fake.FailRequest(7, Errno.ENOMEM);
        Assert.Throws<BlksnapException>(() => _manager.Create(Request(_first, DiffStorageSpec.Parse(folder.Path, 1 << 20))));
        Assert.Empty(Directory.GetFiles(folder.Path));
        Assert.Empty(Records());
    }

    [Fact]
    public void RangesAreTrimmedToTheSystemsPages()
    {
        BlockDevice device = BlockDevices.FromPath("/dev/store");
        ByteRange[] extents = [new(4096, 2 << 20)];
        Assert.Equal([new ByteRange(65536, (2 << 20) - 65536)], DiffStorageSource.Usable(extents, _driver.Info, device, 65536));
        Assert.Equal(extents, DiffStorageSource.Usable(extents, _driver.Info, device, 4096));
        Assert.Equal(
            DiffStorageSource.Usable(extents, _driver.Info, device, Environment.SystemPageSize),
            DiffStorageSource.Usable(extents, _driver.Info, device));
    }

    [Theory]
    [InlineData(nameof(SimulatedFlavor.Reference))]
    [InlineData(nameof(SimulatedFlavor.Upstream))]
    public void ChangesAreMarkedByTheDeviceWhenItsImageIsNamed(string flavor)
    {
        using SimulatedDriver fake = new(Enum.Parse<SimulatedFlavor>(flavor));
        BlockDevice device = fake.AddDevice("/dev/fake0", Size);
        fake.AddDevice("/dev/store", Size);
        using BlksnapDriver driver = BlksnapDriver.Open();
        Snapshot snapshot = new SnapshotManager(driver).Create(Request(device, "/dev/store"));
        ChangeTracking tracking = new(driver);
        tracking.MarkChanged(snapshot.Images[0].ImageDevice, [new ByteRange(SimulatedTracker.BlockSize, 1)]);
        Assert.Equal(SimulatedTracker.BlockSize, Assert.Single(tracking.GetChangedRanges(device.Id)).Offset);

        // An image that belongs to no snapshot any more is no tracked device.
        driver.DestroySnapshot(snapshot.Id);
        BlksnapException e = Assert.Throws<BlksnapException>(
            () => tracking.MarkChanged(snapshot.Images[0].ImageDevice, [new ByteRange(0, 1)]));
        Assert.Equal(ErrorIds.TrackerNotFound, e.ErrorId);
    }

    private static SnapshotRequest Request(BlockDevice device, string storage) => Request(device, DiffStorageSpec.Parse(storage));

    private static SnapshotRequest Request(BlockDevice device, DiffStorageSpec storage)
        => new() { Devices = [device], Storage = [storage] };
}
