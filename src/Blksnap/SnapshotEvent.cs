// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap;

/// <summary>What a snapshot reports.</summary>
public enum SnapshotEventKind
{
    /// <summary>The difference storage runs low: append more.</summary>
    LowSpace,

    /// <summary>The image of a device is lost.</summary>
    Corrupted,

    /// <summary>A code that this version does not know.</summary>
    Unknown,
}

/// <summary>One event of a snapshot.</summary>
public sealed record SnapshotEvent
{
    /// <summary>Id of the snapshot.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>What happened.</summary>
    public required SnapshotEventKind Kind { get; init; }

    /// <summary>LowSpace: bytes that should be appended; otherwise null.</summary>
    public long? RequestedBytes { get; init; }

    /// <summary>Corrupted: path of the original device; otherwise null.</summary>
    public string? DevicePath { get; init; }

    /// <summary>Corrupted: the original device; otherwise null.</summary>
    public DeviceId? Device { get; init; }

    /// <summary>Corrupted: positive error number, 28 (ENOSPC) when the storage ran out; otherwise null.</summary>
    public int? Error { get; init; }

    /// <summary>Symbolic name of <see cref="Error"/>, for example <c>ENOSPC</c>; null if there is none.</summary>
    public string? ErrorName => Error is { } error ? Errno.Name(error) : null;

    /// <summary>Local time of the event, from its monotonic time label.</summary>
    public required DateTime Time { get; init; }

    /// <summary>Monotonic time of the event in nanoseconds since boot, as the driver gives it.</summary>
    public required long MonotonicTime { get; init; }

    /// <summary>Number of the event among those that this process received of this snapshot, from 1.</summary>
    public long SequenceNumber { get; init; }

    /// <summary>Bytes of the difference storage when the event was read; null if the driver does not tell.</summary>
    public long? Capacity { get; init; }

    /// <summary>Bytes of the difference storage that were in use when the event was read; null if the driver does not tell.</summary>
    public long? Used { get; init; }

    /// <summary>Bytes of the difference storage that were free when the event was read; null if the driver does not tell.</summary>
    public long? Free { get; init; }

    /// <summary>Bytes a second that were kept since the event before, or since the take; null before the take, or if the driver does not tell.</summary>
    public double? FillRate { get; init; }

    /// <summary>When the free bytes will be used up at <see cref="FillRate"/>, from <see cref="Time"/> on; null if nothing is being kept.</summary>
    public TimeSpan? TimeToFull { get; init; }

    /// <summary>Earlier requests for storage that nobody had taken when this one came, and that it stands for too.</summary>
    public int Coalesced { get; init; }

    /// <summary>Bytes that this process was asked for with this event and all before it.</summary>
    internal long RequestedInAll { get; init; }

    /// <summary>Time of the first event that this process received of the snapshot.</summary>
    internal DateTime FirstTime { get; init; }

    /// <summary>This event in the place of an earlier one that nobody has taken.</summary>
    /// <param name="earlier">The earlier one.</param>
    /// <returns>This event, with one more in <see cref="Coalesced"/>.</returns>
    public SnapshotEvent InsteadOf(SnapshotEvent earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        return this with { Coalesced = Coalesced + earlier.Coalesced + 1 };
    }
}
