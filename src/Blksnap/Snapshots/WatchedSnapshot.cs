// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Snapshots;

/// <summary>A snapshot that this process reads the events of: its subscriptions, and the thread that reads while there are any.</summary>
/// <param name="id">The snapshot.</param>
/// <param name="gate">Protects all fields. <see cref="IsActive"/>, <see cref="Add"/>, <see cref="TakeKept"/> and <see cref="Number"/> are called with it held.</param>
/// <param name="forget">Called with the gate held when the snapshot has ended.</param>
internal sealed class WatchedSnapshot(Guid id, Lock gate, Action forget)
{
    // A request that waits cannot be interrupted, so the thread outlives its last subscription by up to one slice. Drivers without
    // extensions wait four to ten times longer than asked.
    private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_slowSlice = TimeSpan.FromMilliseconds(50);

    private readonly List<EventSubscription> _subscriptions = [];

    // Events that came in when nobody wanted them any more; the driver gives each event out once.
    private readonly Queue<SnapshotEvent> _backlog = new();
    private Thread? _thread;
    private long _sequence;

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
        }
    }

    /// <summary>An event that nobody wanted; null if there is none, or if the thread is about to give it out.</summary>
    public SnapshotEvent? TakeKept() => _thread is null && _backlog.TryDequeue(out SnapshotEvent? kept) ? kept : null;

    /// <summary>Gives an event its number.</summary>
    public SnapshotEvent Number(SnapshotEvent read) => read with { SequenceNumber = ++_sequence };

    private void Run()
    {
        try
        {
            using BlksnapDriver driver = BlksnapDriver.Open();
            TimeSpan slice = driver.Info.HasExtensions ? s_slice : s_slowSlice;
            while (IsWanted(out SnapshotEvent? next))
            {
                if (next is null && driver.WaitEvent(id, slice) is { } read)
                {
                    lock (gate)
                    {
                        next = Number(read);
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

    /// <summary>Whether somebody is subscribed; if not, the thread is over in the same moment.</summary>
    private bool IsWanted(out SnapshotEvent? kept)
    {
        lock (gate)
        {
            kept = null;
            if (_subscriptions.Count == 0)
            {
                _thread = null;
                return false;
            }

            _ = _backlog.TryDequeue(out kept);
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
                _backlog.Enqueue(next);
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
}
