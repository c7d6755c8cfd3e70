// SPDX-License-Identifier: MIT
using System.Globalization;
using Blksnap.Abi;
using Blksnap.Devices;
using static Blksnap.Abi.Errno;
using static Blksnap.Abi.ErrorKind;

namespace Blksnap;

/// <summary>
/// The table of errors: what an answer to a request means (<c>s_answers</c>), and what to do about each reason (<c>s_reasons</c>) and
/// each error number that has no better one (<c>s_numbers</c>). "{0}" is what the request was about.
/// </summary>
internal static class DriverErrors
{
    private const string AnyRequest = "*";

    private const string LoadModule =
        "Load the kernel module with \"modprobe blksnap\" (\"insmod blksnap.ko\" where it is not installed) and repeat the command.";

    private const string RunAsRoot =
        "Run the command as root, for example: sudo pwsh -Command '<command>'. In a container, CAP_SYS_ADMIN and access to the control node are needed.";

    private const string Repeat = "Repeat the command: others changed the list while it was read.";

    private const string ListGrew = "A list of the driver grew faster than it could be read.";

    private const string LookAtArguments = "Check the arguments; \"dmesg\" has the reason if the module gave one.";

    // The first row that fits is taken.
    private static readonly Answer[] s_answers =
    [
        new(RequestNames.Version, ENOTTY, ErrorIds.UnsupportedGeneration, "What answers at {0} does not know the VERSION request, so it is no blksnap driver."),
        new(RequestNames.TrackerReadCbtMap, EPERM, ErrorIds.DeviceNotInSnapshot, "No taken snapshot holds {0}: its change map can be read only while one does."),
        new(AnyRequest, EPERM, ErrorIds.DriverAccessDenied, "This needs the capability CAP_SYS_ADMIN."),
        new(AnyRequest, ESRCH, ErrorIds.SnapshotNotFound, "There is no snapshot {0}."),
        new(RequestNames.SnapshotDestroy, ENODEV, ErrorIds.SnapshotNotFound, "There is no snapshot {0}."),

        new(RequestNames.TrackerRemove, ENODATA, ErrorIds.TrackerNotFound, "{0} is not tracked."),
        new(RequestNames.TrackerRemove, ENOENT, ErrorIds.TrackerNotFound, "{0} is not tracked."),
        new(RequestNames.TrackerRemove, EBUSY, "A snapshot holds {0}, so its tracking goes on.", ResourceBusy,
            "End the snapshot first: Get-BlkSnapshot -DevicePath {0} | Remove-BlkSnapshot."),
        new(RequestNames.TrackerCollect, ENOBUFS, ListGrew, LimitsExceeded, Repeat),
        new(RequestNames.TrackerCollect, ENODATA, ListGrew, LimitsExceeded, Repeat),
        new(RequestNames.TrackerReadCbtMap, ENODATA, ErrorIds.TrackerNotFound, "{0} is not tracked."),
        new(RequestNames.TrackerReadCbtMap, EINVAL, "The change map of {0} is shorter than the driver said.", InvalidData,
            "Take a new snapshot of the device and read everything from its image: what changed is not known for certain."),
        new(RequestNames.TrackerReadCbtMap, EFAULT, "The change map of {0} is damaged.", InvalidData,
            "Take a new snapshot of the device and read everything from its image: what changed is not known any more."),
        new(RequestNames.TrackerMarkDirtyBlocks, ENODEV, ErrorIds.TrackerNotFound, "{0} is not tracked."),
        new(RequestNames.TrackerMarkDirtyBlocks, EINVAL, "A range is empty or not within {0}; no block was marked.", InvalidArgument,
            "Compare offset and length with the size of the device, which \"lsblk -b\" tells in bytes; whole sectors of 512 bytes are marked."),

        new(RequestNames.SnapshotCreate, EINVAL, "A device is in the list twice: {0}.", InvalidArgument,
            "Name each device once; \"lsblk\" shows which paths are the same device."),
        new(RequestNames.SnapshotCreate, EALREADY, ErrorIds.DeviceInUse, "In a snapshot already: {0}."),
        new(RequestNames.SnapshotCreate, EBUSY, ErrorIds.BlockLayerHooked, "The driver cannot see the writes of the system: something else has hooked the block layer, or ftrace is switched off."),
        new(RequestNames.SnapshotCreate, EOPNOTSUPP, ErrorIds.DeviceNotSupported, "Cannot be snapshotted (zoned, with integrity data, inline encryption or DAX, blocks larger than a page, more than 256 PiB, or an image itself): {0}."),
        new(RequestNames.SnapshotCreate, ENXIO, ErrorIds.DeviceNotFound, "No such block device: {0}."),
        new(RequestNames.SnapshotCreate, ENODEV, ErrorIds.DeviceNotFound, "No such block device: {0}."),
        new(RequestNames.SnapshotCreate, ENOENT, ErrorIds.DeviceNotFound, "No such block device: {0}."),

        new(RequestNames.SnapshotAppendStorage, EINVAL, ErrorIds.StorageUnaligned, "The driver refuses a range of {0}: empty, or not aligned to the blocks of the device."),
        new(RequestNames.SnapshotAppendStorage, ERANGE, ErrorIds.StorageOutOfRange, "The storage lies beyond the end of {0}."),
        new(RequestNames.SnapshotAppendStorage, EBUSY, ErrorIds.StorageOverlap, "Part of the storage on {0} is in use as difference storage already."),
        new(RequestNames.SnapshotAppendStorage, EROFS, ErrorIds.StorageReadOnly, "{0} is read-only."),
        new(RequestNames.SnapshotAppendStorage, EOPNOTSUPP, ErrorIds.StorageUnsupportedType, "{0} cannot be difference storage: it is zoned, or the image of a snapshot."),
        new(RequestNames.SnapshotAppendStorage, EFBIG, "The snapshot has difference storage on 256 devices already, so {0} cannot be added.", LimitsExceeded,
            "Add storage on one of those; Get-DiffStorage shows them."),
        new(RequestNames.SnapshotAppendStorage, ENXIO, ErrorIds.StorageNotFound, "The storage device {0} does not exist."),
        new(RequestNames.SnapshotAppendStorage, ENODEV, ErrorIds.StorageNotFound, "The storage device {0} does not exist."),
        new(RequestNames.SnapshotAppendStorage, ENOENT, ErrorIds.StorageNotFound, "The storage device {0} does not exist."),
        new(RequestNames.SnapshotAppendStorage, ENODATA, "The driver could not read the list of storage ranges on {0}.", InvalidData,
            "Give the storage in fewer pieces: a file in one piece, or a range of a device."),

        new(RequestNames.SnapshotTake, EALREADY, "Snapshot {0} was taken already.", ResourceExists,
            "Get-BlkSnapshot -Id {0} shows when; each snapshot has one instant."),
        new(RequestNames.SnapshotTake, ENODEV, "Snapshot {0} has no devices left.", ObjectNotFound,
            "A device went away after the snapshot was made: remove the snapshot and make a new one of the devices that are there."),
        new(RequestNames.SnapshotTake, EFAULT, "Snapshot {0} has no difference storage.", InvalidOperation,
            "Give it some before the take: name it with -DiffStorage of New-BlkSnapshot."),
        new(RequestNames.SnapshotTake, ETIMEDOUT, "Writes under way do not end, so snapshot {0} was not taken.", OperationTimeout,
            "Repeat the command at a quieter time; \"dmesg\" tells which device it was. All file systems were thawed."),
        new(RequestNames.SnapshotCollect, ENODATA, ListGrew, LimitsExceeded, Repeat),
        new(RequestNames.SnapshotCollectImages, ENODEV, "Snapshot {0} was not taken, so it has no images.", InvalidOperation,
            "Whoever made it has not taken it yet, or gave up: end it with Remove-BlkSnapshot, and make one with New-BlkSnapshot, which takes it too."),
        new(RequestNames.SnapshotCollectImages, ENODATA, ListGrew, LimitsExceeded, Repeat),
        new(RequestNames.SnapshotWaitEvent, ENOENT, "No event of snapshot {0} in time.", OperationTimeout, "Wait longer, or without a limit."),
        new(RequestNames.SnapshotCollectDevices, ENOBUFS, ListGrew, LimitsExceeded, Repeat),
        new(RequestNames.SnapshotCollectStorage, ENOBUFS, ListGrew, LimitsExceeded, Repeat),

        new(RequestNames.SnapshotHoldFile, ETXTBSY, ErrorIds.StorageFileBusy, "Somebody has {0} open for writing."),
        new(RequestNames.SnapshotHoldFile, EBUSY, ErrorIds.StorageFileBusy, "{0} is held by a snapshot already, or is a swap file."),
        new(RequestNames.SnapshotHoldFile, EINVAL, ErrorIds.StorageUnsupportedType, "{0} is not a regular file."),
        new(RequestNames.SnapshotHoldFile, EBADF, "The storage file {0} was closed before the driver could hold it.", InvalidOperation,
            "Repeat the command; if it fails again, use another file."),
    ];

    private static readonly Dictionary<string, Reason> s_reasons = new(StringComparer.Ordinal)
    {
        [ErrorIds.DriverNotFound] = new(ObjectNotFound, LoadModule),
        [ErrorIds.DriverAccessDenied] = new(PermissionDenied, RunAsRoot),
        [ErrorIds.UnsupportedGeneration] = new(NotImplemented,
            "Generation 1 of the interface is needed. Unload the module that answers there (\"lsmod | grep -e blksnap -e bdevfilter\", then \"rmmod\"; a backup agent may load it again) and load the blksnap.ko of this project."),
        [ErrorIds.DriverSingleSnapshot] = new(NotImplemented,
            "The loaded module keeps track of one snapshot only. Remove the present one first (Get-BlkSnapshot | Remove-BlkSnapshot), put all devices into one snapshot, or load the module of this project."),
        [ErrorIds.ExtensionMissing] = new(NotImplemented,
            "The loaded module cannot do this; Get-BlkSnapshotDriver lists what it can do. Load the module of this project."),
        [ErrorIds.DeviceNotFound] = new(ObjectNotFound,
            "Look up the path of the block device with \"lsblk -p\"."),
        [ErrorIds.DeviceInUse] = new(ResourceExists,
            "A device is in one snapshot at a time. Find the other one with Get-BlkSnapshot -DevicePath <device> and end it with Remove-BlkSnapshot."),
        [ErrorIds.DeviceNotSupported] = new(InvalidType,
            "Zoned devices, devices with integrity data, inline encryption or DAX, paths of multipath devices, and snapshot images cannot be in a snapshot. Choose the device above or below it, such as the logical volume."),
        [ErrorIds.BlockLayerHooked] = new(ResourceBusy,
            "Unload the other snapshot module (\"lsmod\" lists bdevfilter, veeamblksnap and the like) or live patch; \"sysctl kernel.ftrace_enabled=1\" switches ftrace on. Test-BlkSnapshotSupport tells which it is."),
        [ErrorIds.SnapshotNotFound] = new(ObjectNotFound,
            "Get-BlkSnapshot lists the snapshots that exist. They do not outlive a reboot or the unloading of the kernel module."),
        [ErrorIds.TrackerNotFound] = new(ObjectNotFound,
            "Tracking starts with the first snapshot of a device: New-BlkSnapshot. Get-BlkTracker lists the devices that are tracked: a disk and its partitions are different devices."),
        [ErrorIds.DeviceNotInSnapshot] = new(InvalidOperation,
            "The map of changes is readable while a snapshot holds the device. Take one with New-BlkSnapshot."),
        [ErrorIds.ChangedBlocksGeneration] = new(InvalidData,
            "Take a full backup: a full copy of the image, and keep its ChangeToken for the next one. The history goes when a tracker is removed or the module unloaded."),
        [ErrorIds.ChangedBlocksNumberWrap] = new(InvalidData,
            "Take a full backup: a full copy of the image, and keep its ChangeToken for the next one. The driver counts 254 snapshots of a device, then begins anew."),
        [ErrorIds.ChangedBlocksResized] = new(InvalidData,
            "Take a full backup: a full copy of the image, and keep its ChangeToken for the next one. A device that changes its size loses its history."),
        [ErrorIds.ChangedBlocksOtherDevice] = new(InvalidData,
            "Give the token of this device; if there is none, take a full backup: a full copy of the image, and keep its ChangeToken for the next one."),
        [ErrorIds.ChangedBlocksReboot] = new(InvalidData,
            "Take a full backup: a full copy of the image, and keep its ChangeToken for the next one. The history of changes does not outlive a restart."),
        [ErrorIds.StorageInUse] = new(ResourceBusy,
            "Difference storage overwrites what is there. Name an empty device or range, or a file on the mounted file system; -Force uses a device with old data, or a range of a device of the snapshot, all the same, but never such a device as a whole: there, name a directory on it instead."),
        [ErrorIds.StorageAboveOrigin] = new(InvalidArgument,
            "Name a place that is not made of a device of the snapshot; \"lsblk -s\" shows what a device is made of. A file on the file system of the device itself is fine, if it is there before the take."),
        [ErrorIds.StorageAfterTake] = new(ResourceBusy,
            "Name a place on another device, or give the snapshot enough before the take: New-BlkSnapshot -DiffStorageSize makes a file anywhere. A file whose blocks were allocated before the take can be added, too."),
        [ErrorIds.StorageNotFound] = new(ObjectNotFound,
            "Name an existing file, directory or block device; with -DiffStorageSize (or -Size) a file is created."),
        [ErrorIds.StorageHoles] = new(InvalidData,
            "Allocate the whole file before (\"fallocate -l <size> <file>\"), or name a directory and a size and let the command make the file."),
        [ErrorIds.StorageSharedExtents] = new(InvalidData,
            "Writing there would change the other file as well. Make a file of its own with fallocate, no reflink copy."),
        [ErrorIds.StorageEncodedExtents] = new(InvalidData,
            "The file needs plain, allocated blocks: make it with fallocate, without compression or encryption."),
        [ErrorIds.StorageUnaligned] = new(InvalidArgument,
            "Offset and length of the storage have to be multiples of the device's logical block; whole MiB always are."),
        [ErrorIds.StorageUnsupportedFileSystem] = new(InvalidType,
            "Use a file on ext4 or xfs that lies on one block device, or a block device."),
        [ErrorIds.StorageFileBusy] = new(ResourceBusy,
            "Close the programs that write to the file (\"fuser -v <file>\"), or use another one; a file serves one snapshot at a time."),
        [ErrorIds.StorageUnsupportedType] = new(InvalidType,
            "Difference storage is a file, a directory, a block device, or a range of one such as /dev/sdb:1GiB+4GiB."),
        [ErrorIds.StorageOutOfRange] = new(LimitsExceeded,
            "The range ends beyond the device; \"lsblk -b\" tells its size."),
        [ErrorIds.StorageOverlap] = new(ResourceBusy,
            "The range is difference storage already; Get-DiffStorage shows the ranges in use."),
        [ErrorIds.StorageReadOnly] = new(WriteError,
            "The storage device is read-only; name another one, or make it writable with \"blockdev --setrw\"."),
        [ErrorIds.StorageTooSmall] = new(ResourceUnavailable,
            "Give more room with -DiffStorageSize (or -Size), or name a place that has it."),
        [ErrorIds.AutoExtendActive] = new(ResourceExists,
            "Get-DiffStorageAutoExtend shows it; Disable-DiffStorageAutoExtend ends it, in the process that does it."),
        [ErrorIds.AutoExtendNeedsDirectory] = new(InvalidArgument,
            "Name a directory on ext4 or xfs with -DiffStorage, alone or beside other places; -DiffStorageSize says how much of it is used at once."),
        [ErrorIds.AutoExtendMaximumTooSmall] = new(LimitsExceeded,
            "Give a larger -MaximumSize, which is that of the whole difference storage; or have a new snapshot begin with less, with -DiffStorageSize or a range of a device."),
        [ErrorIds.AutoExtendNotActive] = new(ObjectNotFound,
            "Get-DiffStorageAutoExtend shows which snapshots are extended, and by which process."),
        [ErrorIds.StorageInvalid] = new(InvalidArgument,
            "Write a range as <device>:<offset>+<length>, for example /dev/sdb:1GiB+4GiB."),
        [ErrorIds.ImageMounted] = new(ResourceBusy,
            "Unmount it first, or remove the snapshot all the same with -Force: whoever reads the image then gets I/O errors."),
        [ErrorIds.ChangeTokenInvalid] = new(InvalidArgument,
            "Give -Since the ChangeToken of the image that was copied: (Get-BlkSnapshotImage).ChangeToken while its snapshot existed. Without one, take a full backup."),
        [ErrorIds.RawAndRanges] = new(InvalidArgument,
            "Leave out -Raw, or -MergeGap and -Minimum."),
        [ErrorIds.SubscriberExists] = new(ResourceExists,
            "Choose another -SourceIdentifier, or end the other subscription with Unregister-Event."),
        [ErrorIds.ActionAndForward] = new(InvalidArgument,
            "Leave out -Action or -Forward."),
        [ErrorIds.SimulationNotActive] = new(InvalidOperation,
            "Simulated disks exist inside of a simulation only: Use-BlkSimulation { ... }."),
    };

    private static readonly Reason s_unknown = new(NotSpecified, "\"dmesg\" has the reason if the kernel module gave one.");

    private static readonly Dictionary<int, Reason> s_numbers = ByNumber(
        (new Reason(PermissionDenied, RunAsRoot), [EPERM, EACCES]),
        (new Reason(ObjectNotFound, "Get-BlkSnapshot and Get-BlkTracker list what the driver knows."), [ENOENT, ENODEV, ENXIO, ESRCH, ENODATA]),
        (new Reason(ResourceBusy, "Something else holds it: Get-BlkSnapshot lists the snapshots, \"lsblk\" and \"fuser -v\" the other users."), [EBUSY, ETXTBSY]),
        (new Reason(ResourceExists, "It has been done already; Get-BlkSnapshot shows the present state."), [EALREADY, EEXIST]),
        (new Reason(ResourceUnavailable, "Make room, or name another place."), [ENOSPC, EDQUOT]),
        (new Reason(ResourceUnavailable,
            "The kernel is short of memory. Free some, or let the module use larger blocks (its parameters tracking_block_minimum_shift and chunk_minimum_shift)."), [ENOMEM]),
        (new Reason(LimitsExceeded, "Repeat the command with less at once."), [ENOBUFS, EFBIG, ERANGE]),
        (new Reason(OperationTimeout,
            "The devices were too busy. Repeat the command, at a quieter time if it happens again; \"dmesg\" tells which device it was."), [ETIMEDOUT]),
        (new Reason(OperationStopped, "Repeat the command."), [EINTR]),
        (new Reason(NotImplemented, "The loaded module cannot do this; Get-BlkSnapshotDriver lists what it can do."), [ENOTTY, EOPNOTSUPP]),
        (new Reason(InvalidArgument, LookAtArguments), [EINVAL, EBADF]),
        (new Reason(ReadError, "A device failed; \"dmesg\" tells which one."), [EIO]),
        (new Reason(WriteError, "It is read-only; name another place."), [EROFS]));

    /// <summary>Whether a request has a row for an error number, of its own or one for all requests.</summary>
    public static bool IsListed(string request, int errno) => Find(request, errno) is not null;

    /// <summary>The exception for a refused request.</summary>
    /// <param name="request">Name of the request.</param>
    /// <param name="errno">Positive error number.</param>
    /// <param name="target">What it was about; the number of a device is named by its path where it has one.</param>
    /// <returns>An exception with an error id of its own where the reason is clear.</returns>
    public static BlksnapException Create(string request, int errno, string? target)
    {
        target = DeviceId.TryParse(target, out DeviceId device) ? BlockDevices.PathOf(device) : target;
        return Find(request, errno) is { } answer
            ? new BlksnapException(
                answer.ErrorId ?? $"{request},{Name(errno)}",
                Fill(answer.Text, target) + (answer.ErrorId is null ? $" ({Name(errno)})" : string.Empty),
                request,
                errno,
                target)
            : new BlksnapException(request, errno, target);
    }

    /// <summary>What sort of failure an exception tells of, and what to do about it.</summary>
    /// <param name="errorId">Its error id.</param>
    /// <param name="request">The request; may be empty.</param>
    /// <param name="errno">Positive error number, 0 if there is none.</param>
    /// <param name="target">What it was about.</param>
    public static (ErrorKind Kind, string NextStep) Advise(string errorId, string request, int errno, string? target)
    {
        Reason reason = s_reasons.GetValueOrDefault(errorId)
            ?? Find(request, errno)?.Reason
            ?? s_numbers.GetValueOrDefault(errno)
            ?? s_unknown;
        return (reason.Kind, Fill(reason.NextStep, target));
    }

    private static Answer? Find(string request, int errno)
        => Array.Find(s_answers, answer => answer.Errno == errno && (answer.Request == request || (answer.Request == AnyRequest && request.Length > 0)));

    private static string Fill(string text, string? target)
        => text.Contains("{0}", StringComparison.Ordinal)
            ? string.Format(CultureInfo.InvariantCulture, text, target ?? "<device>")
            : text;

    private static Dictionary<int, Reason> ByNumber(params (Reason Reason, int[] Numbers)[] rows)
        => rows.SelectMany(row => row.Numbers.Select(number => (number, row.Reason))).ToDictionary(row => row.number, row => row.Reason);

    private sealed record Reason(ErrorKind Kind, string NextStep);

    private sealed record Answer(string Request, int Errno, string? ErrorId, string Text)
    {
        /// <summary>An answer whose id is <c>Request,ERRNO</c>.</summary>
        public Answer(string request, int errno, string text, ErrorKind kind, string nextStep)
            : this(request, errno, null, text)
            => Reason = new Reason(kind, nextStep);

        public Reason? Reason { get; }
    }
}
