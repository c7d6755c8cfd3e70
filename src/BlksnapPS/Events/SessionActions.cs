// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;

namespace BlksnapPS.Events;

/// <summary>
/// Hands the events of all snapshots to the actions of one session, each after the one before was run.
/// </summary>
/// <remarks>
/// Whoever gives the engine an event with an action also runs what waits, where the session is idle; and what is left over then, the engine
/// runs a tenth of a second later from a thread of its own. Where two of these meet, one throws in a thread where nobody catches it, and the
/// process ends. So the engine never has more than one of ours. That it was run is told by the action of a hidden subscription, whose event
/// comes behind it: two are what the engine runs in one go. An event that comes just when a pipeline ends, the engine leaves until the session
/// runs something; so somebody looks after it.
/// </remarks>
internal sealed class SessionActions
{
    private static readonly ConditionalWeakTable<Runspace, SessionActions> s_sessions = [];

    // When the session is looked at, if it has not run an event; not after the tenth of a second of the engine, so as not to meet it.
    private static readonly TimeSpan s_firstLook = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_laterLook = TimeSpan.FromSeconds(1);

    private readonly PSEventManager _manager;
    private readonly Runspace _session;
    private readonly PSObject _tell;
    private readonly Timer _look;

    // Protects all fields. The engine is never called with it held: it calls back with locks of its own.
    private readonly object _lock = new();
    private readonly HashSet<SnapshotEventSource> _members = [];
    private readonly Queue<SnapshotEventSource> _line = new();

    // A worker is on its way, or the session has an event.
    private bool _isBusy;
    private PSEventSubscriber? _mark;

    // The mark that the session has.
    private PSEventSubscriber? _pending;

    // Whoever sends the mark goes on himself if it was run meanwhile: the pipeline that ran it is over by then.
    private bool _isSending;

    private SessionActions(Runspace session)
    {
        _session = session;
        _manager = session.Events;
        _tell = new(new Action<PSEventSubscriber>(OnRun));
        _look = new(static actions => ((SessionActions)actions!).Look(), this, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>Those of a session.</summary>
    public static SessionActions Of(Runspace session) => s_sessions.GetValue(session, static session => new SessionActions(session));

    /// <summary>Takes a source in. Called by the session.</summary>
    public void Join(SnapshotEventSource source)
    {
        bool isFirst;
        lock (_lock)
        {
            isFirst = _mark is null;
            _ = _members.Add(source);
        }

        if (isFirst)
        {
            PSEventSubscriber mark = _manager.SubscribeEvent(
                null,
                null,
                Guid.NewGuid().ToString(),
                null,
                ScriptBlock.Create("$Event.MessageData.Invoke($EventSubscriber)"),
                supportEvent: true,
                forwardEvent: false);
            mark.Unsubscribed += (_, _) => OnGone(mark);
            lock (_lock)
            {
                _mark = mark;
            }
        }
    }

    /// <summary>Lets a source go, with what it has not handed over.</summary>
    public void Leave(SnapshotEventSource source)
    {
        PSEventSubscriber? unused = null;
        lock (_lock)
        {
            if (_members.Remove(source) && _members.Count == 0)
            {
                // To unsubscribe one that waits would run it here, or wait for ever if this is in an action.
                unused = _mark == _pending ? null : _mark;
                _mark = null;
            }
        }

        Unsubscribe(unused);
    }

    /// <summary>Puts a source that has something to hand over in the line.</summary>
    public void Enter(SnapshotEventSource source)
    {
        lock (_lock)
        {
            Enqueue(source);
            if (!_isBusy)
            {
                _isBusy = true;
                GoOnSoon();
            }
        }
    }

    private void Enqueue(SnapshotEventSource source)
    {
        if (!_line.Contains(source))
        {
            _line.Enqueue(source);
        }
    }

    // No thread waits while the session has other things to do.
    private void GoOnSoon() => ThreadPool.UnsafeQueueUserWorkItem(static actions => actions.GoOn(), this, preferLocal: false);

    private void GoOn()
    {
        for (; ; )
        {
            SnapshotEventSource? source;
            lock (_lock)
            {
                if (!_line.TryDequeue(out source))
                {
                    _isBusy = false;
                    return;
                }
            }

            if (!source.DeliverNext())
            {
                continue;
            }

            PSEventSubscriber? mark;
            lock (_lock)
            {
                if (source.HasMore)
                {
                    Enqueue(source);
                }

                mark = _mark;
                _pending = mark;
                _isSending = mark is not null;
            }

            // Without one (a user can end it with -Force) nobody tells, and the next one follows at once.
            if (mark is not null && IsLeft(mark))
            {
                _ = _look.Change(s_firstLook, s_laterLook);
                return;
            }
        }
    }

    /// <summary>Sends the mark, which is on record as pending and as being sent.</summary>
    /// <returns>Whether it was not run yet.</returns>
    private bool IsLeft(PSEventSubscriber mark)
    {
        bool isSent = true;
        try
        {
            _ = _manager.GenerateEvent(
                mark.SourceIdentifier, this, [], _tell, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
        }
        catch (Exception)
        {
            // The session is closed. A thread that lets an exception go takes the process with it.
            isSent = false;
        }

        lock (_lock)
        {
            _isSending = false;
            bool isLeft = _pending == mark;
            _pending = isSent ? _pending : null;
            return isLeft && isSent;
        }
    }

    private void Look()
    {
        PSEventSubscriber mark;
        lock (_lock)
        {
            RunspaceAvailability availability = _session.RunspaceAvailability;
            if (_pending is not { } pending || availability == RunspaceAvailability.None)
            {
                _ = _look.Change(Timeout.Infinite, Timeout.Infinite);
                return;
            }

            if (_isSending || availability != RunspaceAvailability.Available)
            {
                return;
            }

            mark = pending;
            _isSending = true;
        }

        if (!IsLeft(mark))
        {
            GoOn();
        }
    }

    // In the session, behind the action.
    private void OnRun(PSEventSubscriber mark)
    {
        bool isUnused;
        lock (_lock)
        {
            if (!Finish(mark))
            {
                return;
            }

            isUnused = _mark != mark;
        }

        if (isUnused)
        {
            // Not here: the engine waits for an action to end when it unsubscribes.
            _ = ThreadPool.UnsafeQueueUserWorkItem(_ => Unsubscribe(mark), null);
        }
    }

    private void OnGone(PSEventSubscriber mark)
    {
        lock (_lock)
        {
            _mark = _mark == mark ? null : _mark;
            _ = Finish(mark);
        }
    }

    private bool Finish(PSEventSubscriber mark)
    {
        if (_pending != mark)
        {
            return false;
        }

        _pending = null;
        if (!_isSending)
        {
            GoOnSoon();
        }

        return true;
    }

    private void Unsubscribe(PSEventSubscriber? mark)
    {
        if (mark is not null)
        {
            SnapshotEventSource.Unsubscribe(_manager, mark);
        }
    }
}
