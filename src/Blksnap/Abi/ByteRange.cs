// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>A range of bytes.</summary>
/// <param name="Offset">Bytes from the start.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct ByteRange(long Offset, long Length)
{
    /// <summary>Bytes from the start to the end of the range.</summary>
    public long End => Offset + Length;
}
