// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Tracking;

namespace Blksnap;

/// <summary>The change map of a tracked device.</summary>
public sealed record Tracker
{
    /// <summary>Path of the device; <c>major:minor</c> if it is gone.</summary>
    public required string DevicePath { get; init; }

    /// <summary>The device.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>Bytes; 0 if the device is gone.</summary>
    public required long Size { get; init; }

    /// <summary>Bytes that one entry of the map stands for; 0 if the device is gone.</summary>
    public required long BlockSize { get; init; }

    /// <summary>Entries of the map.</summary>
    public required long BlockCount { get; init; }

    /// <summary>Id of the map's history. A new one means that nothing known before is valid: make a full copy.</summary>
    public required Guid Generation { get; init; }

    /// <summary>Number of the last snapshot taken, 0 if there was none; 1 to 255.</summary>
    public required byte SnapshotNumber { get; init; }

    /// <summary>Whether the device is still there.</summary>
    public bool Present => BlockSize != 0;

    /// <summary>The token of the last snapshot that was taken; null if there was none, and for a device that is gone.</summary>
    public ChangeToken? ChangeToken => SnapshotNumber == 0 || !Present
        ? null
        : new ChangeToken
        {
            Generation = Generation,
            SnapshotNumber = SnapshotNumber,
            Size = Size,
            Device = Device.ToString(),
            BootId = SystemBoot.Id,
            DevicePath = DevicePath,
        };
}
