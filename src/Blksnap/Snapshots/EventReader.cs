// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Snapshots;

/// <summary>
/// Events of snapshots, read by one thread per watched snapshot in this process and given to every subscription.
/// The thread opens a channel of its own, and ends with its last subscription or with the snapshot.
/// </summary>
public static class EventReader
{
    /// <summary>Subscribes to the events of a snapshot.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="onEvent">Called with each event on the reader's thread, in order: return soon and do not throw.</param>
    /// <param name="onEnd">
    /// Called once on the reader's thread when no more events will come: with null when the snapshot ended, else with the failure.
    /// Not called after the subscription was disposed.
    /// </param>
    /// <returns>Disposing it ends the subscription at once, whatever the reader waits for.</returns>
    /// <exception cref="BlksnapException">No driver, or <see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public static IDisposable Subscribe(Guid id, Action<SnapshotEvent> onEvent, Action<Exception?>? onEnd = null)
        => throw new NotSupportedException($"{id}{onEvent}{onEnd}");

    /// <summary>Waits for one event of a snapshot. No more than this one is taken from the driver.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="timeout">How long; <see cref="Timeout.InfiniteTimeSpan"/> without limit.</param>
    /// <param name="cancellation">Ends the wait at once.</param>
    /// <returns>The event; null when the time is over.</returns>
    /// <exception cref="BlksnapException">No driver; <see cref="ErrorIds.SnapshotNotFound"/>, also when the snapshot ends meanwhile.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static SnapshotEvent? Wait(Guid id, TimeSpan timeout, CancellationToken cancellation = default)
        => throw new NotSupportedException($"{id}{timeout}{cancellation}");
}
