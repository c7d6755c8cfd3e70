// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Snapshots;

/// <summary>
/// Events of snapshots, read by one thread per watched snapshot in this process and given to every subscription.
/// The thread opens a channel of its own, and ends with its last subscription or with the snapshot.
/// </summary>
public static class EventReader
{
    private static readonly Dictionary<Guid, WatchedSnapshot> s_watched = [];
    private static readonly object s_lock = new();

    /// <summary>Subscribes to the events of a snapshot. Requests SNAPSHOT_COLLECT, then SNAPSHOT_WAIT_EVENT again and again.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="onEvent">Called with each event on the reader's thread, in order: return soon. Throwing ends the subscription.</param>
    /// <param name="onEnd">
    /// Called once on the reader's thread when no more events will come: with null when the snapshot ended, else with the failure.
    /// Not called after the subscription was disposed.
    /// </param>
    /// <returns>Disposing it ends the subscription at once, whatever the reader waits for.</returns>
    /// <exception cref="BlksnapException">No driver, or <see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public static IDisposable Subscribe(Guid id, Action<SnapshotEvent> onEvent, Action<Exception?>? onEnd = null)
    {
        ArgumentNullException.ThrowIfNull(onEvent);
        EventSubscription subscription = new(
            onEvent,
            reason => onEnd?.Invoke(reason is BlksnapException { ErrorId: ErrorIds.SnapshotNotFound } ? null : reason),
            isOneShot: false);
        if (!TryJoin(id, subscription))
        {
            using (BlksnapDriver driver = BlksnapDriver.Open())
            {
                if (!driver.GetSnapshotIds().Contains(id))
                {
                    throw DriverErrors.Create(RequestNames.SnapshotWaitEvent, Errno.ESRCH, id.ToString());
                }
            }

            Join(id, subscription);
        }

        return subscription;
    }

    /// <summary>Waits for one event of a snapshot. No more than this one is taken from the driver. Request SNAPSHOT_WAIT_EVENT.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="timeout">How long; <see cref="Timeout.InfiniteTimeSpan"/> without limit.</param>
    /// <param name="cancellation">Ends the wait at once.</param>
    /// <returns>The event; null when the time is over.</returns>
    /// <exception cref="BlksnapException">No driver; <see cref="ErrorIds.SnapshotNotFound"/>, also when the snapshot ends meanwhile.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static SnapshotEvent? Wait(Guid id, TimeSpan timeout, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        if (TakeKept(id) is { } kept)
        {
            return kept;
        }

        using EventMailbox mailbox = new();
        if (!TryJoin(id, mailbox.Subscription))
        {
            if (timeout == TimeSpan.Zero)
            {
                // What is queued already is there without a thread.
                using BlksnapDriver driver = BlksnapDriver.Open();
                return driver.WaitEvent(id, TimeSpan.Zero) is { } queued ? Complete(id, queued, WatchedSnapshot.ReadStatus(driver, id)) : null;
            }

            Join(id, mailbox.Subscription);
        }

        return mailbox.Wait(timeout, cancellation);
    }

    /// <summary>
    /// Keeps the reader of a snapshot out of the driver until the returned object is disposed; its subscriptions stay. Returns when the
    /// reader is out. A driver without extensions leaves the end of a snapshot to whoever waits for its events.
    /// </summary>
    internal static IDisposable? Pause(Guid id)
    {
        WatchedSnapshot? watched;
        lock (s_lock)
        {
            _ = s_watched.TryGetValue(id, out watched);
        }

        return watched?.Pause();
    }

    /// <summary>
    /// Gives an event back that a subscription, disposed of by now, has got and done nothing with. Where it was the last one, whoever waits or
    /// subscribes next gets it.
    /// </summary>
    /// <param name="unused">The event.</param>
    public static void GiveBack(SnapshotEvent unused)
    {
        ArgumentNullException.ThrowIfNull(unused);
        lock (s_lock)
        {
            if (s_watched.TryGetValue(unused.SnapshotId, out WatchedSnapshot? watched))
            {
                watched.Keep(unused);
            }
        }
    }

    /// <summary>An event that came in after its last subscription had ended.</summary>
    private static SnapshotEvent? TakeKept(Guid id)
    {
        lock (s_lock)
        {
            return s_watched.TryGetValue(id, out WatchedSnapshot? watched) ? watched.TakeKept() : null;
        }
    }

    /// <summary>Joins the reader of a snapshot, if there is one or if events are waiting in this process.</summary>
    private static bool TryJoin(Guid id, EventSubscription subscription)
    {
        lock (s_lock)
        {
            if (!s_watched.TryGetValue(id, out WatchedSnapshot? watched) || !watched.IsActive)
            {
                return false;
            }

            watched.Add(subscription);
            return true;
        }
    }

    private static void Join(Guid id, EventSubscription subscription)
    {
        lock (s_lock)
        {
            GetWatched(id).Add(subscription);
        }
    }

    private static SnapshotEvent Complete(Guid id, SnapshotEvent read, SnapshotStatus? status)
    {
        lock (s_lock)
        {
            return GetWatched(id).Complete(read, status);
        }
    }

    private static WatchedSnapshot GetWatched(Guid id)
    {
        if (!s_watched.TryGetValue(id, out WatchedSnapshot? watched))
        {
            s_watched[id] = watched = new WatchedSnapshot(id, s_lock, () => s_watched.Remove(id));
        }

        return watched;
    }
}
