// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Abi;

namespace BlksnapPS;

/// <summary>The one place where a failure becomes an error record: its id, its category, and what to do next.</summary>
internal static class ErrorRecords
{
    /// <summary>An image of the snapshot is mounted; only the cmdlets look at that, the driver does not mind.</summary>
    public const string ImageMounted = nameof(ImageMounted);

    /// <summary>What was bound is neither a mark of an earlier copy nor a number.</summary>
    public const string InvalidMark = nameof(InvalidMark);

    /// <summary>An event subscription with this source identifier exists.</summary>
    public const string SubscriberExists = nameof(SubscriberExists);

    /// <summary>-Action and -Forward exclude each other.</summary>
    public const string ActionAndForward = nameof(ActionAndForward);

    private const string LoadModule =
        "Load the kernel module with \"modprobe blksnap\" (\"insmod blksnap.ko\" where it is not installed) and repeat the command.";

    private const string RunAsRoot =
        "Run the command as root, for example: sudo pwsh -Command '<command>'. In a container, CAP_SYS_ADMIN and access to the control node are needed.";

    /// <summary>Makes the error record of an exception.</summary>
    /// <param name="exception">What happened.</param>
    /// <param name="target">What the command was working on; the target of the exception if null.</param>
    public static ErrorRecord Create(Exception exception, object? target)
    {
        if (exception is not BlksnapException failure)
        {
            return new ErrorRecord(exception, exception.GetType().Name, ErrorCategory.NotSpecified, target);
        }

        (ErrorCategory category, string nextStep) = Describe(failure);
        return new ErrorRecord(failure, failure.ErrorId, category, target ?? failure.Target)
        {
            ErrorDetails = new ErrorDetails(failure.Message) { RecommendedAction = nextStep },
        };
    }

    private static (ErrorCategory Category, string NextStep) Describe(BlksnapException failure) => failure.ErrorId switch
    {
        ErrorIds.DriverNotFound => (ErrorCategory.ObjectNotFound, LoadModule),
        ErrorIds.DriverAccessDenied => (ErrorCategory.PermissionDenied, RunAsRoot),
        ErrorIds.UnsupportedGeneration => (ErrorCategory.NotImplemented,
            "The loaded module speaks another generation of the interface. Unload it (\"rmmod\") and load a module of generation 1, such as the blksnap.ko of this project."),
        ErrorIds.DriverSingleSnapshot => (ErrorCategory.NotImplemented,
            "The loaded module keeps track of one snapshot only. Remove the present one first (Get-BlkSnapshot | Remove-BlkSnapshot), put all devices into one snapshot, or load the module of this project."),
        ErrorIds.ExtensionMissing => (ErrorCategory.NotImplemented,
            "The loaded module cannot do this; Get-BlkSnapshotDriver lists what it can do. Load the module of this project."),
        ErrorIds.DeviceNotFound => (ErrorCategory.ObjectNotFound,
            "Look up the path of the block device with \"lsblk -p\"."),
        ErrorIds.DeviceInUse => (ErrorCategory.ResourceExists,
            "A device is in one snapshot at a time. Find the other one with Get-BlkSnapshot -DevicePath <device> and end it with Remove-BlkSnapshot."),
        ErrorIds.DeviceNotSupported => (ErrorCategory.InvalidType,
            "Zoned devices, devices with integrity data or DAX, and snapshot images cannot be in a snapshot. Choose the device above or below it, such as the logical volume."),
        ErrorIds.BlockLayerHooked => (ErrorCategory.ResourceBusy,
            "Unload the other snapshot module (\"lsmod\" lists bdevfilter, veeamblksnap and the like) or live patch; \"sysctl kernel.ftrace_enabled=1\" switches ftrace on."),
        ErrorIds.SnapshotNotFound => (ErrorCategory.ObjectNotFound,
            "Get-BlkSnapshot lists the snapshots that exist. They do not outlive a reboot or the unloading of the kernel module."),
        ErrorIds.TrackerNotFound => (ErrorCategory.ObjectNotFound,
            "Tracking starts with the first snapshot of a device: New-BlkSnapshot. Get-BlkTracker lists the devices that are tracked."),
        ErrorIds.DeviceNotInSnapshot => (ErrorCategory.InvalidOperation,
            "The map of changes is readable while a snapshot holds the device. Take one with New-BlkSnapshot."),
        ErrorIds.ChangedBlocksGeneration => (ErrorCategory.InvalidData,
            "What changed since then is not known any more. Take a full copy of the image, and keep the generation and number of this snapshot for the next one."),
        ErrorIds.StorageInUse => (ErrorCategory.ResourceBusy,
            "Difference storage overwrites what is there. Name an empty device or range, or a file on the mounted file system; -Force uses the device all the same."),
        ErrorIds.StorageNotFound => (ErrorCategory.ObjectNotFound,
            "Name an existing file, directory or block device; with -DiffStorageSize (or -Size) a file is created."),
        ErrorIds.StorageHoles => (ErrorCategory.InvalidData,
            "Allocate the whole file before (\"fallocate -l <size> <file>\"), or name a directory and a size and let the command make the file."),
        ErrorIds.StorageSharedExtents => (ErrorCategory.InvalidData,
            "Writing there would change the other file as well. Make a file of its own with fallocate, no reflink copy."),
        ErrorIds.StorageEncodedExtents => (ErrorCategory.InvalidData,
            "The file needs plain, allocated blocks: make it with fallocate, without compression or encryption."),
        ErrorIds.StorageUnaligned => (ErrorCategory.InvalidArgument,
            "Offset and length of the storage have to be multiples of the device's logical block; whole MiB always are."),
        ErrorIds.StorageUnsupportedFileSystem => (ErrorCategory.InvalidType,
            "Use a file on ext4 or xfs that lies on one block device, or a block device."),
        ErrorIds.StorageFileBusy => (ErrorCategory.ResourceBusy,
            "Close the programs that write to the file (\"fuser -v <file>\"), or use another one; a file serves one snapshot at a time."),
        ErrorIds.StorageUnsupportedType => (ErrorCategory.InvalidType,
            "Difference storage is a file, a directory, a block device, or a range of one such as /dev/sdb:1GiB+4GiB."),
        ErrorIds.StorageOutOfRange => (ErrorCategory.LimitsExceeded,
            "The range ends beyond the device; \"lsblk -b\" tells its size."),
        ErrorIds.StorageOverlap => (ErrorCategory.ResourceBusy,
            "The range is difference storage already; Get-DiffStorage shows the ranges in use."),
        ErrorIds.StorageReadOnly => (ErrorCategory.WriteError,
            "The storage device is read-only; name another one, or make it writable with \"blockdev --setrw\"."),
        ErrorIds.StorageTooSmall => (ErrorCategory.ResourceUnavailable,
            "Give more room with -DiffStorageSize (or -Size), or name a place that has it."),
        ErrorIds.StorageInvalid => (ErrorCategory.InvalidArgument,
            "Write a range as <device>:<offset>+<length>, for example /dev/sdb:1GiB+4GiB."),
        ImageMounted => (ErrorCategory.ResourceBusy,
            "Unmount it first, or remove the snapshot all the same with -Force: whoever reads the image then gets I/O errors."),
        InvalidMark => (ErrorCategory.InvalidArgument,
            "Give -Since what Get-BlkTracker, Get-BlkSnapshotImage or New-BlkSnapshot put out at the earlier copy, or its number together with -Generation."),
        SubscriberExists => (ErrorCategory.ResourceExists,
            "Choose another -SourceIdentifier, or end the other subscription with Unregister-Event."),
        ActionAndForward => (ErrorCategory.InvalidArgument,
            "Leave out -Action or -Forward."),
        _ => DescribeErrno(failure),
    };

    private static (ErrorCategory Category, string NextStep) DescribeErrno(BlksnapException failure) => failure.Errno switch
    {
        Errno.EPERM or Errno.EACCES => (ErrorCategory.PermissionDenied, RunAsRoot),
        Errno.ENOENT or Errno.ENODEV or Errno.ENXIO or Errno.ESRCH or Errno.ENODATA => (ErrorCategory.ObjectNotFound,
            "Get-BlkSnapshot and Get-BlkTracker list what the driver knows."),
        Errno.EBUSY or Errno.ETXTBSY => (ErrorCategory.ResourceBusy,
            "Something else holds it: Get-BlkSnapshot lists the snapshots, \"lsblk\" and \"fuser -v\" the other users."),
        Errno.EALREADY or Errno.EEXIST => (ErrorCategory.ResourceExists,
            "It has been done already; Get-BlkSnapshot shows the present state."),
        Errno.ENOSPC or Errno.EDQUOT => (ErrorCategory.ResourceUnavailable,
            "Make room, or name another place."),
        Errno.ENOMEM => (ErrorCategory.ResourceUnavailable,
            "The kernel is short of memory. Free some, or let the module use larger blocks (its parameters tracking_block_minimum_shift and chunk_minimum_shift)."),
        Errno.ENOBUFS or Errno.EFBIG or Errno.ERANGE => (ErrorCategory.LimitsExceeded,
            "Repeat the command with less at once."),
        Errno.ETIMEDOUT => (ErrorCategory.OperationTimeout,
            "The devices were too busy. Repeat the command, at a quieter time if it happens again; \"dmesg\" tells which device it was."),
        Errno.EINTR => (ErrorCategory.OperationStopped,
            "Repeat the command."),
        Errno.ENOTTY or Errno.EOPNOTSUPP => (ErrorCategory.NotImplemented,
            "The loaded module cannot do this; Get-BlkSnapshotDriver lists what it can do."),
        Errno.EINVAL => (ErrorCategory.InvalidArgument,
            "Check the arguments; \"dmesg\" has the reason if the module gave one."),
        Errno.EIO => (ErrorCategory.ReadError,
            "A device failed; \"dmesg\" tells which one."),
        Errno.EROFS => (ErrorCategory.WriteError,
            "It is read-only; name another place."),
        _ => (ErrorCategory.NotSpecified,
            "\"dmesg\" has the reason if the kernel module gave one."),
    };
}
