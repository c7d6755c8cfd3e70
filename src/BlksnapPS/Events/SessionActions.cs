// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;

namespace BlksnapPS.Events;

/// <summary>
/// Hands the events of all snapshots to the actions of one session, each after the one before was run.
/// </summary>
/// <remarks>
/// Whoever gives the engine an event with an action also runs what waits, where the session is idle; and what is left over when it has looked
/// for actions, the engine runs a tenth of a second later, from a thread of its own. Where two of these meet, one throws in a thread where
/// nobody catches it, and the process ends. So the engine never has more than one event of ours, and never gets one while it looks.
/// <para>
/// That an event was run is told by a mark behind it: the event of a hidden subscription, with an action that reads a property. (No call: those
/// are forbidden in a session with a constrained language.) Two is what the engine always runs in one go. An event that comes just when a
/// pipeline ends, it leaves until the session runs something; then another mark wakes it.
/// </para>
/// </remarks>
internal sealed class SessionActions
{
    private static readonly ConditionalWeakTable<Runspace, SessionActions> s_sessions = [];

    // A pipeline that has run a mark has looked for more, and found nothing, long before that.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    // When to look whether an idle session has left an event; not after the tenth of a second of the engine, so as not to meet it.
    private static readonly TimeSpan s_firstLook = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_lastLook = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_busyLook = TimeSpan.FromSeconds(1);

    private readonly Runspace _session;
    private readonly PSEventManager _manager;

    // Fires once: at the end of a pause, or to look after what is pending.
    private readonly Timer _timer;

    // Protects all fields. The engine is never called with it held: it calls back with locks of its own.
    private readonly object _lock = new();
    private readonly HashSet<SnapshotEventSource> _members = [];
    private readonly Queue<SnapshotEventSource> _line = new();

    // A thread hands over, or there is a pause, or the session has an event.
    private bool _isBusy;
    private bool _isPause;

    // The mark behind the event that the session has; null when it was run.
    private Mark? _pending;

    // Whoever sends a mark goes on himself if it was run meanwhile.
    private bool _isSending;
    private TimeSpan _nextLook;

    // Hidden, and there until the session ends: the engine waits for the session to run the marks of one that is ended, and in an action for ever.
    private PSEventSubscriber? _subscription;

    private SessionActions(Runspace session)
    {
        _session = session;
        _manager = session.Events;
        using (ExecutionContext.SuppressFlow())
        {
            _timer = new(static actions => ((SessionActions)actions!).OnTime(), this, Timeout.Infinite, Timeout.Infinite);
        }
    }

    /// <summary>Those of a session.</summary>
    public static SessionActions Of(Runspace session) => s_sessions.GetValue(session, static session => new SessionActions(session));

    /// <summary>Takes a source in. Called by the session.</summary>
    public void Join(SnapshotEventSource source)
    {
        PSEventSubscriber? known;
        lock (_lock)
        {
            _ = _members.Add(source);
            known = _subscription;
        }

        if (known is not null && IsThere(known))
        {
            return;
        }

        PSEventSubscriber made = _manager.SubscribeEvent(
            null,
            null,
            Guid.NewGuid().ToString(),
            null,
            ScriptBlock.Create($"$null = $Event.MessageData.{nameof(Mark.IsRun)}"),
            supportEvent: true,
            forwardEvent: false);
        lock (_lock)
        {
            _subscription = made;

            // Without one they could not be ended.
            foreach (SnapshotEventSource left in _members.Where(member => member.HasMore))
            {
                Enqueue(left);
            }
        }
    }

    /// <summary>Lets a source go, with what it has not handed over.</summary>
    public void Leave(SnapshotEventSource source)
    {
        lock (_lock)
        {
            _ = _members.Remove(source);
        }
    }

    /// <summary>Puts a source that has something to hand over in the line.</summary>
    public void Enter(SnapshotEventSource source)
    {
        lock (_lock)
        {
            Enqueue(source);
        }
    }

    private bool IsThere(PSEventSubscriber subscription) => _manager.GetEventSubscribers(subscription.SourceIdentifier).Any();

    private void Enqueue(SnapshotEventSource source)
    {
        if (!_line.Contains(source))
        {
            _line.Enqueue(source);
        }

        if (!_isBusy)
        {
            _isBusy = true;
            _ = ThreadPool.UnsafeQueueUserWorkItem(static actions => actions.GoOn(), this, preferLocal: false);
        }
    }

    private void GoOn()
    {
        for (; ; )
        {
            SnapshotEventSource? source;
            bool isTold;
            lock (_lock)
            {
                if (!_line.TryDequeue(out source))
                {
                    _isBusy = false;
                    return;
                }

                isTold = _subscription is not null;
            }

            if (!source.DeliverNext(mayEnd: isTold))
            {
                continue;
            }

            Mark mark = new(this);
            PSEventSubscriber? subscription;
            lock (_lock)
            {
                if (source.HasMore)
                {
                    Enqueue(source);
                }

                subscription = _subscription;
                if (subscription is null)
                {
                    // A user can end it, with -Force: then nobody tells, and only time helps.
                    Pause(s_firstLook);
                    return;
                }

                _pending = mark;
                _nextLook = s_firstLook;
                _isSending = true;
            }

            if (!Send(subscription, mark))
            {
                return;
            }
        }
    }

    /// <summary>Sends a mark. Where the session is idle, this runs it, and the event before it.</summary>
    /// <returns>Whether to go on: it was run, and the pipeline that did it is over.</returns>
    private bool Send(PSEventSubscriber subscription, Mark mark)
    {
        try
        {
            _ = _manager.GenerateEvent(
                subscription.SourceIdentifier, this, [], mark.Data, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
        }
        catch (Exception)
        {
            // The engine was running what waits already, and has the mark; or the session is closed. An exception that a thread lets go takes
            // the process with it.
        }

        lock (_lock)
        {
            _isSending = false;
            if (_pending == mark)
            {
                _ = _timer.Change(_nextLook, Timeout.InfiniteTimeSpan);
                return false;
            }

            if (_session.RunspaceAvailability != RunspaceAvailability.Available)
            {
                Pause(s_pause);
                return false;
            }

            return true;
        }
    }

    private void Pause(TimeSpan time)
    {
        _isPause = true;
        _ = _timer.Change(time, Timeout.InfiniteTimeSpan);
    }

    private void OnTime()
    {
        PSEventSubscriber? subscription;
        Mark mark;
        lock (_lock)
        {
            if (_isPause)
            {
                _isPause = false;
                _ = ThreadPool.UnsafeQueueUserWorkItem(static actions => actions.GoOn(), this, preferLocal: false);
                return;
            }

            if (_pending is not { } pending || _isSending)
            {
                // It was run just now.
                return;
            }

            mark = pending;
            subscription = _subscription;
            _isSending = true;
        }

        if (subscription is null || !IsThere(subscription))
        {
            GiveUp(subscription);
            GoOn();
            return;
        }

        RunspaceAvailability availability = _session.RunspaceAvailability;
        if (availability != RunspaceAvailability.Available)
        {
            lock (_lock)
            {
                _isSending = false;
                if (_pending != mark)
                {
                    // It was run meanwhile.
                    Pause(s_pause);
                }
                else if (availability != RunspaceAvailability.None)
                {
                    _ = _timer.Change(s_busyLook, Timeout.InfiniteTimeSpan);
                }
            }

            return;
        }

        // A host can keep pipelines out of a session that is idle otherwise; marks must not pile up then.
        _nextLook = _nextLook < s_lastLook ? _nextLook * 2 : s_lastLook;
        if (Send(subscription, mark))
        {
            GoOn();
        }
    }

    // A user has ended the hidden subscription, and has got the mark. The next registration makes a new one.
    private void GiveUp(PSEventSubscriber? subscription)
    {
        lock (_lock)
        {
            _isSending = false;
            _pending = null;
            _subscription = null;
        }

        PSEventArgsCollection queue = _manager.ReceivedEvents;
        lock (queue.SyncRoot)
        {
            for (int i = queue.Count - 1; i >= 0 && subscription is not null; i--)
            {
                if (queue[i].SourceIdentifier == subscription.SourceIdentifier)
                {
                    queue.RemoveAt(i);
                }
            }
        }
    }

    // In the session, behind the action of the event.
    private void OnRun(Mark mark)
    {
        lock (_lock)
        {
            if (_pending == mark)
            {
                _pending = null;
                if (!_isSending)
                {
                    Pause(s_pause);
                }
            }
        }
    }

    /// <summary>What goes with the event of the hidden subscription.</summary>
    private sealed class Mark
    {
        private readonly SessionActions _actions;

        public Mark(SessionActions actions)
        {
            _actions = actions;
            Data = PSObject.AsPSObject(this);
        }

        public PSObject Data { get; }

        /// <summary>Read by the action of the hidden subscription; to read it is to tell.</summary>
        public bool IsRun
        {
            get
            {
                _actions.OnRun(this);
                return true;
            }
        }
    }
}
