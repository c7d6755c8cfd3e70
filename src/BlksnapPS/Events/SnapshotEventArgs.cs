// SPDX-License-Identifier: MIT
using Blksnap;

namespace BlksnapPS.Events;

/// <summary>What an action finds in <c>$Event.SourceEventArgs</c> (and <c>$EventArgs</c>).</summary>
/// <param name="received">The event.</param>
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

    /// <summary>Number of the event among those read of this snapshot, from 1.</summary>
    public long SequenceNumber => received.SequenceNumber;

    /// <summary>Bytes of the difference storage; null if the driver does not tell.</summary>
    public long? Capacity => received.Capacity;

    /// <summary>Bytes of the difference storage that were in use; null if the driver does not tell.</summary>
    public long? Used => received.Used;

    /// <summary>Bytes of the difference storage that were free; null if the driver does not tell.</summary>
    public long? Free => received.Free;

    /// <summary>Bytes a second that were kept since the event before, or since the take; null if that is not known.</summary>
    public double? FillRate => received.FillRate;

    /// <summary>When the free bytes will be used up at this rate; null if nothing is being kept.</summary>
    public TimeSpan? TimeToFull => received.TimeToFull;

    /// <summary>Earlier requests for storage that were still in the queue when this one came, and that it stands for too.</summary>
    public int Coalesced => received.Coalesced;

    /// <summary>The event that stands for this one too.</summary>
    internal SnapshotEvent Superseded(SnapshotEvent later) => later.InsteadOf(received);
}
