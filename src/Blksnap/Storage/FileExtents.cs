// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Storage;

/// <summary>Where the bytes of a file lie on its block device, by FIEMAP.</summary>
internal static unsafe class FileExtents
{
    private const uint Request = 0xC020660B;
    private const uint FlagSync = 1;
    private const int BatchLength = 256;

    private const uint ExtentLast = 0x1;
    private const uint ExtentUnknown = 0x2;
    private const uint ExtentDelayed = 0x4;
    private const uint ExtentEncoded = 0x8;
    private const uint ExtentEncrypted = 0x80;
    private const uint ExtentNotAligned = 0x100;
    private const uint ExtentInline = 0x200;
    private const uint ExtentTail = 0x400;
    private const uint ExtentShared = 0x2000;

    /// <summary>Maps the first bytes of a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="path">Its name, for exceptions.</param>
    /// <param name="length">Bytes to map; a multiple of the block size of the device.</param>
    /// <returns>Ranges on the device, in the order of the file, adjacent ones merged.</returns>
    /// <exception cref="BlksnapException">A storage error id: the file has holes, or extents that cannot be written behind it.</exception>
    public static List<ByteRange> Map(FileDescriptor file, string path, long length)
    {
        if (BlockDevices.FileLayout is { } layout)
        {
            return layout.Map(file, path, length) ?? throw Holes(path, 0);
        }

        List<ByteRange> ranges = [];
        byte* buffer = (byte*)NativeMemory.Alloc((nuint)(sizeof(Header) + (BatchLength * sizeof(Extent))));
        try
        {
            Header* header = (Header*)buffer;
            Extent* extents = (Extent*)(buffer + sizeof(Header));
            long position = 0;
            bool last = false;
            while (position < length && !last)
            {
                *header = new Header { Start = (ulong)position, Length = (ulong)(length - position), Flags = FlagSync, ExtentCount = BatchLength };
                int result = file.Ioctl(Request, buffer);
                if (result < 0)
                {
                    throw result is -Errno.EOPNOTSUPP or -Errno.ENOTTY
                        ? Refuse(ErrorIds.StorageUnsupportedFileSystem, path, "its file system does not tell where a file lies.")
                        : new BlksnapException("FileExtents", -result, path);
                }

                if (header->MappedExtents == 0)
                {
                    break;
                }

                for (uint i = 0; i < header->MappedExtents && position < length; i++)
                {
                    position = Append(ranges, extents[i], position, length, path);
                    last = (extents[i].Flags & ExtentLast) != 0;
                }
            }

            return position >= length ? ranges : throw Holes(path, position);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    private static long Append(List<ByteRange> ranges, in Extent extent, long position, long length, string path)
    {
        CheckFlags(extent.Flags, path);
        if ((long)extent.Logical > position)
        {
            throw Holes(path, position);
        }

        // The extent may begin before the part that was asked for.
        long skip = position - (long)extent.Logical;
        long end = Math.Min((long)(extent.Logical + extent.Length), length);
        if (end <= position)
        {
            return position;
        }

        ByteRange range = new((long)extent.Physical + skip, end - position);
        if (ranges.Count > 0 && ranges[^1].End == range.Offset)
        {
            ranges[^1] = ranges[^1] with { Length = ranges[^1].Length + range.Length };
        }
        else
        {
            ranges.Add(range);
        }

        return end;
    }

    /// <summary>Refuses extents whose bytes are not simply at their address, or not only this file's.</summary>
    internal static void CheckFlags(uint flags, string path)
    {
        if ((flags & ExtentShared) != 0)
        {
            throw Refuse(ErrorIds.StorageSharedExtents, path, "it shares extents with other files.");
        }

        if ((flags & (ExtentInline | ExtentTail | ExtentEncoded | ExtentEncrypted)) != 0)
        {
            throw Refuse(ErrorIds.StorageEncodedExtents, path, "it is compressed, encrypted, or stored inside the file system's own blocks.");
        }

        if ((flags & (ExtentUnknown | ExtentDelayed)) != 0)
        {
            throw Refuse(ErrorIds.StorageEncodedExtents, path, "part of it has no place on the device yet.");
        }

        if ((flags & ExtentNotAligned) != 0)
        {
            throw Refuse(ErrorIds.StorageUnaligned, path, "its extents are not aligned to blocks of the device.");
        }
    }

    private static BlksnapException Holes(string path, long position)
        => Refuse(ErrorIds.StorageHoles, path, $"it has a hole at byte {position}.");

    private static BlksnapException Refuse(string errorId, string path, string reason)
        => new(errorId, $"{path} cannot be difference storage: {reason}", string.Empty, Errno.EINVAL, path);

    /// <summary>struct fiemap.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 32)]
    private struct Header
    {
        [FieldOffset(0)] public ulong Start;
        [FieldOffset(8)] public ulong Length;
        [FieldOffset(16)] public uint Flags;
        [FieldOffset(20)] public uint MappedExtents;
        [FieldOffset(24)] public uint ExtentCount;
    }

    /// <summary>struct fiemap_extent.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 56)]
    private struct Extent
    {
        [FieldOffset(0)] public ulong Logical;
        [FieldOffset(8)] public ulong Physical;
        [FieldOffset(16)] public ulong Length;
        [FieldOffset(40)] public uint Flags;
    }
}
