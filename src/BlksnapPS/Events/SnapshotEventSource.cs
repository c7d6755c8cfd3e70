// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Snapshots;

namespace BlksnapPS.Events;

/// <summary>
/// Carries the events of a snapshot into the event manager of a session, where a subscription has their source identifier. They arrive in
/// order: the engine would hand out those of a .NET event from several threads at once. The thread that reads them never waits for the
/// session, and no code of the user runs on it. When no more can come, the subscription ends, behind the last of them.
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

    // What ends the subscription behind the actions that are waiting, if it has an action; used once, or dropped.
    private PSEventSubscriber? _afterActions;
    private readonly PSObject _markData;
    private int _markUse;
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
        _markData = PSObject.AsPSObject(new Action(UnsubscribeSoon));
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

    /// <summary>Ends the reading.</summary>
    public void Dispose()
    {
        _ended = true;
        Interlocked.Exchange(ref _subscription, null)?.Dispose();

        // One that is on its way ends by itself; to wait for it here, maybe in an action, could take forever.
        if (_afterActions is { } mark && Interlocked.CompareExchange(ref _markUse, 1, 0) == 0)
        {
            _manager.UnsubscribeEvent(mark);
        }
    }

    /// <summary>Begins to read. The subscription has to be there by then, or it misses what was waiting.</summary>
    internal void Start(PSEventSubscriber subscriber)
    {
        _subscriber = subscriber;
        if (subscriber.Action is not null)
        {
            // Actions wait in a line until the session has time for them, and this one comes last. To unsubscribe while some are waiting
            // would run them in the thread that does it, beside whatever the session is doing.
            _afterActions = _manager.SubscribeEvent(
                null,
                null,
                Guid.NewGuid().ToString(),
                null,
                ScriptBlock.Create("$Event.MessageData.Invoke()"),
                supportEvent: true,
                forwardEvent: false,
                maxTriggerCount: 1);
        }

        _subscription = EventReader.Subscribe(SnapshotId, OnEvent, OnEnd);
        if (_ended)
        {
            Dispose();
        }
    }

    private void OnEvent(SnapshotEvent received)
    {
        if (_kind is null || received.Kind == _kind)
        {
            _buffer.Add(received);
            DeliverSoon();
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
        if (Interlocked.Exchange(ref _delivering, 1) == 0)
        {
            _ = ThreadPool.UnsafeQueueUserWorkItem(static source => source.Deliver(), this, preferLocal: false);
        }
    }

    private void Deliver()
    {
        do
        {
            // Looked at first: then whatever came before the end is in the buffer.
            bool isLast = _isOver;
            while (!_ended && _buffer.TryTake() is { } next)
            {
                Deliver(next);
            }

            if (isLast && !_isFinished)
            {
                _isFinished = true;
                Finish();
            }

            _ = Interlocked.Exchange(ref _delivering, 0);
        }
        while (!_ended && (_buffer.Count > 0 || (_isOver && !_isFinished)) && Interlocked.Exchange(ref _delivering, 1) == 0);
    }

    /// <summary>Ends the subscription: at once, or after the actions that are waiting.</summary>
    private void Finish()
    {
        if (_afterActions is not { } mark)
        {
            Unsubscribe();
        }
        else if (Interlocked.CompareExchange(ref _markUse, 1, 0) == 0)
        {
            try
            {
                _ = _manager.GenerateEvent(
                    mark.SourceIdentifier, this, [], _markData, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
            }
            catch (Exception)
            {
                // The session is closed, and has no subscriptions. A thread that lets an exception go takes the process with it.
            }
        }
    }

    // Not in the action itself: the engine waits for an action to end when it unsubscribes.
    private void UnsubscribeSoon() => ThreadPool.UnsafeQueueUserWorkItem(static source => source.Unsubscribe(), this, preferLocal: false);

    private void Unsubscribe()
    {
        try
        {
            _manager.UnsubscribeEvent(_subscriber!);
        }
        catch (Exception)
        {
            // As above; one that the user has ended is no error.
        }
    }

    private void Deliver(SnapshotEvent next)
    {
        SnapshotEventArgs arguments = new(next.Kind == SnapshotEventKind.LowSpace ? TakeBack(next) : next);
        _lastRequest = next.Kind == SnapshotEventKind.LowSpace ? arguments : _lastRequest;

        // In this thread as far as the queue of the session: so the next one comes after it. Nobody waits for actions.
        _ = _manager.GenerateEvent(
            _identifier, this, [this, arguments], _messageData, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
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
