// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Tracking;

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

        return tracker ?? throw NotTracked.Create(device, trackers);

        static Tracker? Find(IReadOnlyList<Tracker> trackers, DeviceId device)
            => trackers.Where(tracker => tracker.Device == device)
                .Select(tracker => tracker with { DevicePath = BlockDevices.PathOf(tracker.Device) })
                .FirstOrDefault();
    }

    /// <summary>
    /// The ranges of a device that changed, as of the last take: merged, in ascending order, clipped to the size of the device.
    /// </summary>
    /// <param name="device">A device that a taken snapshot holds, or its image.</param>
    /// <param name="since">Tokens of the device at an earlier snapshot, and maybe of others; null or empty for everything since tracking began.</param>
    /// <param name="mergeGap">Bytes: ranges with no more than this between them become one.</param>
    /// <param name="minimum">Bytes: shorter ranges are widened to this, as far as the device goes.</param>
    /// <returns>The ranges. The map is read at once, the ranges are made while enumerating.</returns>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.TrackerNotFound"/>, <see cref="ErrorIds.DeviceNotInSnapshot"/>, <see cref="ErrorIds.DeviceNotFound"/> if it is gone,
    /// or one of the error ids <c>ChangedBlocks…</c> if the history does not reach back to the token.
    /// </exception>
    public IEnumerable<ChangedRange> GetChangedRanges(
        DeviceId device, IReadOnlyList<ChangeToken>? since = null, long mergeGap = 0, long minimum = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(mergeGap);
        ArgumentOutOfRangeException.ThrowIfNegative(minimum);
        (Tracker tracker, byte number, byte[] map) = ReadChecked(device, since ?? []);
        return ChangeMap
            .GetRanges(map, number, tracker.BlockSize, tracker.Size, mergeGap, minimum)
            .Select(range => new ChangedRange { DevicePath = tracker.DevicePath, Offset = range.Offset, Length = range.Length });
    }

    /// <summary>The change map of a device as of the last take, one byte a block: the number of the snapshot that the block was written before.</summary>
    /// <param name="device">A device that a taken snapshot holds, or its image.</param>
    /// <param name="since">As for <see cref="GetChangedRanges"/>; the map is the same, but one that does not reach back is refused.</param>
    /// <returns>The map.</returns>
    /// <exception cref="BlksnapException">As for <see cref="GetChangedRanges"/>.</exception>
    public byte[] GetChangeMap(DeviceId device, IReadOnlyList<ChangeToken>? since = null) => ReadChecked(device, since ?? []).Map;

    /// <summary>
    /// Marks ranges as changed, widened to sectors, so that the next increment has them. The request is about the device also where its image
    /// is named: not every driver finds an image.
    /// </summary>
    /// <param name="device">A tracked device, or its image.</param>
    /// <param name="ranges">Ranges in bytes.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.TrackerNotFound"/>; EINVAL beyond the end of the device.</exception>
    public void MarkChanged(DeviceId device, IReadOnlyList<ByteRange> ranges) => driver.MarkDirty(GetTracker(device).Device, ranges);

    /// <summary>Stops tracking a device and forgets its history.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.TrackerNotFound"/>; EBUSY while a snapshot holds the device.</exception>
    public void Remove(DeviceId device) => driver.RemoveTracker(device);

    private (Tracker Tracker, byte Number, byte[] Map) ReadChecked(DeviceId device, IReadOnlyList<ChangeToken> since)
    {
        for (bool again = false; ; again = true)
        {
            Tracker tracker = GetTracker(device);
            if (!tracker.Present)
            {
                // Its map has no length any more, which must not look like one without changes.
                throw new BlksnapException(
                    ErrorIds.DeviceNotFound, $"The device {tracker.DevicePath} is gone, and what changed on it with it.", string.Empty, Errno.ENODEV, tracker.DevicePath);
            }

            ChangeToken? token = since.Count == 0 ? null : ChangeChain.Select(since, tracker);
            if (token is not null)
            {
                ChangeChain.Check(token, tracker, () => ReadMap(tracker));
            }

            byte[] map = ReadMap(tracker);

            // A snapshot taken between the two requests may have begun a new map; then the first answer is void.
            Tracker after = GetTracker(device);
            if (after.Generation == tracker.Generation && after.SnapshotNumber == tracker.SnapshotNumber && map.Length == tracker.BlockCount)
            {
                return (tracker, token?.SnapshotNumber ?? 0, map);
            }

            if (again)
            {
                throw new BlksnapException(RequestNames.TrackerReadCbtMap, Errno.EAGAIN, tracker.DevicePath);
            }
        }
    }

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
