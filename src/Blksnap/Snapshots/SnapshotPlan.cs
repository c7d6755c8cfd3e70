// SPDX-License-Identifier: MIT
using Blksnap.Tracking;

namespace Blksnap.Snapshots;

/// <summary>What making a snapshot would do, found out without doing any of it.</summary>
public sealed record SnapshotPlan
{
    /// <summary>The devices.</summary>
    public required IReadOnlyList<PlannedDevice> Devices { get; init; }

    /// <summary>The difference storage.</summary>
    public required IReadOnlyList<PlannedStorage> Storage { get; init; }

    /// <summary>How long a file system has to freeze, at most; null if the driver does not tell.</summary>
    public TimeSpan? FreezeTimeout { get; init; }

    /// <summary>Bytes of difference storage at the start.</summary>
    public long Capacity => Storage.Sum(storage => storage.Size);

    /// <summary>Bytes of difference storage that an hour is likely to need at most; null if that is not known of every device.</summary>
    public double? BytesPerHour => Devices.All(device => device.Rate is not null) ? Devices.Sum(device => device.Rate!.BytesPerHour) : null;
}

/// <summary>A device of a planned snapshot.</summary>
public sealed record PlannedDevice
{
    /// <summary>Path of the device.</summary>
    public required string DevicePath { get; init; }

    /// <summary>The mounted file systems that would be frozen, on the device or its partitions.</summary>
    public required IReadOnlyList<PlannedFreeze> FileSystems { get; init; }

    /// <summary>Kernel names of devices that are made of this one; what is mounted there is not frozen.</summary>
    public required IReadOnlyList<string> Holders { get; init; }

    /// <summary>Whether it is tracked already.</summary>
    public required bool IsTracked { get; init; }

    /// <summary>Bytes of kernel memory for its maps of changes.</summary>
    public required long MapSize { get; init; }

    /// <summary>How fast it changes; null if nobody knows.</summary>
    public ChangeRate? Rate { get; init; }

    /// <summary>Why nobody knows; null if <see cref="Rate"/> is there.</summary>
    public UnknownRate? UnknownRate { get; init; }
}

/// <summary>A file system that would be frozen.</summary>
/// <param name="DevicePath">The device that it is on.</param>
/// <param name="FileSystem">Its type; null if nobody knows.</param>
/// <param name="MountPoint">Where it is mounted.</param>
public sealed record PlannedFreeze(string DevicePath, string? FileSystem, string MountPoint);

/// <summary>How a storage would come about.</summary>
public enum PlannedStorageKind
{
    /// <summary>A device or a range of one.</summary>
    Device = 0,

    /// <summary>A file that is there.</summary>
    File = 1,

    /// <summary>A file that would be made.</summary>
    NewFile = 2,

    /// <summary>A file that would be made in a directory and go with the snapshot.</summary>
    TemporaryFile = 3,
}

/// <summary>A storage of a planned snapshot.</summary>
/// <param name="Path">Device, file or directory.</param>
/// <param name="Kind">How it would come about.</param>
/// <param name="Size">Bytes.</param>
public sealed record PlannedStorage(string Path, PlannedStorageKind Kind, long Size);
