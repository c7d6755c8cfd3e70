// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;

namespace Blksnap.Snapshots;

/// <summary>A subscription for one event, and the place where a thread waits for it.</summary>
internal sealed class EventMailbox : IDisposable
{
    private readonly ManualResetEventSlim _arrived = new();
    private volatile SnapshotEvent? _event;
    private volatile Exception? _failure;

    public EventMailbox()
        => Subscription = new EventSubscription(
            read =>
            {
                _event = read;
                _arrived.Set();
            },
            reason =>
            {
                _failure = reason;
                _arrived.Set();
            },
            isOneShot: true);

    public EventSubscription Subscription { get; }

    /// <summary>The event; null when the time is over.</summary>
    public SnapshotEvent? Wait(TimeSpan timeout, CancellationToken cancellation)
    {
        bool cancelled = false;
        try
        {
            _ = _arrived.Wait(timeout, cancellation);
        }
        catch (OperationCanceledException)
        {
            cancelled = true;
        }

        // From here on nothing is delivered any more. What came until now is nowhere else, so it is the answer whatever ended the wait.
        Subscription.Dispose();
        if (_event is { } read)
        {
            return read;
        }

        if (cancelled)
        {
            throw new OperationCanceledException(cancellation);
        }

        if (_failure is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return null;
    }

    public void Dispose()
    {
        Subscription.Dispose();
        _arrived.Dispose();
    }
}
