// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

// Structures of the extension requests, which a driver announces by a capability bit each.

[StructLayout(LayoutKind.Explicit, Size = 88)]
internal struct BlkSnapSnapshotStatus
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public uint State;
    [FieldOffset(20)] public int Error;
    [FieldOffset(24)] public long CreateTime;
    [FieldOffset(32)] public long TakeTime;
    [FieldOffset(40)] public ulong FrozenNs;
    [FieldOffset(48)] public ulong StorageCapacity;
    [FieldOffset(56)] public ulong StorageFilled;
    [FieldOffset(64)] public ulong StorageRequested;
    [FieldOffset(72)] public ulong LowSpaceMark;
    [FieldOffset(80)] public uint DeviceCount;
    [FieldOffset(84)] public uint RangeCount;
}

[StructLayout(LayoutKind.Explicit, Size = 48)]
internal struct BlkSnapDeviceStatus
{
    [FieldOffset(0)] public DeviceId OrigDevId;
    [FieldOffset(8)] public DeviceId ImageDevId;
    [FieldOffset(16)] public uint Freeze;
    [FieldOffset(20)] public int FreezeError;
    [FieldOffset(24)] public int Error;
    [FieldOffset(28)] public uint UnitSize;
    [FieldOffset(32)] public ulong Copied;
    [FieldOffset(40)] public ulong ImageRead;
}

[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct BlkSnapSnapshotCollectDevices
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public uint Count;
    [FieldOffset(20)] public uint Reserved;
    [FieldOffset(24)] public ulong Devices;
}

[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct BlkSnapStorageRange
{
    [FieldOffset(0)] public DeviceId DevId;
    [FieldOffset(8)] public ulong SectorOffset;
    [FieldOffset(16)] public ulong SectorCount;
    [FieldOffset(24)] public ulong SectorFilled;
}

[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct BlkSnapSnapshotCollectStorage
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public uint Count;
    [FieldOffset(20)] public uint Reserved;
    [FieldOffset(24)] public ulong Ranges;
}

[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct BlkSnapSnapshotHoldFile
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public int Fd;
    [FieldOffset(20)] public uint Reserved;
}

[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct BlkSnapSnapshotSetLowSpace
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public ulong Sectors;
}
