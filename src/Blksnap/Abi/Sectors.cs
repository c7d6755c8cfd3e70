// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>Sectors of 512 bytes, the unit of the interface, and bytes, the unit of everything else here.</summary>
internal static class Sectors
{
    public const int Size = 512;
    public const int Shift = 9;

    /// <summary>Sectors to bytes.</summary>
    public static long ToBytes(ulong sectors) => checked((long)(sectors << Shift));

    /// <summary>The sectors that a range of bytes touches.</summary>
    public static BlkSnapBlockRange Cover(ByteRange range)
    {
        long first = range.Offset >> Shift;
        long end = (checked(range.Offset + range.Length) + Size - 1) >> Shift;
        return new BlkSnapBlockRange { SectorOffset = (ulong)first, SectorCount = (ulong)(end - first) };
    }
}
