// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace Blksnap.Snapshots;

/// <summary>How fast a difference storage fills, from what is in use at each event. Between events nothing is measured.</summary>
internal sealed class FillMeter
{
    // Events that follow each other at once are measured over the same span.
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(3650);

    private (long Used, long Timestamp)? _since;

    /// <summary>Adds to an event what is known of the storage.</summary>
    /// <param name="read">The event.</param>
    /// <param name="status">The snapshot, as it is now.</param>
    public SnapshotEvent Complete(SnapshotEvent read, SnapshotStatus status)
    {
        long free = status.StorageCapacity - status.StorageUsed;
        double? rate = Measure(status);
        return read with
        {
            Capacity = status.StorageCapacity,
            Used = status.StorageUsed,
            Free = free,
            FillRate = rate,
            TimeToFull = rate > 0 ? TimeSpan.FromSeconds(Math.Min(free / rate.Value, s_longest.TotalSeconds)) : null,
        };
    }

    private double? Measure(SnapshotStatus status)
    {
        if (status.TakeTime is not { } taken)
        {
            return null;
        }

        // Nothing is kept before the take.
        long now = Stopwatch.GetTimestamp();
        _since ??= (0, now - (long)((DateTime.Now - taken).TotalSeconds * Stopwatch.Frequency));
        TimeSpan elapsed = Stopwatch.GetElapsedTime(_since.Value.Timestamp, now);
        if (elapsed <= TimeSpan.Zero)
        {
            return null;
        }

        double rate = Math.Max(0, status.StorageUsed - _since.Value.Used) / elapsed.TotalSeconds;
        if (elapsed >= s_shortest)
        {
            _since = (status.StorageUsed, now);
        }

        return rate;
    }
}
