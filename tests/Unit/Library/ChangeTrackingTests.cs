// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Tracking;

namespace Unit.Library;

public sealed class ChangeTrackingTests : IDisposable
{
    private const int Block = SimulatedTracker.BlockSize;

    private readonly SimulatedDriver _fake;
    private readonly BlksnapDriver _driver;
    private readonly ChangeTracking _tracking;
    private readonly BlockDevice _device;
    private readonly BlockDevice _storage;

    public ChangeTrackingTests()
    {
        _fake = new SimulatedDriver();
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

        ChangedRange[] changed = [.. _tracking.GetChangedRanges(_device.Id, [before.ChangeToken!])];
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
        BlksnapException e = Assert.Throws<BlksnapException>(() => _tracking.GetChangedRanges(_device.Id, [new ChangeToken { Generation = Guid.NewGuid(), SnapshotNumber = 1 }]));
        Assert.Equal(ErrorIds.ChangedBlocksGeneration, e.ErrorId);
    }

    [Fact]
    public void NumberAheadOfTheMapBreaksTheChain()
    {
        Snapshot();
        Tracker tracker = _tracking.GetTracker(_device.Id);
        BlksnapException e = Assert.Throws<BlksnapException>(
            () => _tracking.GetChangedRanges(_device.Id, [tracker.ChangeToken! with { SnapshotNumber = 2 }]));
        Assert.Equal(ErrorIds.ChangedBlocksNumberWrap, e.ErrorId);
    }

    [Fact]
    public void TokenOfThisVerySnapshotHasNoChanges()
    {
        _driver.CreateSnapshot([_device.Id]);
        _fake.Write(_device.Id, 0, 1);
        _driver.DestroySnapshot(_fake.Snapshots[0].Id);
        Snapshot();
        Tracker tracker = _tracking.GetTracker(_device.Id);
        Assert.Empty(_tracking.GetChangedRanges(_device.Id, [tracker.ChangeToken!]));
    }

    [Theory]
    [InlineData(nameof(SimulatedFlavor.Own))]
    [InlineData(nameof(SimulatedFlavor.Reference))]
    [InlineData(nameof(SimulatedFlavor.Upstream))]
    public void NumbersThatAreUsedUpBreakEveryChain(string flavor)
    {
        using SimulatedDriver fake = new(Enum.Parse<SimulatedFlavor>(flavor));
        DeviceId device = fake.AddDevice("/dev/fake0", 16 * Block).Id;
        using BlksnapDriver driver = BlksnapDriver.Open();
        ChangeTracking tracking = new(driver);
        List<ChangeToken> before = [];
        List<ChangeToken> after = [];
        for (int i = 0; i < 300; i++)
        {
            Guid id = driver.CreateSnapshot([device]);
            driver.AppendStorage(id, device, [new ByteRange(0, 1 << 20)]);
            driver.TakeSnapshot(id);
            ChangeToken token = tracking.GetTracker(device).ChangeToken!;
            if (before.Count == 0 || token.Generation == before[0].Generation)
            {
                before.Add(token);
            }
            else
            {
                after.Add(token);

                // Also at the very first take of the new generation no token of the old one may give an increment.
                if (after.Count <= 2)
                {
                    Assert.All(before, old => Assert.Contains(Broken(tracking, device, old), new[] { ErrorIds.ChangedBlocksNumberWrap, ErrorIds.ChangedBlocksGeneration }));
                    Assert.Equal(ErrorIds.ChangedBlocksNumberWrap, Broken(tracking, device, before[^1]));
                }

                if (after.Count == 1)
                {
                    Assert.All(before, old => Assert.Equal(ErrorIds.ChangedBlocksNumberWrap, Broken(tracking, device, old)));
                }
            }

            driver.DestroySnapshot(id);
        }

        Assert.Equal(254, before.Count);

        // Other drivers give the first snapshot of the new generation the last number of the old one.
        Guid last = driver.CreateSnapshot([device]);
        driver.AppendStorage(last, device, [new ByteRange(0, 1 << 20)]);
        driver.TakeSnapshot(last);
        if (flavor == nameof(SimulatedFlavor.Own))
        {
            Assert.All(after, token => tracking.GetChangedRanges(device, [token]));
        }
        else
        {
            Assert.Equal(ErrorIds.ChangedBlocksNumberWrap, Broken(tracking, device, after[0]));
        }
    }

    [Fact]
    public void EachBrokenChainHasItsReason()
    {
        Snapshot();
        ChangeToken token = _tracking.GetTracker(_device.Id).ChangeToken!;
        Assert.Empty(_tracking.GetChangedRanges(_device.Id, [token]));
        Assert.Equal(ErrorIds.ChangedBlocksOtherDevice, Broken(_tracking, _device.Id, token with { Device = "240:99", Generation = Guid.NewGuid() }));
        Assert.Equal(ErrorIds.ChangedBlocksResized, Broken(_tracking, _device.Id, token with { Size = 5 }));
        Assert.Equal(ErrorIds.ChangedBlocksReboot, Broken(_tracking, _device.Id, token with { BootId = Guid.NewGuid() }));
        Assert.Equal(ErrorIds.ChangedBlocksNumberWrap, Broken(_tracking, _device.Id, token with { SnapshotNumber = 2 }));
        using (SystemBoot.Use(Guid.NewGuid()))
        {
            Assert.Equal(ErrorIds.ChangedBlocksReboot, Broken(_tracking, _device.Id, token));
        }
    }

    [Fact]
    public void DeviceThatWasReplacedOrResizedBreaksTheChain()
    {
        _driver.DestroySnapshot(Snapshot());
        ChangeToken token = _tracking.GetTracker(_device.Id).ChangeToken!;
        _driver.RemoveTracker(_device.Id);
        Guid id = Snapshot();
        Assert.Equal(ErrorIds.ChangedBlocksGeneration, Broken(_tracking, _device.Id, token));
        _driver.DestroySnapshot(id);

        _fake.ChangeDevice(_device.Id, device => device with { Size = 32 * Block });
        _driver.RemoveTracker(_device.Id);
        Snapshot();
        Assert.Equal(ErrorIds.ChangedBlocksResized, Broken(_tracking, _device.Id, token));
    }

    [Fact]
    public void OfSeveralTokensADeviceFindsItsOwn()
    {
        Guid id = _driver.CreateSnapshot([_device.Id, _storage.Id]);
        _driver.AppendStorage(id, _storage.Id, [new ByteRange(0, 1 << 20)]);
        _driver.TakeSnapshot(id);
        ChangeToken[] tokens = [.. _tracking.GetTrackers().Select(tracker => tracker.ChangeToken!)];
        _driver.DestroySnapshot(id);
        _fake.Write(_storage.Id, 3 * Block, 1);
        id = _driver.CreateSnapshot([_device.Id, _storage.Id]);
        _driver.AppendStorage(id, _storage.Id, [new ByteRange(0, 1 << 20)]);
        _driver.TakeSnapshot(id);
        Assert.Empty(_tracking.GetChangedRanges(_device.Id, tokens));
        Assert.Equal(3 * Block, Assert.Single(_tracking.GetChangedRanges(_storage.Id, tokens)).Offset);
        Assert.Equal(ErrorIds.ChangedBlocksOtherDevice, Broken(_tracking, _storage.Id, tokens[0]));
    }

    [Fact]
    public void MapOfADeviceThatIsGoneIsNotOneWithoutChanges()
    {
        Snapshot();
        ChangeToken token = _tracking.GetTracker(_device.Id).ChangeToken!;
        _fake.RemoveDevice(_device.Id);
        Assert.Equal(ErrorIds.DeviceNotFound, Broken(_tracking, _device.Id, token));
        Assert.Null(_tracking.GetTrackers()[0].ChangeToken);
    }

    [Fact]
    public void ImageCarriesTheTokenOfItsOwnTake()
    {
        SnapshotManager manager = new(_driver);
        Guid id = Snapshot();
        ChangeToken token = Assert.Single(manager.Get(id).Images).ChangeToken!;
        Assert.Equal(_tracking.GetTracker(_device.Id).ChangeToken, token);
        Assert.Equal(("/dev/fake0", _device.Id.ToString(), (64 * Block) + 4096L, (byte)1), (token.DevicePath, token.Device, token.Size, token.SnapshotNumber));
        Assert.NotNull(token.BootId);
    }

    [Fact]
    public void TokenIsOneLineToo()
    {
        Snapshot();
        ChangeToken token = _tracking.GetTracker(_device.Id).ChangeToken!;
        Assert.Equal(token, ChangeToken.Parse(token.ToString()));
        ChangeToken odd = token with { DevicePath = "/dev/odd;path=1=2", Size = null, BootId = null };
        Assert.Equal(odd, ChangeToken.Parse(odd.ToString()));
        ChangeToken bare = new() { Generation = token.Generation, SnapshotNumber = 7 };
        Assert.Equal(bare, ChangeToken.Parse($"  {bare} "));
        foreach (string text in new[] { "", "1", "generation=1;number=1", $"generation={token.Generation}", $"{bare};size=many", $"{bare};boot=1", $"{bare};device=sda", $"{bare};x" })
        {
            Assert.False(ChangeToken.TryParse(text, out _), text);
        }

        Assert.Throws<FormatException>(() => ChangeToken.Parse("no token"));
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
        using SimulatedDriver fake = new(SimulatedFlavor.Upstream);
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
    [InlineData(nameof(SimulatedFlavor.Reference))]
    [InlineData(nameof(SimulatedFlavor.Upstream))]
    public void OtherDriversWorkAsWell(string flavor)
    {
        using SimulatedDriver fake = new(Enum.Parse<SimulatedFlavor>(flavor));
        BlockDevice device = fake.AddDevice("/dev/fake0", (4 * Block) + 512);
        using BlksnapDriver driver = BlksnapDriver.Open();
        Guid id = driver.CreateSnapshot([device.Id]);
        driver.AppendStorage(id, device.Id, [new ByteRange(0, 1 << 20)]);
        fake.Write(device.Id, 4 * Block, 1);
        driver.TakeSnapshot(id);
        ChangedRange range = Assert.Single(new ChangeTracking(driver).GetChangedRanges(device.Id));
        Assert.Equal((4L * Block, 512L), (range.Offset, range.Length));
    }

    private static string Broken(ChangeTracking tracking, DeviceId device, ChangeToken token)
    {
        BlksnapException e = Assert.Throws<BlksnapException>(() => tracking.GetChangedRanges(device, [token]));
        if (e.ErrorId.StartsWith("ChangedBlocks", StringComparison.Ordinal))
        {
            Assert.Contains("full backup", e.Message, StringComparison.Ordinal);
        }

        return e.ErrorId;
    }

    private Guid Snapshot()
    {
        Guid id = _driver.CreateSnapshot([_device.Id]);
        _driver.AppendStorage(id, _storage.Id, [new ByteRange(0, 32 << 20)]);
        _driver.TakeSnapshot(id);
        return id;
    }
}
