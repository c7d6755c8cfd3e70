// SPDX-License-Identifier: MIT
using System.Globalization;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Storage;
using Blksnap.Tracking;

namespace Blksnap.Snapshots;

/// <summary>Finds out what making a snapshot would do. Sends TRACKER_COLLECT and nothing else.</summary>
internal static class SnapshotPlanner
{
    public static SnapshotPlan Make(BlksnapDriver driver, IReadOnlyList<DiffStorageSource> storage, IReadOnlyList<BlockDevice> devices)
    {
        IReadOnlyList<Tracker> trackers = driver.GetTrackers();
        return new SnapshotPlan
        {
            Devices = [.. devices.Select(device => Describe(device, trackers.FirstOrDefault(tracker => tracker.Device == device.Id), driver.Info))],
            Storage = [.. storage.Select(source => source.Describe())],
            FreezeTimeout = Parameter(driver.Info, "freeze_timeout_ms") is { } limit ? TimeSpan.FromMilliseconds(limit) : null,
        };
    }

    private static PlannedDevice Describe(BlockDevice device, Tracker? tracker, DriverInfo info)
    {
        ChangeRate? rate = ChangeRates.Find(device, tracker);
        return new()
        {
            DevicePath = device.Path,
            FileSystems =
            [
                .. device.Partitions.Select(BlockDevices.TryFromId).OfType<BlockDevice>().Prepend(device)
                    .Where(part => part.MountPoints.Count > 0)
                    .Select(part => new PlannedFreeze(part.Path, part.FileSystem, part.MountPoints[0])),
            ],
            Holders = device.Holders,
            IsTracked = tracker is { Present: true },
            MapSize = 2 * (tracker is { Present: true } ? tracker.BlockCount : BlockCount(device.Size, info)),
            Rate = rate,
            UnknownRate = rate is null ? ChangeRates.Explain(device, tracker) : null,
        };
    }

    // The driver takes the smallest block that keeps their number below the limit.
    private static long BlockCount(long size, DriverInfo info)
    {
        int shift = (int)(Parameter(info, "tracking_block_minimum_shift") ?? 16);
        int maximum = (int)(Parameter(info, "tracking_block_maximum_shift") ?? 26);
        long wanted = Parameter(info, "tracking_block_maximum_count") ?? 2097152;
        while (shift < maximum && Count(size, shift) > wanted)
        {
            shift++;
        }

        return Count(size, shift);

        static long Count(long size, int shift) => (size + (1L << shift) - 1) >> shift;
    }

    private static long? Parameter(DriverInfo info, string name)
        => info.Parameters.TryGetValue(name, out string? text)
            && long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long value) ? value : null;
}
