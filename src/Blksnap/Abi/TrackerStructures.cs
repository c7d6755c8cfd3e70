// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

// Structures of the TRACKER requests. Pointers are written as ulong: the layout is that of a 64-bit process.

[StructLayout(LayoutKind.Explicit, Size = 8)]
internal struct BlkSnapTrackerRemove
{
    [FieldOffset(0)] public DeviceId DevId;
}

[StructLayout(LayoutKind.Explicit, Size = 48)]
internal struct BlkSnapCbtInfo
{
    [FieldOffset(0)] public DeviceId DevId;
    [FieldOffset(8)] public uint BlkSize;
    [FieldOffset(16)] public ulong DeviceCapacity;
    [FieldOffset(24)] public uint BlkCount;
    [FieldOffset(28)] public BlkSnapUuid GenerationId;
    [FieldOffset(44)] public byte SnapNumber;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct BlkSnapTrackerCollect
{
    [FieldOffset(0)] public uint Count;
    [FieldOffset(8)] public ulong CbtInfoArray;
}

[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct BlkSnapTrackerReadCbtBitmap
{
    [FieldOffset(0)] public DeviceId DevId;
    [FieldOffset(8)] public uint Offset;
    [FieldOffset(12)] public uint Length;
    [FieldOffset(16)] public ulong Buff;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct BlkSnapBlockRange
{
    [FieldOffset(0)] public ulong SectorOffset;
    [FieldOffset(8)] public ulong SectorCount;
}

[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct BlkSnapTrackerMarkDirtyBlocks
{
    [FieldOffset(0)] public DeviceId DevId;
    [FieldOffset(8)] public uint Count;
    [FieldOffset(16)] public ulong DirtyBlocksArray;
}
