// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>Sectors of 512 bytes, the unit of the interface, and bytes, the unit of everything else here.</summary>
internal static class Sectors
{
    public const int Size = 512;
    public const int Shift = 9;

    /// <summary>Sectors to bytes.</summary>
    public static long ToBytes(ulong sectors) => checked((long)(sectors << Shift));

    /// <summary>The sectors that a range of bytes touches; also of one that no device reaches, which is for the driver to refuse.</summary>
    public static BlkSnapBlockRange Cover(ByteRange range)
    {
        ulong first = (ulong)range.Offset >> Shift;
        ulong end = (ulong)range.Offset + (ulong)range.Length;
        return new BlkSnapBlockRange { SectorOffset = first, SectorCount = (end >> Shift) + (end % Size == 0 ? 0UL : 1UL) - first };
    }
}
