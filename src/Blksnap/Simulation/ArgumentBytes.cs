// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using Blksnap.Abi;

namespace Blksnap.Simulation;

/// <summary>
/// The argument of a request as bytes in memory, at the offsets that the interface document gives. The structures of the library are
/// not used here on purpose: the simulation has to notice when they are wrong.
/// </summary>
internal readonly unsafe ref struct ArgumentBytes(nint address, int length)
{
    private readonly Span<byte> _bytes = new((void*)address, length);

    public Span<byte> All => _bytes;

    public uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[offset..]);

    public ulong U64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes[offset..]);

    public Guid Id(int offset) => new(_bytes.Slice(offset, 16), bigEndian: true);

    public DeviceId Device(int offset) => new(U32(offset), U32(offset + 4));

    /// <summary>The memory that a pointer in the structure leads to.</summary>
    public ArgumentBytes Follow(int offset, int size) => new((nint)U64(offset), size);

    public bool IsNull(int offset) => U64(offset) == 0;

    public void Set(int offset, byte value) => _bytes[offset] = value;

    public void Set(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_bytes[offset..], value);

    public void Set(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_bytes[offset..], value);

    public void Set(int offset, int value) => BinaryPrimitives.WriteInt32LittleEndian(_bytes[offset..], value);

    public void Set(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_bytes[offset..], value);

    public void Set(int offset, long value) => BinaryPrimitives.WriteInt64LittleEndian(_bytes[offset..], value);

    public void Set(int offset, Guid value)
        => _ = value.TryWriteBytes(_bytes.Slice(offset, 16), bigEndian: true, out _);

    public void Set(int offset, DeviceId value)
    {
        Set(offset, value.Major);
        Set(offset + 4, value.Minor);
    }
}
