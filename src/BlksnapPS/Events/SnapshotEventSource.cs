// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Snapshots;

namespace BlksnapPS.Events;

/// <summary>
/// The object that an engine subscription listens to: it raises a .NET event for each event of a snapshot, on the
/// thread that reads them. The engine's own handler only queues; actions run on the engine's thread, never here.
/// </summary>
public sealed class SnapshotEventSource : IDisposable
{
    private readonly SnapshotEventKind? _kind;
    private IDisposable? _subscription;

    internal SnapshotEventSource(Guid snapshotId, SnapshotEventKind? kind)
    {
        SnapshotId = snapshotId;
        _kind = kind;
    }

    /// <summary>An event of the snapshot.</summary>
    public event EventHandler<SnapshotEventArgs>? EventReceived;

    /// <summary>The snapshot.</summary>
    public Guid SnapshotId { get; }

    /// <summary>Ends the reading.</summary>
    public void Dispose() => Interlocked.Exchange(ref _subscription, null)?.Dispose();

    /// <summary>Begins to read. Listeners have to be there by then, or they miss what was waiting.</summary>
    internal void Start() => _subscription = EventReader.Subscribe(SnapshotId, OnEvent);

    private void OnEvent(SnapshotEvent received)
    {
        if (_kind is null || received.Kind == _kind)
        {
            EventReceived?.Invoke(this, new SnapshotEventArgs(received));
        }
    }
}
