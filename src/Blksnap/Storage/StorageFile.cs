// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using Blksnap.Abi;
using Blksnap.Devices;
using Tmds.Linux;

namespace Blksnap.Storage;

/// <summary>Operations on files that serve as storage: make, inspect, protect, release.</summary>
internal static unsafe class StorageFile
{
    private const uint GetFlags = 0x80086601;
    private const uint SetFlags = 0x40086602;
    private const uint GetExtendedAttributes = 0x801C581F;
    private const int ImmutableFlag = 0x10;
    private const uint RealtimeFlag = 0x1;
    private const int SetLease = 1024;
    private const int WriteLease = 1;
    private const int NoLease = 2;
    private const uint TypeMask = 0xF000;
    private const uint RegularType = 0x8000;
    private const int OwnerOnly = 0x180; // 0600

    /// <summary>Makes a file of this size without holes.</summary>
    /// <param name="path">The file, or the folder for a file without a name.</param>
    /// <param name="hasName">Whether the file gets a name. Without one it vanishes with its last user.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="cancellation">Ends it with nothing left, if not at once: to allocate the room is one request.</param>
    /// <returns>The file, open for reading only: nobody has it open for writing.</returns>
    public static FileDescriptor Make(string path, bool hasName, long length, CancellationToken cancellation = default)
    {
        int flags = LibC.O_RDWR | LibC.O_CLOEXEC | (hasName ? LibC.O_CREAT | LibC.O_EXCL : LibC.O_TMPFILE);
        using FileDescriptor writable = FileDescriptor.Open(path, flags, "StorageCreate", OwnerOnly);
        try
        {
            Allocate(writable, path, 0, length, cancellation);

            // The same file by way of its descriptor, for it may have no name.
            string entry = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{writable.Number}");
            return FileDescriptor.Open(entry, LibC.O_RDONLY | LibC.O_CLOEXEC, "StorageOpen");
        }
        catch when (hasName)
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Gives a file that was made without a name one, in the same file system.</summary>
    public static void Link(FileDescriptor file, string path)
    {
        string entry = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.Number}");
        fixed (byte* source = Encoding.UTF8.GetBytes(entry + '\0'), target = Encoding.UTF8.GetBytes(path + '\0'))
        {
            if (LibC.linkat(LibC.AT_FDCWD, source, LibC.AT_FDCWD, target, LibC.AT_SYMLINK_FOLLOW) != 0)
            {
                throw new BlksnapException("StorageCreate", LibC.errno, path);
            }
        }

        GC.KeepAlive(file);
    }

    /// <summary>Extends a file to this size without holes, if it is shorter.</summary>
    public static void Extend(string path, long length, CancellationToken cancellation = default)
    {
        long present = new FileInfo(path).Length;
        if (present < length)
        {
            using FileDescriptor writable = FileDescriptor.Open(path, LibC.O_RDWR | LibC.O_CLOEXEC, "StorageOpen");
            Allocate(writable, path, present, length - present, cancellation);
        }
    }

    /// <summary>Whether a path leads to a regular file.</summary>
    public static bool IsRegular(string path)
        => TryStat(path, out stat status) && ((uint)status.st_mode & TypeMask) == RegularType;

    /// <summary>When a file was changed last, its blocks included; null if that cannot be told.</summary>
    public static DateTime? ChangeTimeOf(string path)
        => TryStat(path, out stat status)
            ? DateTime.UnixEpoch.AddSeconds(status.st_ctim.tv_sec).AddTicks(status.st_ctim.tv_nsec / 100)
            : null;

    /// <summary>The block device that a file or folder lies on.</summary>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.StorageUnsupportedFileSystem"/>: the file system is on no single block device, or its extents are no addresses on it.
    /// </exception>
    public static BlockDevice DeviceOf(string path)
    {
        if (BlockDevices.FileLayout is { } layout)
        {
            return layout.DeviceOf(path);
        }

        if (!TryStat(path, out stat status))
        {
            throw new BlksnapException(ErrorIds.StorageNotFound, $"{path} does not exist or cannot be read.", string.Empty, LibC.errno, path);
        }

        DeviceId id = DeviceNumbers.Split(status.st_dev);
        BlockDevice? device = id.Major == 0 ? null : BlockDevices.TryFromId(id);
        string? type = MountTable.Read("/proc/self/mountinfo")
            .Where(mount => mount.Device == id)
            .Select(mount => mount.FileSystem)
            .FirstOrDefault();
        type ??= device is null ? null : BlockDevices.ProbeContent(device);

        // Only file systems whose extents are known to be addresses on the device that stat(2) names.
        return device is not null && type is "ext2" or "ext3" or "ext4" or "xfs"
            ? device!
            : throw new BlksnapException(
                ErrorIds.StorageUnsupportedFileSystem,
                $"{path} lies on {type ?? "an unknown file system"}, where the place of a file is no address on one block device. "
                    + "Files of ext2, ext3, ext4 and xfs can be difference storage.",
                string.Empty,
                Errno.EOPNOTSUPP,
                path);
    }

    /// <summary>Refuses files whose extents are on another device than the one of the file system.</summary>
    public static void CheckNotRealtime(FileDescriptor file, string path)
    {
        uint* attributes = stackalloc uint[7];
        if (file.Ioctl(GetExtendedAttributes, attributes) >= 0 && (attributes[0] & RealtimeFlag) != 0)
        {
            throw new BlksnapException(
                ErrorIds.StorageUnsupportedFileSystem,
                $"{path} lies on the realtime device of its file system, which cannot be told from here.",
                string.Empty,
                Errno.EOPNOTSUPP,
                path);
        }
    }

    /// <summary>Keeps everybody from writing, truncating, renaming or removing a file, where no driver does.</summary>
    /// <returns>False if it was so already.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.StorageFileBusy"/>, or the file system has no immutable flag.</exception>
    public static bool Protect(FileDescriptor file, string path)
    {
        if (!SetImmutable(file, path, immutable: true))
        {
            return false;
        }

        // The flag keeps new writers out; a lease is granted only if there are no old ones.
        int result = LibC.fcntl(file.Number, SetLease, WriteLease);
        if (result == 0)
        {
            _ = LibC.fcntl(file.Number, SetLease, NoLease);
        }
        else if (LibC.errno == Errno.EAGAIN)
        {
            SetImmutable(file, path, immutable: false);
            throw new BlksnapException(ErrorIds.StorageFileBusy, $"Somebody has {path} open.", "StorageProtect", Errno.ETXTBSY, path);
        }

        GC.KeepAlive(file);
        return true;
    }

    /// <summary>Undoes <see cref="Protect"/>, and deletes the file if it was made for the snapshot. Nothing happens to a file that is gone.</summary>
    public static void Release(RecordedFile recorded)
    {
        using (FileDescriptor? file = FileDescriptor.TryOpen(recorded.Path, LibC.O_RDONLY | LibC.O_CLOEXEC | LibC.O_NOFOLLOW, out _))
        {
            if (file is null)
            {
                return;
            }

            if (recorded.Protected)
            {
                SetImmutable(file, recorded.Path, immutable: false);
            }
        }

        if (recorded.Made)
        {
            File.Delete(recorded.Path);
        }
    }

    private static bool TryStat(string path, out stat status)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        fixed (stat* result = &status)
        {
            return LibC.stat(name, result) == 0;
        }
    }

    private static bool SetImmutable(FileDescriptor file, string path, bool immutable)
    {
        long flags = 0;
        int result = file.Ioctl(GetFlags, &flags);
        if (result >= 0)
        {
            bool present = (flags & ImmutableFlag) != 0;
            if (present == immutable)
            {
                return false;
            }

            flags = immutable ? flags | ImmutableFlag : flags & ~(long)ImmutableFlag;
            result = file.Ioctl(SetFlags, &flags);
        }

        return result >= 0 ? true : throw new BlksnapException("StorageProtect", -result, path);
    }

    private static void Allocate(FileDescriptor file, string path, long offset, long length, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        int result;
        do
        {
            result = LibC.fallocate(file.Number, 0, offset, length) == 0 ? 0 : LibC.errno;
        }
        while (result == Errno.EINTR);

        if (result == Errno.EOPNOTSUPP)
        {
            result = WriteZeroes(file, offset, length, cancellation);
        }

        GC.KeepAlive(file);
        cancellation.ThrowIfCancellationRequested();
        if (result != 0)
        {
            throw result is Errno.ENOSPC or Errno.EDQUOT or Errno.EFBIG
                ? new BlksnapException(ErrorIds.StorageTooSmall, $"There is no room for {length} bytes at {path}.", "StorageAllocate", result, path)
                : new BlksnapException("StorageAllocate", result, path);
        }
    }

    // ext2 has no way to allocate without writing.
    private static int WriteZeroes(FileDescriptor file, long offset, long length, CancellationToken cancellation)
    {
        byte[] zeroes = new byte[1 << 20];
        fixed (byte* buffer = zeroes)
        {
            for (long position = offset; position < offset + length && !cancellation.IsCancellationRequested;)
            {
                int part = (int)Math.Min(zeroes.Length, offset + length - position);
                long written = (long)LibC.pwrite(file.Number, buffer, part, position);
                if (written <= 0)
                {
                    return written == 0 ? Errno.ENOSPC : LibC.errno;
                }

                position += written;
            }
        }

        return 0;
    }
}
