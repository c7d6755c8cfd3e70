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
    public Tracker GetTracker(DeviceId device) => throw new NotSupportedException(device.ToString());

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
        => throw new NotSupportedException($"{device}{since}{mergeGap}");

    /// <summary>Marks ranges as changed, widened to sectors, so that the next increment has them.</summary>
    /// <param name="device">A tracked device, or its image.</param>
    /// <param name="ranges">Ranges in bytes.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.TrackerNotFound"/>; EINVAL beyond the end of the device.</exception>
    public void MarkChanged(DeviceId device, IReadOnlyList<ByteRange> ranges) => driver.MarkDirty(device, ranges);

    /// <summary>Stops tracking a device and forgets its history.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.TrackerNotFound"/>; EBUSY while a snapshot holds the device.</exception>
    public void Remove(DeviceId device) => driver.RemoveTracker(device);
}
