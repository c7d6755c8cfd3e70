// SPDX-License-Identifier: MIT
namespace Blksnap;

/// <summary>A range of a device that changed.</summary>
public sealed record ChangedRange
{
    /// <summary>Path of the device.</summary>
    public required string DevicePath { get; init; }

    /// <summary>Bytes from the start of the device.</summary>
    public required long Offset { get; init; }

    /// <summary>Bytes.</summary>
    public required long Length { get; init; }
}
