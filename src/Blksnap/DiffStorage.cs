// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap;

/// <summary>The difference storage of a snapshot.</summary>
public sealed record DiffStorage
{
    /// <summary>Id of the snapshot.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>Bytes given so far; null if nobody knows.</summary>
    public long? Capacity { get; init; }

    /// <summary>Bytes in use; null if the driver does not tell.</summary>
    public long? Used { get; init; }

    /// <summary>Bytes free; null if the driver does not tell.</summary>
    public long? Free => Capacity - Used;

    /// <summary>Bytes that low-space events have asked for so far; null if the driver does not tell.</summary>
    public long? Requested { get; init; }

    /// <summary>The next low-space event comes when this many bytes are free; null if the driver does not tell.</summary>
    public long? LowSpaceMark { get; init; }

    /// <summary>The ranges in the order of their use; empty if nobody knows them. An array, see <see cref="Snapshot"/>.</summary>
    public required IReadOnlyList<DiffStorageRange> Ranges { get; init => field = value as DiffStorageRange[] ?? value.ToArray(); }
}

/// <summary>One range of a difference storage.</summary>
public sealed record DiffStorageRange
{
    /// <summary>Id of the snapshot.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>Path of the block device that the range lies on.</summary>
    public required string DevicePath { get; init; }

    /// <summary>That device.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>Bytes from the start of the device.</summary>
    public required long Offset { get; init; }

    /// <summary>Bytes.</summary>
    public required long Length { get; init; }

    /// <summary>Bytes of it in use; null if the driver does not tell.</summary>
    public long? Used { get; init; }

    /// <summary>The file that the range belongs to; null for a range of a device, a file without a name, or if nobody knows.</summary>
    public string? FilePath { get; init; }
}
