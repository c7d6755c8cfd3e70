// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using static Blksnap.Abi.Errno;

namespace Blksnap;

/// <summary>What an error number means: it depends on the request, and some drivers answer one error for several reasons.</summary>
internal static class DriverErrors
{
    /// <summary>The exception for a refused request.</summary>
    /// <param name="request">Name of the request.</param>
    /// <param name="errno">Positive error number.</param>
    /// <param name="target">What it was about.</param>
    /// <returns>An exception with an error id of its own where the reason is clear.</returns>
    public static BlksnapException Create(string request, int errno, string? target)
    {
        (string id, string text)? known = (request, errno) switch
        {
            (RequestNames.TrackerReadCbtMap, EPERM)
                => (ErrorIds.DeviceNotInSnapshot, $"No taken snapshot holds {target}: its change map can be read only while one does."),
            (_, EPERM)
                => (ErrorIds.DriverAccessDenied, $"{request} needs the capability CAP_SYS_ADMIN."),

            (RequestNames.SnapshotDestroy, ENODEV) or (_, ESRCH)
                => (ErrorIds.SnapshotNotFound, $"There is no snapshot {target}."),

            (RequestNames.SnapshotCreate, EALREADY)
                => (ErrorIds.DeviceInUse, $"In a snapshot already: {target}."),
            (RequestNames.SnapshotCreate, EBUSY)
                => (ErrorIds.BlockLayerHooked, "The driver cannot see the writes of the system: something else has hooked the block layer, or ftrace is switched off."),
            (RequestNames.SnapshotCreate, EOPNOTSUPP)
                => (ErrorIds.DeviceNotSupported, $"Cannot be snapshotted (zoned, with integrity data or DAX, or an image itself): {target}."),
            (RequestNames.SnapshotCreate, ENXIO or ENODEV or ENOENT)
                => (ErrorIds.DeviceNotFound, $"No such block device: {target}."),

            (RequestNames.TrackerRemove, ENODATA or ENOENT) or (RequestNames.TrackerReadCbtMap, ENODATA)
                or (RequestNames.TrackerMarkDirtyBlocks, ENODEV)
                => (ErrorIds.TrackerNotFound, $"{target} is not tracked."),

            (RequestNames.SnapshotAppendStorage, EINVAL)
                => (ErrorIds.StorageUnaligned, $"The driver refuses a range of {target}: empty, or not aligned to the blocks of the device."),
            (RequestNames.SnapshotAppendStorage, ERANGE)
                => (ErrorIds.StorageOutOfRange, $"The storage lies beyond the end of {target}."),
            (RequestNames.SnapshotAppendStorage, EBUSY)
                => (ErrorIds.StorageOverlap, $"Part of the storage on {target} is in use as difference storage already."),
            (RequestNames.SnapshotAppendStorage, EROFS)
                => (ErrorIds.StorageReadOnly, $"{target} is read-only."),
            (RequestNames.SnapshotAppendStorage, ENXIO or ENODEV or ENOENT)
                => (ErrorIds.StorageNotFound, $"The storage device {target} does not exist."),

            (RequestNames.SnapshotHoldFile, ETXTBSY)
                => (ErrorIds.StorageFileBusy, $"Somebody has {target} open for writing."),
            (RequestNames.SnapshotHoldFile, EBUSY)
                => (ErrorIds.StorageFileBusy, $"{target} is held by a snapshot already, or is a swap file."),
            (RequestNames.SnapshotHoldFile, EINVAL)
                => (ErrorIds.StorageUnsupportedType, $"{target} is not a regular file."),
            _ => null,
        };
        return known is { } reason
            ? new BlksnapException(reason.id, reason.text, request, errno, target)
            : new BlksnapException(request, errno, target);
    }
}
