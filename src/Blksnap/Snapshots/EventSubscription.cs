// SPDX-License-Identifier: MIT
namespace Blksnap.Snapshots;

/// <summary>One receiver of the events of a snapshot.</summary>
/// <param name="onEvent">Receives an event.</param>
/// <param name="onEnd">Hears that no more will come, and why.</param>
/// <param name="isOneShot">Whether one event is enough.</param>
internal sealed class EventSubscription(Action<SnapshotEvent> onEvent, Action<Exception>? onEnd, bool isOneShot) : IDisposable
{
    private WatchedSnapshot? _watched;
    private int _ended;

    public bool IsOneShot => isOneShot;

    /// <summary>Whether nothing is to be delivered any more.</summary>
    public bool IsEnded => Volatile.Read(ref _ended) != 0;

    public void Joined(WatchedSnapshot watched) => _watched = watched;

    /// <summary>Delivers an event; false if it is not wanted any more.</summary>
    public bool Deliver(SnapshotEvent read)
    {
        if (isOneShot ? Interlocked.Exchange(ref _ended, 1) != 0 : IsEnded)
        {
            return false;
        }

        try
        {
            onEvent(read);
        }
        catch (Exception e)
        {
            // A receiver's fault must not take the reader, and with it the process, down.
            End(e);
        }

        return true;
    }

    /// <summary>Says that no more events will come.</summary>
    public void End(Exception reason)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            onEnd?.Invoke(reason);
        }
    }

    public void Dispose()
    {
        _ = Interlocked.Exchange(ref _ended, 1);
        _watched?.Leave(this);
    }
}
