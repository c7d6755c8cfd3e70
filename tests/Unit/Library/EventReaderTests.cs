// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;

namespace Unit.Library;

public sealed class EventReaderTests : IDisposable
{
    // Long enough for a loaded machine; nothing waits for it unless the test fails.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly SimulatedDriver _fake = new();
    private readonly BlockDevice _device;
    private readonly Guid _id;

    public EventReaderTests()
    {
        _device = _fake.AddDevice("/dev/fake0", 64 << 20);
        _id = Create(_device);
        Drain(_id);
    }

    public void Dispose() => _fake.Dispose();

    [Fact]
    public void LowSpaceEventCarriesBytes()
    {
        _fake.RaiseLowSpace(_id, 64 << 20);
        SnapshotEvent read = EventReader.Wait(_id, s_patience)!;
        Assert.Equal(SnapshotEventKind.LowSpace, read.Kind);
        Assert.Equal(_id, read.SnapshotId);
        Assert.Equal(64L << 20, read.RequestedBytes);
        Assert.Null(read.Error);
        Assert.InRange(read.Time, DateTime.Now.AddSeconds(-30), DateTime.Now.AddSeconds(1));
        Assert.Equal(DateTimeKind.Local, read.Time.Kind);
    }

    [Fact]
    public void CorruptedEventCarriesDeviceAndError()
    {
        _fake.Corrupt(_id, _device.Id, Errno.ENOSPC);
        SnapshotEvent read = EventReader.Wait(_id, s_patience)!;
        Assert.Equal(SnapshotEventKind.Corrupted, read.Kind);
        Assert.Equal("/dev/fake0", read.DevicePath);
        Assert.Equal(_device.Id, read.Device);
        Assert.Equal((Errno.ENOSPC, "ENOSPC"), (read.Error!.Value, read.ErrorName));
        Assert.Null(read.RequestedBytes);
    }

    [Fact]
    public void UnknownEventIsDeliveredAsSuch()
    {
        _fake.RaiseEvent(_id, 7, 1, 2, 3);
        Assert.Equal(SnapshotEventKind.Unknown, EventReader.Wait(_id, s_patience)!.Kind);
    }

    [Fact]
    public void FirstEventOfANewSnapshotIsTheRequestForStorage()
    {
        Guid id = Create(_fake.AddDevice("/dev/fake1", 1 << 20));
        Assert.Equal((long)SimulatedDriver.DiffStorageMinimum * 512, EventReader.Wait(id, TimeSpan.Zero)!.RequestedBytes);
    }

    [Fact]
    public void EventsComeInOrderAndNumbered()
    {
        BlockingCollection<SnapshotEvent> events = [];
        using IDisposable subscription = EventReader.Subscribe(_id, events.Add);
        for (int i = 1; i <= 200; i++)
        {
            _fake.RaiseLowSpace(_id, i * 512);
        }

        SnapshotEvent[] read = [.. Enumerable.Range(0, 200).Select(_ => Take(events))];
        Assert.Equal(Enumerable.Range(1, 200).Select(i => i * 512L), read.Select(entry => entry.RequestedBytes!.Value));
        Assert.All(read.Zip(read.Skip(1)), pair => Assert.Equal(pair.First.SequenceNumber + 1, pair.Second.SequenceNumber));
    }

    [Fact]
    public void EverySubscriptionHearsEveryEventFromOneThread()
    {
        BlockingCollection<SnapshotEvent> one = [];
        BlockingCollection<SnapshotEvent> two = [];
        using IDisposable first = EventReader.Subscribe(_id, one.Add);
        using IDisposable second = EventReader.Subscribe(_id, two.Add);
        _fake.RaiseLowSpace(_id, 512);
        Assert.Equal(Take(one), Take(two));
        Assert.Equal(1, _fake.OpenChannels);
    }

    [Fact]
    public void WaitTakesNoMoreThanOneEvent()
    {
        _fake.RaiseLowSpace(_id, 512);
        _fake.RaiseLowSpace(_id, 1024);
        Assert.Equal(512, EventReader.Wait(_id, s_patience)!.RequestedBytes);
        Assert.Single(_fake.Snapshots[0].Events);
        Assert.Equal(1024, EventReader.Wait(_id, s_patience)!.RequestedBytes);
    }

    [Fact]
    public async Task WaitForAnEventThatComesLater()
    {
        Task<SnapshotEvent?> wait = Task.Run(() => EventReader.Wait(_id, s_patience));
        WaitUntil(() => _fake.OpenChannels > 0);
        _fake.RaiseLowSpace(_id, 512);
        SnapshotEvent? read = await wait.WaitAsync(s_patience);
        Assert.Equal(512, read!.RequestedBytes);
    }

    [Fact]
    public void WaitEndsWithNothingWhenTheTimeIsOver()
    {
        Stopwatch watch = Stopwatch.StartNew();
        Assert.Null(EventReader.Wait(_id, TimeSpan.FromMilliseconds(100)));
        Assert.InRange(watch.ElapsedMilliseconds, 90, 10000);
        Assert.Null(EventReader.Wait(_id, TimeSpan.Zero));
    }

    [Fact]
    public async Task CancelledWaitEndsBeforeTheReaderWakes()
    {
        using CancellationTokenSource source = new();
        Task wait = Task.Run(() => EventReader.Wait(_id, Timeout.InfiniteTimeSpan, source.Token));
        WaitUntil(() => _fake.OpenChannels > 0);
        source.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(s_patience));
    }

    [Fact]
    public void EventThatComesAfterTheCancellationIsNotLost()
    {
        // A request that cannot be called back may still bring an event that nobody waits for.
        _fake.CanInterrupt = false;
        using (EventReader.Subscribe(_id, _ => Assert.Fail("The subscription has ended.")))
        {
            WaitUntil(() => _fake.Waiters == 1);
        }

        _fake.RaiseLowSpace(_id, 512);
        WaitUntil(() => _fake.OpenChannels == 0);
        Assert.Empty(_fake.Snapshots[0].Events);
        Assert.Equal(512, EventReader.Wait(_id, TimeSpan.Zero)!.RequestedBytes);
    }

    [Fact]
    public void ReaderEndsWithItsLastSubscription()
    {
        IDisposable subscription = EventReader.Subscribe(_id, _ => { });
        WaitUntil(() => _fake.OpenChannels == 1);
        subscription.Dispose();
        WaitUntil(() => _fake.OpenChannels == 0);
    }

    [Fact]
    public void ReaderThatNobodyDisturbsDoesNotWakeUp()
    {
        using IDisposable subscription = EventReader.Subscribe(_id, _ => { });
        WaitUntil(() => _fake.Waiters == 1);
        int before = _fake.Requests.Count;
        Thread.Sleep(1500);
        Assert.Equal(before, _fake.Requests.Count);
        Assert.Equal(1, _fake.Waiters);

        // And yet it ends with its subscription, and reads on where a new one comes first.
        subscription.Dispose();
        BlockingCollection<SnapshotEvent> events = [];
        using IDisposable next = EventReader.Subscribe(_id, events.Add);
        _fake.RaiseLowSpace(_id, 512);
        Assert.Equal(512, Take(events).RequestedBytes);
        next.Dispose();
        WaitUntil(() => _fake.OpenChannels == 0);
    }

    [Fact]
    public void ThreadIsCalledBackFromTheKernel()
    {
        // Reading from a pipe that nobody writes to sleeps as the request does.
        Assert.True(ThreadSignal.IsReady);
        using System.IO.Pipes.AnonymousPipeServerStream pipe = new(System.IO.Pipes.PipeDirection.In);
        int thread = 0;
        long result = 0;
        int errno = 0;
        Thread reader = new(() =>
        {
            Volatile.Write(ref thread, ThreadSignal.CurrentThread);
            (result, errno) = Read((int)pipe.SafePipeHandle.DangerousGetHandle());
        });
        reader.Start();
        WaitUntil(() => Volatile.Read(ref thread) != 0);
        WaitUntil(() =>
        {
            ThreadSignal.Send(thread);
            return reader.Join(5);
        });
        Assert.Equal((-1, Errno.EINTR), (result, errno));
    }

    private static unsafe (long Result, int Errno) Read(int descriptor)
    {
        byte value;
        long result = (long)Tmds.Linux.LibC.read(descriptor, &value, 1);
        return (result, Tmds.Linux.LibC.errno);
    }

    [Fact]
    public void EndOfTheSnapshotEndsTheSubscription()
    {
        using ManualResetEventSlim ended = new();
        Exception? reason = new InvalidOperationException("not called");
        using IDisposable subscription = EventReader.Subscribe(_id, _ => { }, e =>
        {
            reason = e;
            ended.Set();
        });
        Destroy(_id);
        Assert.True(ended.Wait(s_patience));
        Assert.Null(reason);
        WaitUntil(() => _fake.OpenChannels == 0);
    }

    [Fact]
    public async Task EndOfTheSnapshotEndsTheWait()
    {
        Task wait = Task.Run(() => EventReader.Wait(_id, Timeout.InfiniteTimeSpan));
        WaitUntil(() => _fake.OpenChannels > 0);
        Destroy(_id);
        BlksnapException e = await Assert.ThrowsAsync<BlksnapException>(() => wait.WaitAsync(s_patience));
        Assert.Equal(ErrorIds.SnapshotNotFound, e.ErrorId);
    }

    [Fact]
    public void DisposedSubscriptionDoesNotHearOfTheEnd()
    {
        BlockingCollection<Exception?> ends = [];
        IDisposable disposed = EventReader.Subscribe(_id, _ => { }, ends.Add);
        using ManualResetEventSlim other = new();
        using IDisposable kept = EventReader.Subscribe(_id, _ => { }, _ => other.Set());
        disposed.Dispose();
        Destroy(_id);
        Assert.True(other.Wait(s_patience));
        Assert.Empty(ends);
    }

    [Fact]
    public void FailureOfTheDriverReachesTheSubscription()
    {
        BlockingCollection<Exception?> ends = [];
        _fake.FailRequest(11, Errno.ENOMEM);
        using IDisposable subscription = EventReader.Subscribe(_id, _ => { }, ends.Add);
        Assert.True(ends.TryTake(out Exception? reason, s_patience));
        Assert.Equal("SnapshotWaitEvent,ENOMEM", Assert.IsType<BlksnapException>(reason).ErrorId);
    }

    [Fact]
    public void SignalDoesNotEndTheReader()
    {
        BlockingCollection<SnapshotEvent> events = [];
        _fake.FailRequest(11, Errno.EINTR);
        using IDisposable subscription = EventReader.Subscribe(_id, events.Add);
        _fake.RaiseLowSpace(_id, 512);
        Assert.Equal(512, Take(events).RequestedBytes);
    }

    [Fact]
    public void ReceiverThatThrowsEndsOnlyItself()
    {
        BlockingCollection<SnapshotEvent> events = [];
        BlockingCollection<Exception?> ends = [];
        using IDisposable bad = EventReader.Subscribe(_id, _ => throw new InvalidOperationException("receiver"), ends.Add);
        using IDisposable good = EventReader.Subscribe(_id, events.Add);
        _fake.RaiseLowSpace(_id, 512);
        _fake.RaiseLowSpace(_id, 1024);
        Assert.Equal(512, Take(events).RequestedBytes);
        Assert.Equal(1024, Take(events).RequestedBytes);
        Assert.True(ends.TryTake(out Exception? reason, s_patience));
        Assert.Equal("receiver", reason!.Message);
    }

    [Fact]
    public void SubscriptionMayEndItselfWithAnEvent()
    {
        BlockingCollection<SnapshotEvent> events = [];
        IDisposable? subscription = null;
        using ManualResetEventSlim ready = new();
        subscription = EventReader.Subscribe(_id, read =>
        {
            ready.Wait();
            events.Add(read);
            subscription!.Dispose();
        });
        ready.Set();
        _fake.RaiseLowSpace(_id, 512);
        Assert.Equal(512, Take(events).RequestedBytes);
        WaitUntil(() => _fake.OpenChannels == 0);
    }

    [Fact]
    public void UnknownSnapshotIsNotWatched()
    {
        Guid unknown = Guid.NewGuid();
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => EventReader.Subscribe(unknown, _ => { })).ErrorId);
        Assert.Equal(ErrorIds.SnapshotNotFound, Assert.Throws<BlksnapException>(() => EventReader.Wait(unknown, s_patience)).ErrorId);
    }

    [Fact]
    public void DriverThatOverstaysItsTimeoutIsAskedInShortSlices()
    {
        using SimulatedDriver reference = new(SimulatedFlavor.Reference);
        Guid id = Create(reference.AddDevice("/dev/fake0", 1 << 20));
        Drain(id);
        BlockingCollection<Exception?> ends = [];
        using IDisposable subscription = EventReader.Subscribe(id, _ => { }, ends.Add);
        WaitUntil(() => reference.RequestNumbers.Count(number => number == 11) > 2);

        // It wakes nobody when a snapshot is destroyed; the end shows with the next slice.
        Destroy(id);
        Assert.True(ends.TryTake(out Exception? reason, s_patience));
        Assert.Null(reason);
    }

    [Fact]
    public void DriverThatDoesNotWaitIsNotAskedWithoutEnd()
    {
        using SimulatedDriver patch = new(SimulatedFlavor.Upstream);
        Guid id = Create(patch.AddDevice("/dev/fake0", 1 << 20));
        Drain(id);
        BlockingCollection<SnapshotEvent> events = [];
        using IDisposable subscription = EventReader.Subscribe(id, events.Add);
        WaitUntil(() => patch.RequestNumbers.Count(number => number == 11) > 2);
        int before = patch.RequestNumbers.Count;
        Thread.Sleep(1000);
        Assert.InRange(patch.RequestNumbers.Count - before, 0, 100);
        patch.RaiseLowSpace(id, 512);
        Assert.Equal(512, Take(events).RequestedBytes);
    }

    private static Guid Create(BlockDevice device)
    {
        using BlksnapDriver driver = BlksnapDriver.Open();
        return driver.CreateSnapshot([device.Id]);
    }

    private static void Destroy(Guid id)
    {
        using BlksnapDriver driver = BlksnapDriver.Open();
        driver.DestroySnapshot(id);
    }

    private static void Drain(Guid id)
    {
        using BlksnapDriver driver = BlksnapDriver.Open();
        while (driver.WaitEvent(id, TimeSpan.Zero) is not null)
        {
        }
    }

    private static SnapshotEvent Take(BlockingCollection<SnapshotEvent> events)
    {
        Assert.True(events.TryTake(out SnapshotEvent? read, s_patience), "no event");
        return read!;
    }

    private static void WaitUntil(Func<bool> condition)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < s_patience, "it did not happen");
            Thread.Sleep(5);
        }
    }
}
