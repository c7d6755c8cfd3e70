// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Storage;

/// <summary>A block device or a range of one as storage.</summary>
internal sealed class DeviceStorageSource : DiffStorageSource
{
    private readonly BlockDevice _device;
    private readonly ByteRange _range;

    private DeviceStorageSource(BlockDevice device, ByteRange range)
    {
        _device = device;
        _range = range;
    }

    public static DeviceStorageSource Resolve(
        DiffStorageSpec spec, BlockDevice device, bool force, IReadOnlyCollection<DeviceId> origins)
    {
        // The size that belongs to files and directories limits a device too.
        long offset = spec.Offset ?? 0;
        long length = spec.Offset is null ? Math.Min(spec.Length ?? device.Size, device.Size) : spec.Length!.Value;
        if (offset > device.Size - length)
        {
            throw new BlksnapException(
                ErrorIds.StorageOutOfRange, $"{spec} ends beyond the {device.Size} bytes of {device.Path}.", string.Empty, Errno.ERANGE, device.Path);
        }

        if (offset % device.LogicalBlockSize != 0 || (spec.Length is not null && length % device.LogicalBlockSize != 0))
        {
            throw new BlksnapException(
                ErrorIds.StorageUnaligned,
                $"{spec} is not aligned to the blocks of {device.Path}, {device.LogicalBlockSize} bytes each.",
                string.Empty,
                Errno.EINVAL,
                device.Path);
        }

        if (device.IsReadOnly)
        {
            throw new BlksnapException(ErrorIds.StorageReadOnly, $"{device.Path} is read-only.", string.Empty, Errno.EROFS, device.Path);
        }

        if (FindUser(device, isWhole: spec.Offset is null, force, origins) is { } user)
        {
            throw new BlksnapException(
                ErrorIds.StorageInUse, $"{device.Path} cannot be difference storage: {user}.", string.Empty, Errno.EBUSY, device.Path);
        }

        return new DeviceStorageSource(device, new ByteRange(offset, length));
    }

    public override IReadOnlyList<DiffStorageRange> Attach(BlksnapDriver driver, Guid id, StorageKeeper keeper)
    {
        IReadOnlyList<DiffStorageRange> ranges = Append(driver, id, _device, [_range], filePath: null);
        keeper.Record(ranges);
        return ranges;
    }

    /// <summary>Who would lose data; null if nobody.</summary>
    private static string? FindUser(BlockDevice device, bool isWhole, bool force, IReadOnlyCollection<DeviceId> origins)
    {
        // These are wrong whatever the user insists on.
        if (device.IsSnapshotImage)
        {
            return "it is the image of a snapshot";
        }

        if (device.IsSwap)
        {
            return "it is in use as swap";
        }

        if (isWhole && (origins.Contains(device.Id) || device.Partitions.Any(origins.Contains)))
        {
            return "it is, or contains, a device of the same snapshot";
        }

        if (force)
        {
            return null;
        }

        if (device.MountPoints.Count > 0)
        {
            return $"it is mounted at {device.MountPoints[0]}";
        }

        if (device.Holders.Count > 0)
        {
            return $"it is part of {string.Join(", ", device.Holders)}";
        }

        foreach (BlockDevice partition in device.Partitions.Select(BlockDevices.TryFromId).OfType<BlockDevice>())
        {
            if (partition.IsSwap || partition.Holders.Count > 0 || partition.MountPoints.Count > 0)
            {
                return $"its partition {partition.Path} is in use";
            }
        }

        if (device.Disk is { } disk && BlockDevices.TryFromId(disk) is { MountPoints.Count: > 0 } whole)
        {
            return $"its disk {whole.Path} is mounted at {whole.MountPoints[0]}";
        }

        return BlockDevices.ProbeContent(device) is { } content ? $"it carries {content}" : null;
    }
}
