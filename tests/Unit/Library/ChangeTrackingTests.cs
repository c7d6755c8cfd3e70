// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Tracking;
using Unit.Fake;

namespace Unit.Library;

public sealed class ChangeTrackingTests : IDisposable
{
    private const int Block = FakeTracker.BlockSize;

    private readonly FakeDriver _fake;
    private readonly BlksnapDriver _driver;
    private readonly ChangeTracking _tracking;
    private readonly BlockDevice _device;
    private readonly BlockDevice _storage;

    public ChangeTrackingTests()
    {
        _fake = new FakeDriver();
        _driver = BlksnapDriver.Open();
        _tracking = new ChangeTracking(_driver);
        _device = _fake.AddDevice("/dev/fake0", (64 * Block) + 4096);
        _storage = _fake.AddDevice("/dev/fake1", 64 << 20);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _fake.Dispose();
    }

    [Fact]
    public void TrackerCarriesPathAndMap()
    {
        Snapshot();
        Tracker tracker = Assert.Single(_tracking.GetTrackers());
        Assert.Equal("/dev/fake0", tracker.DevicePath);
        Assert.Equal((64 * Block) + 4096, tracker.Size);
        Assert.Equal(Block, tracker.BlockSize);
        Assert.Equal(65, tracker.BlockCount);
        Assert.Equal(1, tracker.SnapshotNumber);
        Assert.Equal(_fake.Trackers[_device.Id].Generation, tracker.Generation);
        Assert.True(tracker.Present);
    }

    [Fact]
    public void DeviceThatIsGoneIsNotPresent()
    {
        _driver.CreateSnapshot([_device.Id]);
        _fake.RemoveDevice(_device.Id);
        Tracker tracker = Assert.Single(_tracking.GetTrackers());
        Assert.False(tracker.Present);
        Assert.Equal(_device.Id.ToString(), tracker.DevicePath);
    }

    [Fact]
    public void IncrementHasWhatWasWrittenBetweenTwoSnapshots()
    {
        Guid first = Snapshot();
        Tracker before = _tracking.GetTracker(_device.Id);
        _fake.Write(_device.Id, 2 * Block, 10);
        _fake.Write(_device.Id, (3 * Block) - 1, 2);
        _fake.Write(_device.Id, 64 * Block, 1);
        _driver.DestroySnapshot(first);
        Snapshot();
        _fake.Write(_device.Id, 10 * Block, 1);

        ChangedRange[] changed = [.. _tracking.GetChangedRanges(_device.Id, new ChangeToken(before.Generation, before.SnapshotNumber))];
        Assert.Equal([(2L * Block, 2L * Block), (64L * Block, 4096L)], changed.Select(range => (range.Offset, range.Length)));
        Assert.All(changed, range => Assert.Equal("/dev/fake0", range.DevicePath));
    }

    [Fact]
    public void WithoutATokenAllChangesSinceTrackingBeganAreThere()
    {
        _driver.DestroySnapshot(_driver.CreateSnapshot([_device.Id]));
        _fake.Write(_device.Id, 0, 1);
        _driver.DestroySnapshot(Snapshot());
        _fake.Write(_device.Id, 5 * Block, 1);
        Snapshot();
        Assert.Equal([0L, 5L * Block], _tracking.GetChangedRanges(_device.Id).Select(range => range.Offset));
    }

    [Fact]
    public void ImageLeadsToItsOriginal()
    {
        Guid id = Snapshot();
        DeviceId image = _driver.GetImages(id)![0].Image;
        Assert.Equal(_device.Id, _tracking.GetTracker(image).Device);
        _tracking.MarkChanged(image, [new ByteRange(7 * Block, 1)]);
        Assert.Equal([7L * Block], _tracking.GetChangedRanges(image).Select(range => range.Offset));
    }

    [Fact]
    public void AnotherGenerationBreaksTheChain()
    {
        Snapshot();
        BlksnapException e = Assert.Throws<BlksnapException>(() => _tracking.GetChangedRanges(_device.Id, new ChangeToken(Guid.NewGuid(), 1)));
        Assert.Equal(ErrorIds.ChangedBlocksGeneration, e.ErrorId);
        Assert.DoesNotContain(3, _fake.RequestNumbers);
    }

    [Fact]
    public void NumberAheadOfTheMapBreaksTheChain()
    {
        Snapshot();
        Tracker tracker = _tracking.GetTracker(_device.Id);
        BlksnapException e = Assert.Throws<BlksnapException>(
            () => _tracking.GetChangedRanges(_device.Id, new ChangeToken(tracker.Generation, 2)));
        Assert.Equal(ErrorIds.ChangedBlocksGeneration, e.ErrorId);
    }

    [Fact]
    public void TokenOfThisVerySnapshotHasNoChanges()
    {
        _driver.CreateSnapshot([_device.Id]);
        _fake.Write(_device.Id, 0, 1);
        _driver.DestroySnapshot(_fake.Snapshots[0].Id);
        Snapshot();
        Tracker tracker = _tracking.GetTracker(_device.Id);
        Assert.Empty(_tracking.GetChangedRanges(_device.Id, new ChangeToken(tracker.Generation, tracker.SnapshotNumber)));
    }

    [Fact]
    public void NumberThatWrapsIsNoticed()
    {
        Guid id = Snapshot();
        Tracker first = _tracking.GetTracker(_device.Id);
        for (int i = 0; i < 254; i++)
        {
            _driver.DestroySnapshot(id);
            id = Snapshot();
        }

        Assert.Equal(255, _tracking.GetTracker(_device.Id).SnapshotNumber);
        Assert.Equal(
            ErrorIds.ChangedBlocksGeneration,
            Assert.Throws<BlksnapException>(() => _tracking.GetChangedRanges(_device.Id, new ChangeToken(first.Generation, first.SnapshotNumber))).ErrorId);

        // One more: the generation stays, the number falls.
        Tracker wrapped = _tracking.GetTracker(_device.Id);
        _driver.DestroySnapshot(id);
        Snapshot();
        Assert.Equal(
            ErrorIds.ChangedBlocksGeneration,
            Assert.Throws<BlksnapException>(() => _tracking.GetChangedRanges(_device.Id, new ChangeToken(wrapped.Generation, wrapped.SnapshotNumber))).ErrorId);
    }

    [Fact]
    public void MapIsReadableOnlyWhileASnapshotHoldsTheDevice()
    {
        _driver.DestroySnapshot(Snapshot());
        BlksnapException e = Assert.Throws<BlksnapException>(() => _tracking.GetChangedRanges(_device.Id));
        Assert.Equal(ErrorIds.DeviceNotInSnapshot, e.ErrorId);
        Assert.Equal("/dev/fake0", e.Target);
    }

    [Fact]
    public void DeviceWithoutATrackerIsNamed()
    {
        BlksnapException e = Assert.Throws<BlksnapException>(() => _tracking.GetChangedRanges(_storage.Id));
        Assert.Equal(ErrorIds.TrackerNotFound, e.ErrorId);
        Assert.Equal("/dev/fake1", e.Target);
    }

    [Fact]
    public void ShortMapIsAnErrorAndNotAnEmptyIncrement()
    {
        // A driver of the first patch set answers 0 bytes where others refuse: that is not "nothing changed".
        using FakeDriver fake = new(FakeFlavor.Upstream);
        BlockDevice device = fake.AddDevice("/dev/fake0", 4 * Block);
        using BlksnapDriver driver = BlksnapDriver.Open();
        Guid id = driver.CreateSnapshot([device.Id]);
        driver.AppendStorage(id, device.Id, [new ByteRange(0, 1 << 20)]);
        driver.TakeSnapshot(id);
        fake.ShortMaps = true;
        BlksnapException e = Assert.Throws<BlksnapException>(() => new ChangeTracking(driver).GetChangedRanges(device.Id));
        Assert.Equal("TrackerReadCbtMap,EAGAIN", e.ErrorId);
    }

    [Theory]
    [InlineData(nameof(FakeFlavor.Reference))]
    [InlineData(nameof(FakeFlavor.Upstream))]
    public void OtherDriversWorkAsWell(string flavor)
    {
        using FakeDriver fake = new(Enum.Parse<FakeFlavor>(flavor));
        BlockDevice device = fake.AddDevice("/dev/fake0", (4 * Block) + 512);
        using BlksnapDriver driver = BlksnapDriver.Open();
        Guid id = driver.CreateSnapshot([device.Id]);
        driver.AppendStorage(id, device.Id, [new ByteRange(0, 1 << 20)]);
        fake.Write(device.Id, 4 * Block, 1);
        driver.TakeSnapshot(id);
        ChangedRange range = Assert.Single(new ChangeTracking(driver).GetChangedRanges(device.Id));
        Assert.Equal((4L * Block, 512L), (range.Offset, range.Length));
    }

    private Guid Snapshot()
    {
        Guid id = _driver.CreateSnapshot([_device.Id]);
        _driver.AppendStorage(id, _storage.Id, [new ByteRange(0, 32 << 20)]);
        _driver.TakeSnapshot(id);
        return id;
    }
}
