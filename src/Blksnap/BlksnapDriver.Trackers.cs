// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using Blksnap.Abi;

namespace Blksnap;

/// <content>Requests about tracked devices.</content>
public sealed partial class BlksnapDriver
{
    // Some drivers refuse more than 262144 ranges in one request; a quarter of that is long enough not to matter.
    private const int MaximumRangesPerRequest = 65536;

    // A list may grow between the question for its length and the question for the list.
    private const int CollectAttempts = 8;

    /// <summary>The tracked devices, in the order of their first snapshot. Request TRACKER_COLLECT.</summary>
    /// <returns>One entry per device; <see cref="Tracker.DevicePath"/> holds <c>major:minor</c>.</returns>
    /// <exception cref="BlksnapException">The request failed.</exception>
    public unsafe IReadOnlyList<Tracker> GetTrackers()
    {
        for (int attempt = 1; ; attempt++)
        {
            BlkSnapTrackerCollect argument = default;
            Send(RequestNames.TrackerCollect, Requests.TrackerCollect, ref argument, null);
            if (argument.Count == 0)
            {
                return [];
            }

            BlkSnapCbtInfo[] entries = new BlkSnapCbtInfo[argument.Count + 1];
            fixed (BlkSnapCbtInfo* address = entries)
            {
                argument.Count = (uint)entries.Length;
                argument.CbtInfoArray = (ulong)address;
                int result = TrySend(Requests.TrackerCollect, ref argument);
                if (result >= 0)
                {
                    return [.. entries.Take((int)Math.Min(argument.Count, entries.Length)).Select(ToTracker)];
                }

                if (result is not (-Errno.ENOBUFS or -Errno.ENODATA) || attempt == CollectAttempts)
                {
                    throw DriverErrors.Create(RequestNames.TrackerCollect, -result, null);
                }
            }
        }
    }

    /// <summary>
    /// The change map of a device as of the last take: one byte per block, the number of the snapshot after which the block
    /// was last written. Request TRACKER_READ_CBT_MAP, once for the whole map: not every driver honours an offset.
    /// </summary>
    /// <param name="device">A tracked device that a taken snapshot holds.</param>
    /// <param name="blockCount">Length of the map, see <see cref="Tracker.BlockCount"/>.</param>
    /// <returns>The map; shorter than asked if the driver's map is.</returns>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.TrackerNotFound"/>, <see cref="ErrorIds.DeviceNotInSnapshot"/>; EFAULT if the map is damaged.
    /// </exception>
    public unsafe byte[] ReadCbtMap(DeviceId device, long blockCount)
    {
        if (blockCount == 0)
        {
            return [];
        }

        byte[] map = GC.AllocateUninitializedArray<byte>(checked((int)blockCount));
        fixed (byte* address = map)
        {
            BlkSnapTrackerReadCbtBitmap argument = new()
            {
                DevId = device,
                Length = (uint)map.Length,
                Buff = (ulong)address,
            };
            int read = Send(RequestNames.TrackerReadCbtMap, Requests.TrackerReadCbtMap, ref argument, device.ToString());
            return read >= map.Length ? map : map[..read];
        }
    }

    /// <summary>
    /// Whether a taken snapshot holds a device, which is when its map can be read. Request TRACKER_READ_CBT_MAP for one byte; the driver
    /// answers it for snapshots too that were destroyed and are not released yet.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <returns>False if none does, or if the device is gone or not tracked.</returns>
    internal unsafe bool IsHeld(DeviceId device)
    {
        byte first;
        BlkSnapTrackerReadCbtBitmap argument = new() { DevId = device, Length = 1, Buff = (ulong)&first };

        // The first patch sets answer 0 bytes for a device that is not tracked. What is no answer, such as a signal, says nothing.
        return TrySend(Requests.TrackerReadCbtMap, ref argument)
            is not (0 or -Errno.EPERM or -Errno.ENODATA or -Errno.ENODEV or -Errno.ENXIO or -Errno.ENOENT);
    }

    /// <summary>
    /// Marks ranges as changed, so that the next increment has them. Requests TRACKER_MARK_DIRTY_BLOCKS.
    /// Ranges are widened to sectors; empty ones are skipped.
    /// </summary>
    /// <param name="device">A tracked device. Not an image: some drivers crash on it, or do nothing.</param>
    /// <param name="ranges">Ranges in bytes.</param>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.TrackerNotFound"/>; EINVAL if a range lies beyond the end of the device.
    /// </exception>
    public unsafe void MarkDirty(DeviceId device, IReadOnlyList<ByteRange> ranges)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        foreach (BlkSnapBlockRange[] part in ranges.Where(range => range.Length > 0).Select(Sectors.Cover).Chunk(MaximumRangesPerRequest))
        {
            fixed (BlkSnapBlockRange* address = part)
            {
                BlkSnapTrackerMarkDirtyBlocks argument = new()
                {
                    DevId = device,
                    Count = (uint)part.Length,
                    DirtyBlocksArray = (ulong)address,
                };
                Send(RequestNames.TrackerMarkDirtyBlocks, Requests.TrackerMarkDirtyBlocks, ref argument, device.ToString());
            }
        }
    }

    /// <summary>Stops tracking a device and forgets its history. Request TRACKER_REMOVE.</summary>
    /// <param name="device">A tracked device, which may be gone.</param>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.TrackerNotFound"/>; EBUSY while a taken snapshot holds the device.
    /// </exception>
    public void RemoveTracker(DeviceId device)
    {
        BlkSnapTrackerRemove argument = new() { DevId = device };
        Send(RequestNames.TrackerRemove, Requests.TrackerRemove, ref argument, device.ToString());
    }

    private static Tracker ToTracker(BlkSnapCbtInfo entry) => new()
    {
        DevicePath = entry.DevId.ToString(),
        Device = entry.DevId,
        Size = checked((long)entry.DeviceCapacity),
        BlockSize = entry.BlkSize,
        BlockCount = entry.BlkCount,
        Generation = entry.GenerationId,
        SnapshotNumber = entry.SnapNumber,
    };
}
