// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap;

/// <content>The event request.</content>
public sealed partial class BlksnapDriver
{
    /// <summary>
    /// Waits for the next event of a snapshot. One request SNAPSHOT_WAIT_EVENT: each event is given to one caller only, and
    /// drivers without extensions may wait up to ten times longer than asked.
    /// </summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="timeout">How long to wait; zero polls.</param>
    /// <returns>The event; null if there was none in time, or a signal interrupted the wait.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>, also when the snapshot ends meanwhile.</exception>
    public SnapshotEvent? WaitEvent(Guid id, TimeSpan timeout)
    {
        BlkSnapSnapshotEvent argument = new()
        {
            Id = id,
            TimeoutMs = (uint)Math.Clamp(Math.Ceiling(timeout.TotalMilliseconds), 0, int.MaxValue),
        };
        int result = TrySend(Requests.SnapshotWaitEvent, ref argument);
        return result switch
        {
            >= 0 => ToEvent(id, in argument),
            -Errno.ENOENT or -Errno.EINTR => null,
            _ => throw DriverErrors.Create(RequestNames.SnapshotWaitEvent, -result, id.ToString()),
        };
    }

    /// <summary>Whether <see cref="InterruptWait"/> ends a wait of this driver.</summary>
    internal bool CanInterruptWait => _channel.CanInterrupt;

    /// <summary>Ends a <see cref="WaitEvent"/> in another thread without an event; to be repeated until it has ended.</summary>
    internal void InterruptWait() => _channel.Interrupt();

    private static unsafe SnapshotEvent ToEvent(Guid id, in BlkSnapSnapshotEvent argument)
    {
        // The label is of the same clock as Stopwatch, CLOCK_MONOTONIC.
        TimeSpan age = TimeSpan.FromTicks((Stopwatch.GetTimestamp() - argument.TimeLabel) / 100);
        SnapshotEvent result = new()
        {
            SnapshotId = id,
            Kind = SnapshotEventKind.Unknown,
            Time = DateTime.Now - (age > TimeSpan.Zero ? age : TimeSpan.Zero),
            MonotonicTime = argument.TimeLabel,
        };
        fixed (byte* data = argument.Data)
        {
            switch ((EventCode)argument.Code)
            {
                case EventCode.LowFreeSpace:
                    ulong sectors = ((BlkSnapEventLowFreeSpace*)data)->RequestedNrSect;
                    return result with
                    {
                        Kind = SnapshotEventKind.LowSpace,
                        RequestedBytes = Sectors.ToBytes(sectors),
                    };
                case EventCode.Corrupted:
                    BlkSnapEventCorrupted corrupted = *(BlkSnapEventCorrupted*)data;
                    return result with
                    {
                        Kind = SnapshotEventKind.Corrupted,
                        Device = corrupted.OrigDevId,
                        DevicePath = BlockDevices.PathOf(corrupted.OrigDevId),
                        Error = Math.Abs(corrupted.ErrCode),
                    };
                default:
                    return result;
            }
        }
    }
}
