// SPDX-License-Identifier: MIT
using Blksnap;

namespace BlksnapPS.Events;

/// <summary>What an action finds in <c>$Event.SourceEventArgs</c> (and <c>$EventArgs</c>).</summary>
/// <param name="first">The event as it was read.</param>
public sealed class SnapshotEventArgs(SnapshotEvent first) : EventArgs
{
    private volatile SnapshotEvent _received = first;

    /// <summary>What happened.</summary>
    public SnapshotEventKind Kind => _received.Kind;

    /// <summary>The snapshot, for example for Add-DiffStorage -Id.</summary>
    public Guid SnapshotId => _received.SnapshotId;

    /// <summary>LowSpace: bytes that should be added.</summary>
    public long? RequestedBytes => _received.RequestedBytes;

    /// <summary>Corrupted: the device whose image is lost.</summary>
    public string? DevicePath => _received.DevicePath;

    /// <summary>Corrupted: error number, 28 (ENOSPC) when the storage ran out.</summary>
    public int? Error => _received.Error;

    /// <summary>Corrupted: symbolic name of the error number.</summary>
    public string? ErrorName => _received.ErrorName;

    /// <summary>Local time of the event.</summary>
    public DateTime Time => _received.Time;

    /// <summary>Number of the event among those read of this snapshot, from 1.</summary>
    public long SequenceNumber => _received.SequenceNumber;

    /// <summary>Bytes of the difference storage; null if the driver does not tell.</summary>
    public long? Capacity => _received.Capacity;

    /// <summary>Bytes of the difference storage that were in use; null if the driver does not tell.</summary>
    public long? Used => _received.Used;

    /// <summary>Bytes of the difference storage that were free; null if the driver does not tell.</summary>
    public long? Free => _received.Free;

    /// <summary>Bytes a second that were kept since the event before, or since the take; null if that is not known.</summary>
    public double? FillRate => _received.FillRate;

    /// <summary>When the free bytes will be used up at this rate; null if nothing is being kept.</summary>
    public TimeSpan? TimeToFull => _received.TimeToFull;

    /// <summary>Earlier requests for storage that were still in the queue when this one came, and that it stands for too.</summary>
    public int Coalesced => _received.Coalesced;

    /// <summary>Puts a later event in the place of one that is still in the queue.</summary>
    internal void Replace(SnapshotEvent later) => _received = later.InsteadOf(_received);
}
