// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

// Structures of the SNAPSHOT requests except events. Pointers are written as ulong: the layout is that of a 64-bit process.

[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct BlkSnapSnapshotCreate
{
    [FieldOffset(0)] public uint Count;
    [FieldOffset(8)] public ulong DevIdArray;
    [FieldOffset(16)] public BlkSnapUuid Id;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct BlkSnapSnapshotDestroy
{
    [FieldOffset(0)] public BlkSnapUuid Id;
}

[StructLayout(LayoutKind.Explicit, Size = 40)]
internal struct BlkSnapSnapshotAppendStorage
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public DeviceId DevId;
    [FieldOffset(24)] public uint Count;
    [FieldOffset(32)] public ulong Ranges;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct BlkSnapSnapshotTake
{
    [FieldOffset(0)] public BlkSnapUuid Id;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct BlkSnapSnapshotCollect
{
    [FieldOffset(0)] public uint Count;
    [FieldOffset(8)] public ulong Ids;
}

[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct BlkSnapImageInfo
{
    [FieldOffset(0)] public DeviceId OrigDevId;
    [FieldOffset(8)] public DeviceId ImageDevId;
}

[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct BlkSnapSnapshotCollectImages
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public uint Count;
    [FieldOffset(24)] public ulong ImageInfoArray;
}
