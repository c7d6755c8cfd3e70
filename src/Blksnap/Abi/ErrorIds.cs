// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>Values of <see cref="BlksnapException.ErrorId"/> that have a meaning of their own.</summary>
public static class ErrorIds
{
    /// <summary>No control node, or a node without a driver behind it (ENOENT, ENXIO, ENODEV).</summary>
    public const string DriverNotFound = nameof(DriverNotFound);

    /// <summary>The control node may not be opened, or the request needs CAP_SYS_ADMIN (EACCES, EPERM).</summary>
    public const string DriverAccessDenied = nameof(DriverAccessDenied);

    /// <summary>The driver speaks another generation of the interface than 1, or none at all.</summary>
    public const string UnsupportedGeneration = nameof(UnsupportedGeneration);

    /// <summary>The driver is of a kind that loses its first snapshot when a second one is created.</summary>
    public const string DriverSingleSnapshot = nameof(DriverSingleSnapshot);

    /// <summary>The driver does not have the extension that the operation needs.</summary>
    public const string ExtensionMissing = nameof(ExtensionMissing);

    /// <summary>No such block device.</summary>
    public const string DeviceNotFound = nameof(DeviceNotFound);

    /// <summary>The device is in another snapshot already.</summary>
    public const string DeviceInUse = nameof(DeviceInUse);

    /// <summary>The device cannot be snapshotted: zoned, with integrity data, a path of a multipath device, or an image.</summary>
    public const string DeviceNotSupported = nameof(DeviceNotSupported);

    /// <summary>Another module or a live patch has the hook that sees writes, or ftrace is switched off.</summary>
    public const string BlockLayerHooked = nameof(BlockLayerHooked);

    /// <summary>No snapshot with this id.</summary>
    public const string SnapshotNotFound = nameof(SnapshotNotFound);

    /// <summary>The device is not tracked.</summary>
    public const string TrackerNotFound = nameof(TrackerNotFound);

    /// <summary>No taken snapshot holds the device, so its change map cannot be read.</summary>
    public const string DeviceNotInSnapshot = nameof(DeviceNotInSnapshot);

    /// <summary>The changes since the given token are not known, the tracking of the device began anew. A full copy is needed.</summary>
    public const string ChangedBlocksGeneration = nameof(ChangedBlocksGeneration);

    /// <summary>The changes since the given token are not known, the numbers of the snapshots were used up. A full copy is needed.</summary>
    public const string ChangedBlocksNumberWrap = nameof(ChangedBlocksNumberWrap);

    /// <summary>The changes since the given token are not known, the size of the device is another. A full copy is needed.</summary>
    public const string ChangedBlocksResized = nameof(ChangedBlocksResized);

    /// <summary>The given token is one of another device. A full copy is needed.</summary>
    public const string ChangedBlocksOtherDevice = nameof(ChangedBlocksOtherDevice);

    /// <summary>The given token is from before the last start of the system. A full copy is needed.</summary>
    public const string ChangedBlocksReboot = nameof(ChangedBlocksReboot);

    /// <summary>The storage device carries a file system or is mounted, or is in use otherwise.</summary>
    public const string StorageInUse = nameof(StorageInUse);

    /// <summary>The storage lies on a device that is made of a device of the snapshot: what is kept would have to be kept again.</summary>
    public const string StorageAboveOrigin = nameof(StorageAboveOrigin);

    /// <summary>The storage lies on a device that a snapshot holds, and may have blocks that the image still shows.</summary>
    public const string StorageAfterTake = nameof(StorageAfterTake);

    /// <summary>The storage path does not exist.</summary>
    public const string StorageNotFound = nameof(StorageNotFound);

    /// <summary>The storage file has holes.</summary>
    public const string StorageHoles = nameof(StorageHoles);

    /// <summary>Extents of the storage file are shared with other files.</summary>
    public const string StorageSharedExtents = nameof(StorageSharedExtents);

    /// <summary>Extents of the storage file are compressed, encrypted, inline, or not allocated yet.</summary>
    public const string StorageEncodedExtents = nameof(StorageEncodedExtents);

    /// <summary>Extents or range not aligned to blocks of the device.</summary>
    public const string StorageUnaligned = nameof(StorageUnaligned);

    /// <summary>The extents of files on this file system are no addresses on a block device.</summary>
    public const string StorageUnsupportedFileSystem = nameof(StorageUnsupportedFileSystem);

    /// <summary>Somebody has the storage file open for writing, or it is held or used for swap already.</summary>
    public const string StorageFileBusy = nameof(StorageFileBusy);

    /// <summary>Neither a regular file, a directory nor a block device.</summary>
    public const string StorageUnsupportedType = nameof(StorageUnsupportedType);

    /// <summary>A range beyond the end of its device.</summary>
    public const string StorageOutOfRange = nameof(StorageOutOfRange);

    /// <summary>A range is in use as difference storage already.</summary>
    public const string StorageOverlap = nameof(StorageOverlap);

    /// <summary>The storage device is read-only.</summary>
    public const string StorageReadOnly = nameof(StorageReadOnly);

    /// <summary>Nothing usable is left of the storage, or the file system has no room for it.</summary>
    public const string StorageTooSmall = nameof(StorageTooSmall);

    /// <summary>The difference storage of the snapshot is extended automatically already.</summary>
    public const string AutoExtendActive = nameof(AutoExtendActive);

    /// <summary>Automatic extension without a directory to make files in.</summary>
    public const string AutoExtendNeedsDirectory = nameof(AutoExtendNeedsDirectory);

    /// <summary>The difference storage has, or would begin with, as much as it may have with its automatic extension, or more.</summary>
    public const string AutoExtendMaximumTooSmall = nameof(AutoExtendMaximumTooSmall);

    /// <summary>This process does not extend the difference storage of the snapshot.</summary>
    public const string AutoExtendNotActive = nameof(AutoExtendNotActive);

    /// <summary>The text does not name a storage: a malformed range or size.</summary>
    public const string StorageInvalid = nameof(StorageInvalid);

    /// <summary>An image of the snapshot is mounted; only the cmdlets look at that, the driver does not mind.</summary>
    public const string ImageMounted = nameof(ImageMounted);

    /// <summary>What was given is neither the token of an earlier copy nor a number.</summary>
    public const string ChangeTokenInvalid = nameof(ChangeTokenInvalid);

    /// <summary>The map of changed blocks has no ranges that could be merged or widened.</summary>
    public const string RawAndRanges = nameof(RawAndRanges);

    /// <summary>An event subscription with this source identifier exists.</summary>
    public const string SubscriberExists = nameof(SubscriberExists);

    /// <summary>An event is either acted on or forwarded, not both.</summary>
    public const string ActionAndForward = nameof(ActionAndForward);

    /// <summary>The caller is in no simulation.</summary>
    public const string SimulationNotActive = nameof(SimulationNotActive);
}
