// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

// Structures of SNAPSHOT_WAIT_EVENT.

[StructLayout(LayoutKind.Explicit, Size = 4096)]
internal unsafe struct BlkSnapSnapshotEvent
{
    [FieldOffset(0)] public BlkSnapUuid Id;
    [FieldOffset(16)] public uint TimeoutMs;
    [FieldOffset(20)] public uint Code;
    [FieldOffset(24)] public long TimeLabel;
    [FieldOffset(32)] public fixed byte Data[4096 - 32];
}

[StructLayout(LayoutKind.Explicit, Size = 8)]
internal struct BlkSnapEventLowFreeSpace
{
    [FieldOffset(0)] public ulong RequestedNrSect;
}

[StructLayout(LayoutKind.Explicit, Size = 12)]
internal struct BlkSnapEventCorrupted
{
    [FieldOffset(0)] public DeviceId OrigDevId;
    [FieldOffset(8)] public int ErrCode;
}

/// <summary>Values of <see cref="BlkSnapSnapshotEvent.Code"/> in generation 1.</summary>
internal enum EventCode : uint
{
    LowFreeSpace = 0,
    Corrupted = 1,
}
