// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;

namespace Blksnap.Snapshots;

/// <summary>The events of some snapshots in one stream, until all of them have ended.</summary>
public sealed class EventFeed : IDisposable
{
    private readonly EventBuffer _buffer = new();
    private readonly SemaphoreSlim _changed = new(0);
    private readonly List<IDisposable> _subscriptions = [];
    private readonly SnapshotEventKind? _kind;
    private volatile Exception? _failure;
    private int _running;

    /// <summary>Begins to read. Requests as those of <see cref="EventReader.Subscribe"/>.</summary>
    /// <param name="ids">The snapshots.</param>
    /// <param name="kind">Only events of this kind; null for all.</param>
    /// <exception cref="Blksnap.Abi.BlksnapException">No driver, or no such snapshot; nothing is read then.</exception>
    public EventFeed(IReadOnlyCollection<Guid> ids, SnapshotEventKind? kind = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        _kind = kind;
        _running = ids.Count;
        try
        {
            foreach (Guid id in ids)
            {
                _subscriptions.Add(EventReader.Subscribe(id, OnEvent, OnEnd));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Waits for the next event.</summary>
    /// <param name="timeout">How long; <see cref="Timeout.InfiniteTimeSpan"/> without limit.</param>
    /// <param name="cancellation">Ends the wait at once.</param>
    /// <returns>The event; null when the time is over, or when all snapshots have ended and every event was taken.</returns>
    /// <exception cref="Blksnap.Abi.BlksnapException">Reading failed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public SnapshotEvent? Take(TimeSpan timeout, CancellationToken cancellation = default)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            if (_buffer.TryTake() is { } next)
            {
                return next;
            }

            if (_failure is { } failure)
            {
                ExceptionDispatchInfo.Throw(failure);
            }

            TimeSpan left = timeout == Timeout.InfiniteTimeSpan ? timeout : timeout - TimeSpan.FromMilliseconds(Environment.TickCount64 - start);
            if (Volatile.Read(ref _running) == 0)
            {
                // The last event came before the end did.
                return _buffer.TryTake();
            }

            if ((timeout != Timeout.InfiniteTimeSpan && left < TimeSpan.Zero) || !_changed.Wait(left, cancellation))
            {
                return _buffer.TryTake();
            }
        }
    }

    /// <summary>Ends the reading.</summary>
    public void Dispose()
    {
        foreach (IDisposable subscription in _subscriptions)
        {
            subscription.Dispose();
        }
    }

    private void OnEvent(SnapshotEvent read)
    {
        if (_kind is null || read.Kind == _kind)
        {
            _buffer.Add(read);
            _ = _changed.Release();
        }
    }

    private void OnEnd(Exception? reason)
    {
        _failure ??= reason;
        _ = Interlocked.Decrement(ref _running);
        _ = _changed.Release();
    }
}
