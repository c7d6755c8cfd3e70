// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

// Structures of VERSION and MOD. The names follow the kernel header: blk_snap_x_y is BlkSnapXY, field a_b is AB.

[StructLayout(LayoutKind.Explicit, Size = 8)]
internal struct BlkSnapVersion
{
    [FieldOffset(0)] public ushort Major;
    [FieldOffset(2)] public ushort Minor;
    [FieldOffset(4)] public ushort Revision;
    [FieldOffset(6)] public ushort Build;
}

[StructLayout(LayoutKind.Explicit, Size = 40)]
internal unsafe struct BlkSnapMod
{
    public const int NameLimit = 32;

    [FieldOffset(0)] public ulong CompatibilityFlags;
    [FieldOffset(8)] public fixed byte Name[NameLimit];
}

/// <summary>Bits of <see cref="BlkSnapMod.CompatibilityFlags"/>; from 32 up they stand for extension requests.</summary>
internal enum CompatFlag
{
    DebugSectorState = 0,
    Setlog = 1,
    SnapshotStatus = 32,
    CollectDevices = 33,
    CollectStorage = 34,
    HoldFile = 35,
    SetLowSpace = 36,
}

[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct BlkSnapSetlog
{
    [FieldOffset(0)] public int TzMinuteswest;
    [FieldOffset(4)] public uint Level;
    [FieldOffset(8)] public uint FilepathSize;
    [FieldOffset(16)] public ulong Filepath;
}

[StructLayout(LayoutKind.Explicit, Size = 8)]
internal struct BlkSnapSectorState
{
    [FieldOffset(0)] public byte SnapNumberPrev;
    [FieldOffset(1)] public byte SnapNumberCurr;
    [FieldOffset(4)] public uint ChunkState;
}

[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct BlkSnapGetSectorState
{
    [FieldOffset(0)] public DeviceId ImageDevId;
    [FieldOffset(8)] public ulong Sector;
    [FieldOffset(16)] public BlkSnapSectorState State;
}
