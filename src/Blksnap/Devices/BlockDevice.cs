// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Devices;

/// <summary>A block device as the system shows it.</summary>
public sealed record BlockDevice
{
    /// <summary>Path of the node under its kernel name, for example <c>/dev/vda1</c>.</summary>
    public required string Path { get; init; }

    /// <summary>Kernel name, for example <c>vda1</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Major and minor number.</summary>
    public required DeviceId Id { get; init; }

    /// <summary>Bytes.</summary>
    public required long Size { get; init; }

    /// <summary>Bytes, the smallest piece the device can be asked for.</summary>
    public required int LogicalBlockSize { get; init; }

    /// <summary>Whether it refuses writes.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>Whether it is a partition.</summary>
    public bool IsPartition { get; init; }

    /// <summary>Partition: the disk that it is a part of; otherwise null.</summary>
    public DeviceId? Disk { get; init; }

    /// <summary>Whole disk: its partitions.</summary>
    public IReadOnlyList<DeviceId> Partitions { get; init; } = [];

    /// <summary>Kernel names of devices that are made of this one (device mapper, RAID).</summary>
    public IReadOnlyList<string> Holders { get; init; } = [];

    /// <summary>Devices that this one is made of: those below a device mapper or RAID device, or the one that the file of a loop device lies on.</summary>
    public IReadOnlyList<DeviceId> MadeOf { get; init; } = [];

    /// <summary>Where it is mounted in this process' view.</summary>
    public IReadOnlyList<string> MountPoints { get; init; } = [];

    /// <summary>Type of the file system on it, as mounted or as udev knows it; null if nobody knows.</summary>
    public string? FileSystem { get; init; }

    /// <summary>Bytes written to it since the system was started.</summary>
    public long WrittenBytes { get; init; }

    /// <summary>Whether it is in use as swap.</summary>
    public bool IsSwap { get; init; }

    /// <summary>Model of the disk; null if it has none.</summary>
    public string? Model { get; init; }

    /// <summary>Whether it is the image of a snapshot.</summary>
    public bool IsSnapshotImage { get; init; }

    /// <summary>Kernel name of the multipath device that its disk is a path of, which sends requests to it past everyone who looks at writes; null if there is none.</summary>
    internal string? MultipathHolder { get; init; }

    /// <summary>Number of the disk among all that there have been since the system was started, which none has twice; null if the kernel gives none.</summary>
    internal long? DiskSequence { get; init; }
}
