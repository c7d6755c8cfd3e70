// SPDX-License-Identifier: MIT
using System.Text;
using Blksnap.Abi;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Blksnap.Simulation;

/// <summary>Files that are the content of disks. Only what was written takes room.</summary>
internal static unsafe class SimulatedContent
{
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int BufferSize = 1 << 20;
    private const int OwnerReads = 0x100; // 0400
    private const int OwnerWrites = 0x180; // 0600

    /// <summary>Makes a file of zeroes.</summary>
    public static void Make(string path, long size)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        RandomAccess.SetLength(file, size);
    }

    /// <summary>Cuts a file, or adds zeroes.</summary>
    public static void SetLength(string path, long size)
    {
        // An image is read-only for its readers, not for its maker.
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            _ = LibC.chmod(name, (mode_t)(ushort)OwnerWrites);
        }

        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.SetLength(file, size);
    }

    /// <summary>Copies a disk to a new read-only file.</summary>
    public static void Copy(string from, string to, long size)
    {
        using SafeFileHandle source = File.OpenHandle(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using SafeFileHandle target = File.OpenHandle(to, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.SetLength(target, size);
        byte[] buffer = new byte[BufferSize];
        for (long position = NextData(source, 0, size); position < size; position = NextData(source, position, size))
        {
            long end = Math.Min((long)LibC.lseek((int)source.DangerousGetHandle(), position, SeekHole), size);
            end = end < 0 ? size : end;
            while (position < end)
            {
                int read = RandomAccess.Read(source, buffer.AsSpan(0, (int)Math.Min(BufferSize, end - position)), position);
                if (read <= 0)
                {
                    throw new BlksnapException("SimulatedRead", Errno.EIO, from);
                }

                RandomAccess.Write(target, buffer.AsSpan(0, read), position);
                position += read;
            }
        }

        _ = LibC.fchmod((int)target.DangerousGetHandle(), (mode_t)(ushort)OwnerReads);
    }

    // The end if there are only zeroes left; the position itself where the file system does not tell.
    private static long NextData(SafeFileHandle file, long position, long size)
    {
        if (position >= size)
        {
            return size;
        }

        long data = (long)LibC.lseek((int)file.DangerousGetHandle(), position, SeekData);
        if (data >= 0)
        {
            return Math.Min(data, size);
        }

        return LibC.errno == Errno.ENXIO ? size : position;
    }
}
