// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Devices;

/// <summary>Which devices lie on which others.</summary>
internal static class DeviceStack
{
    /// <summary>Which of some devices lie below a device, so that what is written to it is, or may be, written to them.</summary>
    /// <param name="device">The upper device: a device mapper, RAID or loop device, or a partition of one.</param>
    /// <param name="candidates">The devices that are looked for.</param>
    /// <returns>The first that was found; null if none lies below. The device itself is not below itself.</returns>
    public static BlockDevice? FindBelow(BlockDevice device, IReadOnlyCollection<DeviceId> candidates)
    {
        BlockDevice[] wanted = [.. candidates.Select(BlockDevices.TryFromId).OfType<BlockDevice>()];
        HashSet<DeviceId> seen = [device.Id];
        Stack<BlockDevice> open = new([device]);
        while (open.TryPop(out BlockDevice? upper))
        {
            IReadOnlyList<DeviceId> madeOf = upper.Disk is { } disk ? BlockDevices.TryFromId(disk)?.MadeOf ?? [] : upper.MadeOf;
            foreach (BlockDevice lower in madeOf.Where(seen.Add).Select(BlockDevices.TryFromId).OfType<BlockDevice>())
            {
                if (wanted.FirstOrDefault(candidate => Share(lower, candidate)) is { } found)
                {
                    return found;
                }

                open.Push(lower);
            }
        }

        return null;
    }

    /// <summary>Whether two devices have sectors in common: they are one, or one is a partition of the other.</summary>
    public static bool Share(BlockDevice one, BlockDevice other) => one.Id == other.Id || one.Disk == other.Id || other.Disk == one.Id;
}
