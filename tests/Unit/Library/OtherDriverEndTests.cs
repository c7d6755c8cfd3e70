// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;

namespace Unit.Library;

/// <summary>The end of snapshots with drivers that go on after they said that it is done: nothing is released that they may still write to.</summary>
public sealed class OtherDriverEndTests : IDisposable
{
    private const long Size = 64 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly SimulatedDriver _fake = new(SimulatedFlavor.Reference);
    private readonly BlksnapDriver _driver = BlksnapDriver.Open();
    private readonly SnapshotManager _manager;
    private readonly BlockDevice _first;
    private readonly BlockDevice _second;

    public OtherDriverEndTests()
    {
        _manager = new SnapshotManager(_driver) { EndGrace = TimeSpan.Zero };
        _first = _fake.AddDevice("/dev/fake0", Size);
        _second = _fake.AddDevice("/dev/fake1", Size);
        _fake.AddDevice("/dev/store", Size);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _fake.Dispose();
    }

    [ImmutableFact]
    public void FilesAreKeptUntilTheCopyingHasEnded()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = _manager.Create(Request(folder.Path));
        Assert.Equal(1, FilesAtTheEnd(folder, () => _manager.Remove(snapshot.Id)));
        Assert.Empty(Directory.GetFiles(folder.Path));
        Assert.Null(RuntimeRecord.Find(snapshot.Id));
    }

    [ImmutableFact]
    public void StorageOfASnapshotOfAnotherProgramIsKeptAsLong()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Guid id = _driver.CreateSnapshot([_first.Id]);
        _driver.AppendStorage(id, _second.Id, [new ByteRange(0, 1 << 20)]);
        _driver.TakeSnapshot(id);
        _manager.AddStorage(id, DiffStorageSpec.Parse(folder.Path, 1 << 20));
        Assert.Null(_manager.Get(id).CreationTime);
        Assert.Equal(1, FilesAtTheEnd(folder, () => _manager.Remove(id)));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [ImmutableFact]
    public void ATakeThatNobodyRecordedIsNoticed()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = _manager.Create(Request(folder.Path));
        (RuntimeRecord.Find(snapshot.Id)! with { TakeTime = null, Images = [], Devices = [] }).Save();
        Assert.Equal(1, FilesAtTheEnd(folder, () => _manager.Remove(snapshot.Id)));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [ImmutableFact]
    public void UndoingWaitsToo()
    {
        using TemporaryFolder folder = ExtentFolder.Create();

        // The images are read twice for the record; the third look comes after the take.
        _fake.FailRequest(10, Errno.ENOMEM, skip: 2);
        Assert.Equal(1, FilesAtTheEnd(folder, () => Assert.Equal(
            Errno.ENOMEM, Assert.Throws<BlksnapException>(() => _manager.Create(Request(folder.Path))).Errno)));
        Assert.Empty(Directory.GetFiles(folder.Path));
        Assert.Empty(_fake.Trackers);
    }

    [ImmutableFact]
    public void UndoingThatDoesNotComeToAnEndSaysWhatStays()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        SnapshotManager hasty = new(_driver) { EndLimit = TimeSpan.FromMilliseconds(50), EndGrace = TimeSpan.Zero };
        _fake.FailRequest(10, Errno.ENOMEM, skip: 2);
        using ManualResetEventSlim ended = new();
        _fake.Released = _ => ended.Set();
        _fake.ReleaseDelay = TimeSpan.FromSeconds(2);
        BlksnapException e = Assert.Throws<BlksnapException>(() => hasty.Create(Request(folder.Path)));
        string file = Assert.Single(Directory.GetFiles(folder.Path));
        Assert.Equal(Errno.ENOMEM, e.Errno);
        Assert.Contains(file, e.Message, StringComparison.Ordinal);
        Guid id = Guid.Parse(Path.GetFileName(file)[".blksnap-".Length..][..36]);
        Assert.Contains($"Remove-BlkSnapshot {id}", e.NextStep, StringComparison.Ordinal);
        Assert.Throws<UnauthorizedAccessException>(() => File.Delete(file));

        Assert.True(ended.Wait(s_patience));
        Assert.Throws<BlksnapException>(() => _manager.Remove(id));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [ImmutableFact]
    public void FilesStayWhileAnotherProgramHoldsTheEndUp()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = _manager.Create(Request(folder.Path));
        string file = Assert.Single(Directory.GetFiles(folder.Path));
        SnapshotManager hasty = new(_driver) { EndLimit = TimeSpan.FromMilliseconds(50), EndGrace = TimeSpan.Zero };
        using (_fake.WaitElsewhere(snapshot.Id))
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => hasty.Remove(snapshot.Id));
            Assert.Equal(ErrorIds.StorageInUse, e.ErrorId);
            Assert.Contains(file, e.Message, StringComparison.Ordinal);
            Assert.Contains($"Remove-BlkSnapshot {snapshot.Id}", e.NextStep, StringComparison.Ordinal);
            Assert.Empty(_driver.GetSnapshotIds());

            // Nor on the next try, which finds no snapshot.
            Assert.Equal(ErrorIds.StorageInUse, Assert.Throws<BlksnapException>(() => _manager.Remove(snapshot.Id)).ErrorId);
            Assert.Equal([file], SnapshotManager.GetKeptFiles(snapshot.Id));
            Assert.Throws<UnauthorizedAccessException>(() => File.Delete(file));
        }

        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => _manager.Remove(snapshot.Id)).ErrorId);
        Assert.Empty(SnapshotManager.GetKeptFiles(snapshot.Id));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [ImmutableFact]
    public void AWaitThatIsCancelledLeavesTheFiles()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = _manager.Create(Request(folder.Path));
        using CancellationTokenSource source = new();
        using (_fake.WaitElsewhere(snapshot.Id))
        {
            source.CancelAfter(50);
            Assert.ThrowsAny<OperationCanceledException>(() => _manager.Remove(snapshot.Id, source.Token));
        }

        Assert.Single(SnapshotManager.GetKeptFiles(snapshot.Id));
        Assert.Throws<BlksnapException>(() => _manager.Remove(snapshot.Id));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TheReaderOfThisProcessDoesNotHoldTheEndUp(bool canInterrupt)
    {
        _fake.CanInterrupt = canInterrupt;
        Snapshot snapshot = _manager.Create(Request("/dev/store"));
        BlockingCollection<Exception?> ends = [];
        using IDisposable subscription = EventReader.Subscribe(snapshot.Id, _ => { }, ends.Add);
        Assert.True(SpinWait.SpinUntil(() => _fake.RequestNumbers.Count(number => number == 11) > 2, s_patience));
        _manager.Remove(snapshot.Id);

        // It is out before, and hears of the end after that.
        Assert.True(ends.TryTake(out Exception? reason, s_patience));
        Assert.Null(reason);
        SimulatedRequest first = _fake.Requests.SkipWhile(request => request.Number != 6).First(request => request.Number == 11);
        Assert.Equal(-Errno.ESRCH, first.Result);
    }

    [Fact]
    public void AReaderGoesOnWhenTheDestroyFails()
    {
        Snapshot snapshot = _manager.Create(Request("/dev/store"));
        BlockingCollection<SnapshotEvent> events = [];
        using IDisposable subscription = EventReader.Subscribe(snapshot.Id, events.Add);
        Assert.True(events.TryTake(out _, s_patience));
        _fake.FailRequest(6, Errno.ENOMEM);
        Assert.Equal(Errno.ENOMEM, Assert.Throws<BlksnapException>(() => _manager.Remove(snapshot.Id)).Errno);
        _fake.RaiseLowSpace(snapshot.Id, 512);
        Assert.True(events.TryTake(out _, s_patience));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnotherImageWithTheSameNumberIsNotTheOldOne(bool hasSequences)
    {
        _fake.HasDiskSequences = hasSequences;
        Snapshot first = _manager.Create(Request("/dev/store:0+8M"));
        _driver.DestroySnapshot(first.Id);
        Snapshot second = _manager.Create(Request("/dev/store:8M+8M") with { Devices = [_second] });
        Assert.Equal(first.Images[0].ImageDevice, second.Images[0].ImageDevice);
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => _manager.Remove(first.Id)).ErrorId);
        Assert.Null(RuntimeRecord.Find(first.Id));
    }

    [Fact]
    public void WhatHoldsTheDeviceMayBeTheOldSnapshot()
    {
        Snapshot first = _manager.Create(Request("/dev/store:0+8M"));
        _driver.DestroySnapshot(first.Id);
        Snapshot second = _manager.Create(Request("/dev/store:8M+8M"));
        Assert.Equal(ErrorIds.StorageInUse, Assert.Throws<BlksnapException>(() => _manager.Remove(first.Id)).ErrorId);
        _manager.Remove(second.Id);
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => _manager.Remove(first.Id)).ErrorId);
        Assert.Null(RuntimeRecord.Find(first.Id));
    }

    [Fact]
    public void WhatCannotBeSeenIsGivenTime()
    {
        TimeSpan grace = TimeSpan.FromMilliseconds(300);
        SnapshotManager careful = new(_driver) { EndGrace = grace };
        Snapshot snapshot = careful.Create(Request("/dev/store"));
        long start = Stopwatch.GetTimestamp();
        careful.Remove(snapshot.Id);
        Assert.True(Stopwatch.GetElapsedTime(start) >= grace - TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public void SnapshotThatWasNotTakenHasNothingToWaitFor()
    {
        Guid id = _driver.CreateSnapshot([_first.Id]);
        using (_fake.WaitElsewhere(id))
        {
            new SnapshotManager(_driver) { EndGrace = TimeSpan.FromMinutes(10) }.Remove(id);
        }
    }

    [Fact]
    public void WhatAFailedCreateTrackedIsLetGo()
    {
        BlockDevice third = _fake.AddDevice("/dev/fake2", Size);
        _driver.DestroySnapshot(_driver.CreateSnapshot([_second.Id]));
        _fake.RemoveDevice(third.Id);
        BlksnapException e = Assert.Throws<BlksnapException>(
            () => _manager.Create(Request("/dev/store") with { Devices = [_first, _second, third] }));
        Assert.Equal(ErrorIds.DeviceNotFound, e.ErrorId);
        Assert.Equal([_second.Id], _fake.Trackers.Keys);
    }

    /// <summary>Does something, and says how many files there are when the driver writes to the storage no more.</summary>
    private int FilesAtTheEnd(TemporaryFolder folder, Action action)
    {
        int files = -1;
        _fake.Released = _ => files = Directory.GetFiles(folder.Path).Length;
        _fake.ReleaseDelay = TimeSpan.FromMilliseconds(100);
        action();
        return files;
    }

    private SnapshotRequest Request(string storage) => new()
    {
        Devices = [_first],
        Storage = [DiffStorageSpec.Parse(storage, storage.StartsWith("/dev/", StringComparison.Ordinal) ? null : 1 << 20)],
    };
}
