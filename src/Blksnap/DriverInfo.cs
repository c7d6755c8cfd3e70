// SPDX-License-Identifier: MIT
namespace Blksnap;

/// <summary>What a driver can do beyond generation 1 of the interface; the bits of its MOD answer.</summary>
[Flags]
public enum DriverCapabilities : ulong
{
    /// <summary>Generation 1 only.</summary>
    None = 0,

    /// <summary>State of single sectors, a debugging aid of other drivers.</summary>
    SectorState = 1UL << 0,

    /// <summary>A log file of its own, in other drivers.</summary>
    LogFile = 1UL << 1,

    /// <summary>State, times and storage figures of a snapshot.</summary>
    SnapshotStatus = 1UL << 32,

    /// <summary>State of each device of a snapshot: freeze verdict, copied bytes.</summary>
    DeviceStatus = 1UL << 33,

    /// <summary>The ranges of the difference storage.</summary>
    StorageRanges = 1UL << 34,

    /// <summary>Storage files are held by the kernel.</summary>
    HoldFile = 1UL << 35,

    /// <summary>When a snapshot asks for more storage can be set.</summary>
    SetLowSpaceMark = 1UL << 36,
}

/// <summary>A driver: where it is, who it is, what it can do.</summary>
public sealed record DriverInfo
{
    /// <summary>Path of the control node.</summary>
    public required string Node { get; init; }

    /// <summary>Version of the interface; 1.0.0.0 for generation 1.</summary>
    public required Version AbiVersion { get; init; }

    /// <summary>Name that the module gives in its MOD answer; null if it does not know the request.</summary>
    public string? ModuleName { get; init; }

    /// <summary>Version of the loaded kernel module as in sysfs; null if it has none.</summary>
    public string? ModuleVersion { get; init; }

    /// <summary>What it can do beyond generation 1.</summary>
    public DriverCapabilities Capabilities { get; init; }

    /// <summary>Module parameters by name, as text; empty if they cannot be read.</summary>
    public required IReadOnlyDictionary<string, string> Parameters { get; init; }

    /// <summary>Whether the driver announces the extensions that this project's own module has had from the beginning.</summary>
    public bool HasExtensions
        => (Capabilities & AllExtensions) == AllExtensions;

    internal const DriverCapabilities AllExtensions = DriverCapabilities.SnapshotStatus | DriverCapabilities.DeviceStatus
        | DriverCapabilities.StorageRanges | DriverCapabilities.HoldFile;
}
