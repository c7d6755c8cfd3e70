// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace Blksnap.Devices;

/// <summary>Recognises what a device carries by the signatures at its start (MD also at its end).</summary>
internal static class ContentProbe
{
    private const int StartLength = 68 * 1024;

    /// <summary>What is on a device; null if nothing known is, or it cannot be read.</summary>
    /// <param name="path">Path of its node.</param>
    /// <param name="size">Bytes; the length of a stream over a device is not reliable.</param>
    public static string? Probe(string path, long size)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            byte[] start = new byte[StartLength];
            int length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            return Recognise(start.AsSpan(0, length)) ?? ProbeRaidAtEnd(stream, size);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What the first bytes of a device show.</summary>
    internal static string? Recognise(ReadOnlySpan<byte> start)
    {
        if (Has(start, 0, "LUKS\xBA\xBE"))
        {
            return "crypto_LUKS";
        }

        if (Has(start, 0, "XFSB"))
        {
            return "xfs";
        }

        // The LVM label is in one of the first four sectors.
        for (int sector = 0; sector < 4; sector++)
        {
            if (Has(start, sector * 512, "LABELONE") && Has(start, (sector * 512) + 24, "LVM2 001"))
            {
                return "LVM2_member";
            }
        }

        if (Little32(start, 0) == 0xA92B4EFC || Little32(start, 4096) == 0xA92B4EFC)
        {
            return "linux_raid_member";
        }

        if (Little16(start, 1024 + 56) == 0xEF53)
        {
            return RecogniseExt(start);
        }

        if (Has(start, 0x10040, "_BHRfS_M"))
        {
            return "btrfs";
        }

        foreach (int page in (ReadOnlySpan<int>)[4096, 8192, 16384, 65536])
        {
            if (Has(start, page - 10, "SWAPSPACE2") || Has(start, page - 10, "SWAP-SPACE"))
            {
                return "swap";
            }
        }

        if (Little32(start, 1024) == 0xF2F52010)
        {
            return "f2fs";
        }

        if (Has(start, 3, "NTFS    "))
        {
            return "ntfs";
        }

        if (Has(start, 3, "EXFAT   "))
        {
            return "exfat";
        }

        if (Has(start, 0, "hsqs"))
        {
            return "squashfs";
        }

        if (Has(start, 32769, "CD001"))
        {
            return "iso9660";
        }

        if (Has(start, 54, "FAT1") || Has(start, 82, "FAT32"))
        {
            return "vfat";
        }

        // GPT comes before MBR: a GPT disk has a protective MBR.
        if (Has(start, 512, "EFI PART") || Has(start, 4096, "EFI PART"))
        {
            return "gpt";
        }

        return Little16(start, 510) == 0xAA55 && HasPartitionEntry(start) ? "dos" : null;
    }

    private static string RecogniseExt(ReadOnlySpan<byte> start)
    {
        uint compatible = Little32(start, 1024 + 92);
        uint incompatible = Little32(start, 1024 + 96);
        const uint HasJournal = 0x4;
        const uint Extents = 0x40;
        if ((incompatible & Extents) != 0)
        {
            return "ext4";
        }

        return (compatible & HasJournal) != 0 ? "ext3" : "ext2";
    }

    private static bool HasPartitionEntry(ReadOnlySpan<byte> start)
    {
        for (int entry = 446; entry < 510; entry += 16)
        {
            if (start[entry + 4] != 0)
            {
                return true;
            }
        }

        return false;
    }

    // Metadata 0.90 lies in the last 64 KiB block that is aligned to 64 KiB, 1.0 in the last 8 KiB aligned to 4 KiB.
    private static string? ProbeRaidAtEnd(FileStream stream, long size)
    {
        Span<byte> magic = stackalloc byte[4];
        foreach (long offset in (ReadOnlySpan<long>)[(size & ~0xFFFFL) - 0x10000, (size - 0x2000) & ~0xFFFL])
        {
            if (offset <= 0)
            {
                continue;
            }

            stream.Position = offset;
            if (stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4 && Little32(magic, 0) == 0xA92B4EFC)
            {
                return "linux_raid_member";
            }
        }

        return null;
    }

    private static bool Has(ReadOnlySpan<byte> start, int offset, string signature)
    {
        if (start.Length < offset + signature.Length)
        {
            return false;
        }

        for (int i = 0; i < signature.Length; i++)
        {
            if (start[offset + i] != (byte)signature[i])
            {
                return false;
            }
        }

        return true;
    }

    private static uint Little32(ReadOnlySpan<byte> start, int offset)
        => start.Length >= offset + 4 ? BinaryPrimitives.ReadUInt32LittleEndian(start[offset..]) : 0;

    private static ushort Little16(ReadOnlySpan<byte> start, int offset)
        => start.Length >= offset + 2 ? BinaryPrimitives.ReadUInt16LittleEndian(start[offset..]) : (ushort)0;
}
