// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

/// <summary>An id as the kernel holds it: 16 bytes in text order, which is not the order of <see cref="Guid"/> in memory.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct BlkSnapUuid
{
    [FieldOffset(0)] public fixed byte B[16];

    public static implicit operator Guid(BlkSnapUuid uuid) => new(new ReadOnlySpan<byte>(uuid.B, 16), bigEndian: true);

    public static implicit operator BlkSnapUuid(Guid id)
    {
        BlkSnapUuid uuid;
        _ = id.TryWriteBytes(new Span<byte>(uuid.B, 16), bigEndian: true, out _);
        return uuid;
    }
}
