// SPDX-License-Identifier: MIT
using Blksnap;

namespace BlksnapPS.Events;

/// <summary>What an action finds in <c>$Event.SourceEventArgs</c> (and <c>$EventArgs</c>).</summary>
/// <param name="received">The event as it was read.</param>
public sealed class SnapshotEventArgs(SnapshotEvent received) : EventArgs
{
    /// <summary>What happened.</summary>
    public SnapshotEventKind Kind => received.Kind;

    /// <summary>The snapshot, for example for Add-DiffStorage -Id.</summary>
    public Guid SnapshotId => received.SnapshotId;

    /// <summary>LowSpace: bytes that should be added.</summary>
    public long? RequestedBytes => received.RequestedBytes;

    /// <summary>Corrupted: the device whose image is lost.</summary>
    public string? DevicePath => received.DevicePath;

    /// <summary>Corrupted: error number, 28 (ENOSPC) when the storage ran out.</summary>
    public int? Error => received.Error;

    /// <summary>Corrupted: symbolic name of the error number.</summary>
    public string? ErrorName => received.ErrorName;

    /// <summary>Local time of the event.</summary>
    public DateTime Time => received.Time;

    /// <summary>Number of the event among those read of this snapshot, from 1; tells the order.</summary>
    public long SequenceNumber => received.SequenceNumber;
}
