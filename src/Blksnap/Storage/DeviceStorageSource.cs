// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;

namespace Blksnap.Storage;

/// <summary>A block device or a range of one as storage.</summary>
internal sealed class DeviceStorageSource : DiffStorageSource
{
    /// <summary>
    /// Bytes at each end of a device that is given as a whole that stay unused. Signatures lie there: old blocks among them would make the
    /// device look like the file system that they came from.
    /// </summary>
    public const long Margin = 128 << 10;

    // The unused end begins at a whole page, whatever size pages have: it is overwritten through the page cache.
    private const long MarginAlignment = 64 << 10;

    private const long SmallestCopy = 4096;

    private readonly BlockDevice _device;
    private readonly ByteRange _range;
    private readonly IReadOnlyList<ByteRange> _margins;

    private DeviceStorageSource(BlockDevice device, ByteRange range, IReadOnlyList<ByteRange> margins)
    {
        _device = device;
        _range = range;
        _margins = margins;
    }

    public static DeviceStorageSource Resolve(
        DiffStorageSpec spec, BlockDevice device, bool force, IReadOnlyCollection<DeviceId> origins)
    {
        // The size that belongs to files and directories limits a device too.
        long end = (device.Size - Margin) / MarginAlignment * MarginAlignment;
        long offset = spec.Offset ?? Margin;
        long length = spec.Offset is null ? Math.Min(spec.Length ?? long.MaxValue, end - Margin) : spec.Length!.Value;
        if (length <= 0)
        {
            throw new BlksnapException(
                ErrorIds.StorageTooSmall,
                $"{device.Path} is too small for difference storage: {Margin} bytes at each end stay unused.",
                string.Empty,
                Errno.ENOSPC,
                device.Path);
        }

        // Less than what the driver copies at a time is never used: the image would be lost at the first write.
        long minimum = Math.Max(SmallestCopy, device.LogicalBlockSize);
        if (length < minimum)
        {
            throw new BlksnapException(
                ErrorIds.StorageTooSmall,
                $"{length} bytes of {device.Path} are too small for difference storage: the least is {minimum} bytes.",
                string.Empty,
                Errno.ENOSPC,
                device.Path);
        }

        if (offset > device.Size - length)
        {
            throw new BlksnapException(
                ErrorIds.StorageOutOfRange, $"{spec} ends beyond the {device.Size} bytes of {device.Path}.", string.Empty, Errno.ERANGE, device.Path);
        }

        if (offset % device.LogicalBlockSize != 0 || length % device.LogicalBlockSize != 0)
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

        CheckNotAbove(device, device.Path, origins);
        List<ByteRange> margins = [];
        if (spec.Offset is null)
        {
            margins.Add(new ByteRange(0, Margin));
            if (offset + length == end)
            {
                margins.Add(new ByteRange(end, device.Size - end));
            }
        }

        return new DeviceStorageSource(device, new ByteRange(offset, length), margins);
    }

    public override PlannedStorage Describe() => new(_device.Path, PlannedStorageKind.Device, _range.Length);

    public override IReadOnlyList<DiffStorageRange> Attach(BlksnapDriver driver, Guid id, StorageKeeper keeper, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        IReadOnlyList<DiffStorageRange> ranges = Append(driver, id, _device, [_range], filePath: null);
        keeper.Record(ranges);
        return ranges;
    }

    public override bool HasMargins => _margins.Count > 0;

    public override void ClearMargins(IReadOnlyCollection<DiffStorageRange> used)
    {
        // Where partitions and their disk are both storage, the addresses of one say nothing about the other.
        DeviceId disk = _device.Disk ?? _device.Id;
        if (used.Any(range => range.Device != _device.Id && (BlockDevices.TryFromId(range.Device)?.Disk ?? range.Device) == disk))
        {
            return;
        }

        foreach (ByteRange margin in _margins)
        {
            if (!used.Any(range => range.Device == _device.Id && range.Offset < margin.End && margin.Offset < range.Offset + range.Length))
            {
                _ = BlockDevices.Clear(_device, margin.Offset, margin.Length);
            }
        }
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

        bool isOrigin = origins.Contains(device.Id) || device.Partitions.Any(origins.Contains);
        if (isWhole && isOrigin)
        {
            return "it is, or contains, a device of the same snapshot";
        }

        if (force)
        {
            return null;
        }

        // A range that is known to be free is fine, and only the user knows: what the snapshot is taken of need not carry anything that shows.
        if (isOrigin)
        {
            return "it is, or contains, a device of the same snapshot, whose data a range of it would overwrite";
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
