// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Blksnap.Abi;

namespace Blksnap.Snapshots;

/// <summary>A snapshot that this process reads the events of: its subscriptions, and the thread that reads while there are any.</summary>
/// <param name="id">The snapshot.</param>
/// <param name="gate">Protects all fields. <see cref="IsActive"/>, <see cref="Add"/>, <see cref="TakeKept"/>, <see cref="Keep"/> and <see cref="Complete"/> are called with it held.</param>
/// <param name="forget">Called with the gate held when the snapshot has ended.</param>
internal sealed class WatchedSnapshot(Guid id, object gate, Action forget)
{
    // A wait that can be interrupted is as good as endless. Where it cannot, the thread outlives its last subscription by up to one slice.
    // Drivers without extensions wait four to ten times longer than asked, and do not end a wait when the snapshot ends.
    private static readonly TimeSpan s_longSlice = TimeSpan.FromHours(24);
    private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_slowSlice = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_interruptInterval = TimeSpan.FromMilliseconds(5);

    // Ten times what a slice lasts with the slowest tick of a kernel. After that the end of the snapshot has to wait for the reader.
    private static readonly TimeSpan s_pauseLimit = TimeSpan.FromSeconds(5);

    private readonly List<EventSubscription> _subscriptions = [];

    // Events that came in when nobody wanted them any more; the driver gives each event out once.
    private readonly EventBuffer _backlog = new();
    private readonly FillMeter _meter = new();
    private Thread? _thread;

    // The one that the thread waits with; null before and after that.
    private BlksnapDriver? _waiting;
    private readonly ManualResetEventSlim _mayRead = new(initialState: true);
    private int _pauses;
    private bool _isReading;
    private long _sequence;
    private long _requested;
    private DateTime? _firstTime;

    public bool IsActive => _thread is not null || _backlog.Count > 0;

    public void Add(EventSubscription subscription)
    {
        subscription.Joined(this);
        _subscriptions.Add(subscription);
        if (_thread is null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "blksnap events " + id };
            _thread.Start();
        }
    }

    public void Leave(EventSubscription subscription)
    {
        lock (gate)
        {
            _ = _subscriptions.Remove(subscription);
            if (!WaitsInVain)
            {
                return;
            }
        }

        _ = ThreadPool.UnsafeQueueUserWorkItem(static watched => watched.CallBack(), this, preferLocal: false);
    }

    // Nobody is left, or somebody has come meanwhile who wants what was given back.
    private bool WaitsInVain => (_subscriptions.Count == 0 || _backlog.Count > 0) && _waiting is { CanInterruptWait: true };

    /// <summary>Gets the thread out of its wait when nobody is left to wait for, or something is there already.</summary>
    private void CallBack()
    {
        while (true)
        {
            lock (gate)
            {
                if (!WaitsInVain)
                {
                    return;
                }

                _waiting!.InterruptWait();
            }

            Thread.Sleep(s_interruptInterval);
        }
    }

    /// <summary>Keeps the thread out of the driver until the returned object is disposed.</summary>
    public IDisposable Pause()
    {
        lock (gate)
        {
            _pauses++;
            _mayRead.Reset();
        }

        for (long limit = Environment.TickCount64 + (long)s_pauseLimit.TotalMilliseconds; Environment.TickCount64 < limit;)
        {
            lock (gate)
            {
                if (!_isReading)
                {
                    break;
                }

                if (_waiting is { CanInterruptWait: true })
                {
                    _waiting.InterruptWait();
                }
            }

            Thread.Sleep(s_interruptInterval);
        }

        return new Resumption(this);
    }

    private void Resume()
    {
        lock (gate)
        {
            if (--_pauses == 0)
            {
                _mayRead.Set();
            }
        }
    }

    /// <summary>An event that nobody wanted; null if there is none, or if the thread is about to give it out.</summary>
    public SnapshotEvent? TakeKept() => _thread is null ? _backlog.TryTake() : null;

    /// <summary>Keeps an event that nobody has made use of, if there is nobody else who may have got it.</summary>
    public void Keep(SnapshotEvent unused)
    {
        if (_subscriptions.Count == 0)
        {
            _backlog.PutBack(unused);
        }
    }

    /// <summary>Gives an event its number, and what is known of the storage.</summary>
    public SnapshotEvent Complete(SnapshotEvent read, SnapshotStatus? status)
    {
        _requested += read.RequestedBytes ?? 0;
        _firstTime ??= read.Time;
        SnapshotEvent numbered = read with { SequenceNumber = ++_sequence, RequestedInAll = _requested, FirstTime = _firstTime.Value };
        return status is null ? numbered : _meter.Complete(numbered, status);
    }

    /// <summary>The figures of a snapshot; null if the driver does not tell, or if the snapshot has ended.</summary>
    public static SnapshotStatus? ReadStatus(BlksnapDriver driver, Guid id)
    {
        try
        {
            return driver.TryGetStatus(id, out SnapshotStatus? status) ? status : null;
        }
        catch (BlksnapException)
        {
            // The event is worth more than its figures.
            return null;
        }
    }

    private void Run()
    {
        try
        {
            using BlksnapDriver driver = BlksnapDriver.Open();
            TimeSpan slice = !driver.Info.HasExtensions ? s_slowSlice : driver.CanInterruptWait ? s_longSlice : s_slice;
            lock (gate)
            {
                _waiting = driver;
            }

            while (IsWanted(out SnapshotEvent? next))
            {
                if (next is null && Read(driver, slice) is { } read)
                {
                    SnapshotStatus? status = ReadStatus(driver, id);
                    lock (gate)
                    {
                        // What was given back meanwhile comes first.
                        _backlog.Add(Complete(read, status));
                        next = _backlog.TryTake();
                    }
                }

                if (next is not null)
                {
                    Dispatch(next);
                }
            }
        }
        catch (Exception e)
        {
            End(e);
        }
    }

    private SnapshotEvent? Read(BlksnapDriver driver, TimeSpan slice)
    {
        _mayRead.Wait();
        lock (gate)
        {
            if (_pauses > 0)
            {
                return null;
            }

            _isReading = true;
        }

        long start = Stopwatch.GetTimestamp();
        SnapshotEvent? read;
        try
        {
            read = driver.WaitEvent(id, slice);
        }
        finally
        {
            lock (gate)
            {
                _isReading = false;
            }
        }

        // One patch set answers at once whatever the time to wait: then the rest of it is slept here.
        if (read is null && !driver.Info.HasExtensions && slice - Stopwatch.GetElapsedTime(start) is { Ticks: > 0 } rest)
        {
            Thread.Sleep(rest);
        }

        return read;
    }

    /// <summary>Whether somebody is subscribed; if not, the thread is over in the same moment.</summary>
    private bool IsWanted(out SnapshotEvent? kept)
    {
        lock (gate)
        {
            kept = null;
            if (_subscriptions.Count == 0)
            {
                _thread = null;
                _waiting = null;
                return false;
            }

            kept = _backlog.TryTake();
            return true;
        }
    }

    private void Dispatch(SnapshotEvent next)
    {
        bool received = false;
        EventSubscription[] lasting;
        lock (gate)
        {
            // Under the lock: who stops waiting for one event has to know for certain whether it came.
            foreach (EventSubscription single in _subscriptions.Where(subscription => subscription.IsOneShot).ToArray())
            {
                received |= single.Deliver(next);
                _ = _subscriptions.Remove(single);
            }

            lasting = [.. _subscriptions];
        }

        foreach (EventSubscription subscription in lasting)
        {
            received |= subscription.Deliver(next);
            if (subscription.IsEnded)
            {
                Leave(subscription);
            }
        }

        if (!received)
        {
            lock (gate)
            {
                _backlog.Add(next);
            }
        }
    }

    private void End(Exception reason)
    {
        EventSubscription[] subscriptions;
        lock (gate)
        {
            subscriptions = [.. _subscriptions];
            _subscriptions.Clear();
            _thread = null;
            _waiting = null;
            if (reason is BlksnapException { ErrorId: ErrorIds.SnapshotNotFound })
            {
                forget();
            }
        }

        foreach (EventSubscription subscription in subscriptions)
        {
            subscription.End(reason);
        }
    }

    private sealed class Resumption(WatchedSnapshot watched) : IDisposable
    {
        private WatchedSnapshot? _watched = watched;

        public void Dispose() => Interlocked.Exchange(ref _watched, null)?.Resume();
    }
}
