// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Tracking;

/// <summary>The error for a device that is not tracked; often a disk is named where its partition was meant, or the other way round.</summary>
internal static class NotTracked
{
    /// <summary>The error, with the name of the tracked device that was probably meant.</summary>
    /// <param name="device">The device.</param>
    /// <param name="trackers">What is tracked.</param>
    public static BlksnapException Create(DeviceId device, IReadOnlyList<Tracker> trackers)
    {
        BlksnapException failure = DriverErrors.Create(RequestNames.TrackerReadCbtMap, Errno.ENODATA, BlockDevices.PathOf(device));
        if (BlockDevices.TryFromId(device) is not { } asked)
        {
            return failure;
        }

        HashSet<DeviceId> tracked = [.. trackers.Select(tracker => tracker.Device)];
        List<DeviceId> meant = [.. asked.Partitions.Where(tracked.Contains)];
        if (asked.Disk is { } disk && tracked.Contains(disk))
        {
            meant.Add(disk);
        }

        return meant.Count == 0
            ? failure
            : new BlksnapException(failure.ErrorId, failure.Message, failure.Request, failure.Errno, failure.Target)
            {
                NextStep = $"Tracked is {string.Join(", ", meant.Select(BlockDevices.PathOf))}, and a disk and its partitions are tracked each on its own: name that one.",
            };
    }
}
