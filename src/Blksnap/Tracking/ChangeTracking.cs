// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Tracking;

/// <summary>Where an earlier snapshot left off: what a later one is compared with.</summary>
/// <param name="Generation">Generation of the change map then.</param>
/// <param name="SnapshotNumber">Number of the snapshot then.</param>
public readonly record struct ChangeToken(Guid Generation, byte SnapshotNumber);

/// <summary>Trackers and changed ranges, over the requests of a driver.</summary>
/// <param name="driver">The driver; it stays with the caller.</param>
public sealed class ChangeTracking(BlksnapDriver driver)
{
    /// <summary>The tracked devices, with their paths.</summary>
    /// <returns>In the order of their first snapshot.</returns>
    public IReadOnlyList<Tracker> GetTrackers()
        => [.. driver.GetTrackers().Select(tracker => tracker with { DevicePath = BlockDevices.PathOf(tracker.Device) })];

    /// <summary>The tracker of a device.</summary>
    /// <param name="device">The device, or the image of one.</param>
    /// <returns>The tracker.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.TrackerNotFound"/>.</exception>
    public Tracker GetTracker(DeviceId device)
    {
        IReadOnlyList<Tracker> trackers = driver.GetTrackers();
        Tracker? tracker = Find(trackers, device);
        if (tracker is null && BlockDevices.TryFromId(device) is not { IsSnapshotImage: false })
        {
            tracker = FindOriginal(device) is { } original ? Find(trackers, original) : null;
        }

        return tracker ?? throw DriverErrors.Create(RequestNames.TrackerReadCbtMap, Errno.ENODATA, BlockDevices.PathOf(device));

        static Tracker? Find(IReadOnlyList<Tracker> trackers, DeviceId device)
            => trackers.Where(tracker => tracker.Device == device)
                .Select(tracker => tracker with { DevicePath = BlockDevices.PathOf(tracker.Device) })
                .FirstOrDefault();
    }

    /// <summary>
    /// The ranges of a device that changed, as of the last take: merged, in ascending order, clipped to the size of the device.
    /// </summary>
    /// <param name="device">A device that a taken snapshot holds, or its image.</param>
    /// <param name="since">Where an earlier snapshot left off; null for everything since tracking began.</param>
    /// <param name="mergeGap">Bytes: ranges with no more than this between them become one.</param>
    /// <returns>The ranges. The map is read at once, the ranges are made while enumerating.</returns>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.TrackerNotFound"/>, <see cref="ErrorIds.DeviceNotInSnapshot"/>, <see cref="ErrorIds.ChangedBlocksGeneration"/>.
    /// </exception>
    public IEnumerable<ChangedRange> GetChangedRanges(DeviceId device, ChangeToken? since = null, long mergeGap = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(mergeGap);
        for (bool again = false; ; again = true)
        {
            Tracker tracker = GetTracker(device);
            CheckChain(tracker, since);
            byte[] map = ReadMap(tracker);

            // A snapshot taken between the two requests may have begun a new map; then the first answer is void.
            Tracker after = GetTracker(device);
            bool same = after.Generation == tracker.Generation && after.SnapshotNumber == tracker.SnapshotNumber && map.Length == tracker.BlockCount;
            if (same)
            {
                return ChangeMap
                    .GetRanges(map, since?.SnapshotNumber ?? 0, tracker.BlockSize, tracker.Size, mergeGap)
                    .Select(range => new ChangedRange { DevicePath = tracker.DevicePath, Offset = range.Offset, Length = range.Length });
            }

            if (again)
            {
                throw new BlksnapException(RequestNames.TrackerReadCbtMap, Errno.EAGAIN, tracker.DevicePath);
            }
        }
    }

    /// <summary>Marks ranges as changed, widened to sectors, so that the next increment has them.</summary>
    /// <param name="device">A tracked device, or its image.</param>
    /// <param name="ranges">Ranges in bytes.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.TrackerNotFound"/>; EINVAL beyond the end of the device.</exception>
    public void MarkChanged(DeviceId device, IReadOnlyList<ByteRange> ranges) => driver.MarkDirty(device, ranges);

    /// <summary>Stops tracking a device and forgets its history.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.TrackerNotFound"/>; EBUSY while a snapshot holds the device.</exception>
    public void Remove(DeviceId device) => driver.RemoveTracker(device);

    private byte[] ReadMap(Tracker tracker)
    {
        try
        {
            return driver.ReadCbtMap(tracker.Device, tracker.BlockCount);
        }
        catch (BlksnapException e) when (e.ErrorId is ErrorIds.DeviceNotInSnapshot or ErrorIds.TrackerNotFound)
        {
            throw DriverErrors.Create(e.Request, e.Errno, tracker.DevicePath);
        }
    }

    private static void CheckChain(Tracker tracker, ChangeToken? since)
    {
        if (since is not { } token)
        {
            return;
        }

        string? reason = null;
        if (token.Generation != tracker.Generation)
        {
            reason = $"the change map of {tracker.DevicePath} began anew (generation {tracker.Generation}, not {token.Generation})";
        }
        else if (token.SnapshotNumber > tracker.SnapshotNumber)
        {
            reason = $"the last snapshot of {tracker.DevicePath} has number {tracker.SnapshotNumber}, which is before {token.SnapshotNumber}";
        }

        if (reason is not null)
        {
            throw new BlksnapException(
                ErrorIds.ChangedBlocksGeneration,
                $"The changes since then are not known: {reason}. A full copy is needed.",
                string.Empty,
                0,
                tracker.DevicePath);
        }
    }

    private DeviceId? FindOriginal(DeviceId image)
    {
        foreach (Guid id in driver.GetSnapshotIds())
        {
            foreach (ImagePair pair in driver.GetImages(id) ?? [])
            {
                if (pair.Image == image)
                {
                    return pair.Original;
                }
            }
        }

        return null;
    }
}
