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
}
