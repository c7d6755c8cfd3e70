// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap;

/// <summary>State of a snapshot.</summary>
public enum SnapshotState
{
    /// <summary>Made, but not taken yet: there are no images.</summary>
    Created = 0,

    /// <summary>Taken: the images show the instant of the take.</summary>
    Taken = 1,

    /// <summary>At least one image is lost.</summary>
    Corrupted = 2,
}

/// <summary>What happened to the file system of a device while the snapshot was taken.</summary>
public enum FreezeVerdict
{
    /// <summary>Not taken yet.</summary>
    NotTaken = 0,

    /// <summary>The file system was frozen: its image is consistent as after a clean sync.</summary>
    Frozen = 1,

    /// <summary>No file system is mounted on the device.</summary>
    NoFileSystem = 2,

    /// <summary>The file system refused; the image is as after a power cut.</summary>
    Refused = 3,

    /// <summary>Freezing took too long and was undone; the image is as after a power cut.</summary>
    TimedOut = 4,
}

/// <summary>A snapshot of one or more devices at one instant.</summary>
/// <remarks>Its lists are arrays: what the compiler makes of a list expression cannot be indexed by PowerShell.</remarks>
public sealed record Snapshot
{
    /// <summary>Id of the snapshot.</summary>
    public required Guid Id { get; init; }

    /// <summary>State; a driver without the status extension cannot tell <see cref="SnapshotState.Corrupted"/>.</summary>
    public required SnapshotState State { get; init; }

    /// <summary>Paths of the devices, in the order of their creation; a driver without extensions does not name them before the take.</summary>
    public required IReadOnlyList<string> DevicePath { get; init => field = value as string[] ?? value.ToArray(); }

    /// <summary>The devices with what is known of each.</summary>
    public required IReadOnlyList<SnapshotDevice> Devices { get; init => field = value as SnapshotDevice[] ?? value.ToArray(); }

    /// <summary>The images; empty before the take.</summary>
    public required IReadOnlyList<SnapshotImage> Images { get; init => field = value as SnapshotImage[] ?? value.ToArray(); }

    /// <summary>Local time of the creation; null if nobody recorded it.</summary>
    public DateTime? CreationTime { get; init; }

    /// <summary>Local time of the instant that the images show; null if not taken or if nobody recorded it.</summary>
    public DateTime? TakeTime { get; init; }

    /// <summary>How long the take kept file systems frozen; null if the driver does not tell.</summary>
    public TimeSpan? FrozenTime { get; init; }

    /// <summary>Bytes given to the difference storage; null if nobody knows.</summary>
    public long? StorageCapacity { get; init; }

    /// <summary>Bytes of the difference storage in use; null if the driver does not tell.</summary>
    public long? StorageUsed { get; init; }

    /// <summary>Bytes of the difference storage that are free; null if the driver does not tell.</summary>
    public long? StorageFree => StorageCapacity - StorageUsed;

    /// <summary>Bytes that low-space events have asked for so far; null if the driver does not tell.</summary>
    public long? StorageRequested { get; init; }

    /// <summary>Bytes kept of all devices; null if the driver does not tell.</summary>
    public long? CopiedBytes => Devices.All(device => device.CopiedBytes is not null) ? Devices.Sum(device => device.CopiedBytes) : null;

    /// <summary>Bytes read from all images so far; null if the driver does not tell.</summary>
    public long? ImageReadBytes => Devices.All(device => device.ImageReadBytes is not null) ? Devices.Sum(device => device.ImageReadBytes) : null;

    /// <summary>Error number (positive) that lost the first image; 0 if none is lost, null if the driver does not tell.</summary>
    public int? Error { get; init; }

    /// <summary>Symbolic name of <see cref="Error"/>, for example <c>ENOSPC</c>; null if no image is lost.</summary>
    public string? ErrorName => Error is { } error and not 0 ? Errno.Name(error) : null;
}

/// <summary>One device of a snapshot.</summary>
public sealed record SnapshotDevice
{
    /// <summary>Id of the snapshot.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>Path of the original device.</summary>
    public required string DevicePath { get; init; }

    /// <summary>Major and minor number of the original device.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>Path of the image; null if there is none.</summary>
    public string? ImagePath { get; init; }

    /// <summary>What happened to the file system at the take; null if the driver does not tell.</summary>
    public FreezeVerdict? Freeze { get; init; }

    /// <summary>Error number (positive) with which freezing was refused; 0 if it was not, null if the driver does not tell.</summary>
    public int? FreezeError { get; init; }

    /// <summary>Error number (positive) that lost the image; 0 if it is fine, null if the driver does not tell.</summary>
    public int? Error { get; init; }

    /// <summary>Bytes, the smallest piece that is copied; null if the driver does not tell.</summary>
    public long? CopyUnit { get; init; }

    /// <summary>Bytes kept in the difference storage for this device; null if the driver does not tell.</summary>
    public long? CopiedBytes { get; init; }

    /// <summary>Bytes read from the image so far; null if the driver does not tell.</summary>
    public long? ImageReadBytes { get; init; }
}

/// <summary>The image of one device: a block device that shows it as it was at the take.</summary>
public sealed record SnapshotImage
{
    /// <summary>Id of the snapshot.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>Path of the original device.</summary>
    public required string DevicePath { get; init; }

    /// <summary>Path of the image device.</summary>
    public required string ImagePath { get; init; }

    /// <summary>Bytes.</summary>
    public required long Size { get; init; }

    /// <summary>Major number of the image device.</summary>
    public required uint Major { get; init; }

    /// <summary>Minor number of the image device.</summary>
    public required uint Minor { get; init; }

    /// <summary>Major and minor number of the original device.</summary>
    public required DeviceId OriginalDevice { get; init; }

    /// <summary>Major and minor number of the image device.</summary>
    public DeviceId ImageDevice => new(Major, Minor);

    /// <summary>
    /// What Get-ChangedBlocks -Since wants at the next copy, once this image has been copied in full; null if the device is gone or the driver
    /// does not track it.
    /// </summary>
    public ChangeToken? ChangeToken { get; init; }
}
