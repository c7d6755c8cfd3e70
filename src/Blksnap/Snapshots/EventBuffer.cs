// SPDX-License-Identifier: MIT
namespace Blksnap.Snapshots;

/// <summary>
/// Events on their way to somebody who takes them when he has the time: in order, and never more than a few. A request for storage takes the
/// place of an earlier one of the same snapshot that nobody has taken yet.
/// </summary>
/// <param name="limit">Events that are kept at most; the oldest is dropped for a new one, which shows in the sequence numbers.</param>
public sealed class EventBuffer(int limit = EventBuffer.DefaultLimit)
{
    /// <summary>Events that are kept at most, if nothing else is said.</summary>
    public const int DefaultLimit = 1024;

    private readonly object _lock = new();
    private readonly LinkedList<SnapshotEvent> _events = [];

    /// <summary>Events that are waiting.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _events.Count;
            }
        }
    }

    /// <summary>Adds an event at the end.</summary>
    /// <param name="added">The event.</param>
    public void Add(SnapshotEvent added)
    {
        ArgumentNullException.ThrowIfNull(added);
        lock (_lock)
        {
            if (FindRequest(added) is { } earlier)
            {
                added = added.InsteadOf(earlier.Value);
                _events.Remove(earlier);
            }

            if (_events.Count >= limit)
            {
                _events.RemoveFirst();
            }

            _events.AddLast(added);
        }
    }

    /// <summary>Adds an event that was taken from a buffer before, where its number says. A later request for storage stands for it, too.</summary>
    /// <param name="taken">The event.</param>
    public void PutBack(SnapshotEvent taken)
    {
        ArgumentNullException.ThrowIfNull(taken);
        lock (_lock)
        {
            if (FindRequest(taken) is { } other)
            {
                if (other.Value.SequenceNumber > taken.SequenceNumber)
                {
                    other.Value = other.Value.InsteadOf(taken);
                    return;
                }

                taken = taken.InsteadOf(other.Value);
                _events.Remove(other);
            }

            if (_events.Count >= limit)
            {
                return;
            }

            LinkedListNode<SnapshotEvent>? later = _events.First;
            while (later is not null && later.Value.SequenceNumber < taken.SequenceNumber)
            {
                later = later.Next;
            }

            _ = later is null ? _events.AddLast(taken) : _events.AddBefore(later, taken);
        }
    }

    /// <summary>Takes the first event.</summary>
    /// <returns>The event; null if there is none.</returns>
    public SnapshotEvent? TryTake()
    {
        lock (_lock)
        {
            SnapshotEvent? first = _events.First?.Value;
            if (first is not null)
            {
                _events.RemoveFirst();
            }

            return first;
        }
    }

    // The one request for storage that waits for the snapshot of another.
    private LinkedListNode<SnapshotEvent>? FindRequest(SnapshotEvent another)
    {
        LinkedListNode<SnapshotEvent>? node = another.Kind == SnapshotEventKind.LowSpace ? _events.First : null;
        while (node is not null && (node.Value.Kind != SnapshotEventKind.LowSpace || node.Value.SnapshotId != another.SnapshotId))
        {
            node = node.Next;
        }

        return node;
    }
}
