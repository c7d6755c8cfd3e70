// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Blksnap;
using Blksnap.Snapshots;

namespace BlksnapPS.Events;

/// <summary>
/// Carries the events of a snapshot into the event manager of a session, where a subscription has their source identifier. They arrive in
/// order: the engine would hand out those of a .NET event from several threads at once. The thread that reads them never waits for the
/// session, and no code of the user runs on it. When no more can come, the subscription ends, behind the last of them (<see cref="SessionActions"/>).
/// </summary>
public sealed class SnapshotEventSource : IDisposable
{
    private readonly EventBuffer _buffer = new();
    private readonly SnapshotEventKind? _kind;
    private readonly PSEventManager _manager;
    private readonly string _identifier;
    private readonly PSObject? _messageData;

    // Written by whoever delivers, and that is one at a time.
    private SnapshotEventArgs? _lastRequest;
    private IDisposable? _subscription;
    private PSEventSubscriber? _subscriber;

    // Where the subscription has an action; otherwise events wait in the queue of the session, which is there at all times.
    private SessionActions? _actions;
    private int _delivering;
    private volatile bool _isOver;
    private volatile bool _isFinished;
    private volatile bool _ended;

    internal SnapshotEventSource(Guid snapshotId, SnapshotEventKind? kind, PSEventManager manager, string identifier, PSObject? messageData)
    {
        SnapshotId = snapshotId;
        _kind = kind;
        _manager = manager;
        _identifier = identifier;
        _messageData = messageData;
    }

    /// <summary>
    /// What the engine subscribes to, for it tells the end of a subscription only where there is something to unsubscribe from. It is never
    /// raised: the engine would handle it in some thread of the pool.
    /// </summary>
    public event EventHandler<SnapshotEventArgs>? EventReceived
    {
        add { }
        remove { }
    }

    /// <summary>The snapshot.</summary>
    public Guid SnapshotId { get; }

    /// <summary>Ends the reading. What the session has not got is there for whoever waits or registers next.</summary>
    public void Dispose()
    {
        _ended = true;
        Interlocked.Exchange(ref _subscription, null)?.Dispose();
        _actions?.Leave(this);
        GiveBack();
    }

    private void GiveBack()
    {
        while (_buffer.TryTake() is { } unused)
        {
            EventReader.GiveBack(unused);
        }
    }

    /// <summary>Whether there is something that <see cref="DeliverNext"/> would do.</summary>
    internal bool HasMore => !_ended && (_buffer.Count > 0 || (_isOver && !_isFinished));

    /// <summary>Begins to read. The subscription has to be there by then, or it misses what was waiting.</summary>
    internal void Start(PSEventSubscriber subscriber)
    {
        _subscriber = subscriber;
        if (subscriber.Action is not null)
        {
            _actions = SessionActions.Of(Runspace.DefaultRunspace);
            _actions.Join(this);
            subscriber.Action.StateChanged += OnActionState;
        }

        // Before _ended is read: who ends it meanwhile sees one or the other.
        _ = Interlocked.Exchange(ref _subscription, EventReader.Subscribe(SnapshotId, OnEvent, OnEnd));
        if (_ended)
        {
            Dispose();
        }
    }

    // The engine keeps a subscription whose action has ended by an error, but never runs it again: events would be taken and lost.
    private void OnActionState(object? sender, JobStateEventArgs state)
    {
        if (state.JobStateInfo.State == JobState.Failed)
        {
            // Nothing more from now on; but the end not here: the engine waits for an action to end when it unsubscribes.
            _ended = true;
            _ = ThreadPool.UnsafeQueueUserWorkItem(static source => source.Unsubscribe(), this, preferLocal: false);
        }
    }

    private void OnEvent(SnapshotEvent received)
    {
        if (_kind is null || received.Kind == _kind)
        {
            _buffer.Add(received);
            DeliverSoon();
            if (_ended)
            {
                GiveBack();
            }
        }
    }

    // The snapshot has ended, or its events cannot be read: there are no more either way.
    private void OnEnd(Exception? reason)
    {
        _isOver = true;
        DeliverSoon();
    }

    private void DeliverSoon()
    {
        if (_actions is { } actions)
        {
            actions.Enter(this);
        }
        else if (Interlocked.Exchange(ref _delivering, 1) == 0)
        {
            _ = ThreadPool.UnsafeQueueUserWorkItem(static source => source.DeliverAll(), this, preferLocal: false);
        }
    }

    private void DeliverAll()
    {
        do
        {
            while (DeliverNext())
            {
            }

            _ = Interlocked.Exchange(ref _delivering, 0);
        }
        while (HasMore && Interlocked.Exchange(ref _delivering, 1) == 0);
    }

    /// <summary>Hands the next event over, or ends the subscription when there can be none.</summary>
    /// <param name="mayEnd">
    /// Whether the engine has run what it got. Otherwise it would run the rest while it unsubscribes, and wait for the session, which waits for it.
    /// </param>
    /// <returns>Whether there was one.</returns>
    internal bool DeliverNext(bool mayEnd = true)
    {
        // Looked at first: then whatever came before the end is in the buffer.
        bool isLast = _isOver;
        if (_ended)
        {
            return false;
        }

        if (_buffer.TryTake() is { } next)
        {
            if (_ended)
            {
                EventReader.GiveBack(next);
                return false;
            }

            Deliver(next);
            return true;
        }

        if (isLast && mayEnd && !_isFinished)
        {
            _isFinished = true;
            Unsubscribe();
        }

        return false;
    }

    private void Unsubscribe()
    {
        try
        {
            _manager.UnsubscribeEvent(_subscriber!);
        }
        catch (Exception)
        {
            // The session is closed, or the user has ended it. A thread that lets an exception go takes the process with it.
        }
    }

    private void Deliver(SnapshotEvent next)
    {
        SnapshotEventArgs arguments = new(next.Kind == SnapshotEventKind.LowSpace ? TakeBack(next) : next);
        _lastRequest = next.Kind == SnapshotEventKind.LowSpace ? arguments : _lastRequest;

        try
        {
            // In this thread as far as the queue of the session: so the next one comes after it.
            _ = _manager.GenerateEvent(
                _identifier, this, [this, arguments], _messageData, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
        }
        catch (Exception)
        {
            // The session is closed, or the engine was already starting what waits: it has the event by then.
        }
    }

    /// <summary>
    /// Removes the request that is still in the queue of the session, if there is one. Whoever has looked at it there, is about to answer it and
    /// then removes it, does not remove the later one with it: that is another event.
    /// </summary>
    /// <returns>The later one, which stands for both.</returns>
    private SnapshotEvent TakeBack(SnapshotEvent next)
    {
        PSEventArgsCollection queue = _manager.ReceivedEvents;
        lock (queue.SyncRoot)
        {
            for (int i = 0; _lastRequest is { } last && i < queue.Count; i++)
            {
                if (ReferenceEquals(queue[i].SourceEventArgs, last))
                {
                    queue.RemoveAt(i);
                    return last.Superseded(next);
                }
            }
        }

        return next;
    }
}
