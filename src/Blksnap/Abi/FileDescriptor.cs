// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text;
using Tmds.Linux;

namespace Blksnap.Abi;

/// <summary>A file descriptor that is closed exactly once, and not while a call is using it.</summary>
internal sealed unsafe class FileDescriptor : SafeHandle
{
    private FileDescriptor(int fd)
        : base(new nint(-1), ownsHandle: true)
        => SetHandle(fd);

    public override bool IsInvalid => handle < 0;

    /// <summary>The number of the descriptor; valid as long as the caller keeps this object alive.</summary>
    public int Number => (int)handle;

    /// <summary>Opens a path.</summary>
    /// <param name="path">The path.</param>
    /// <param name="flags">Flags of open(2); give O_CLOEXEC.</param>
    /// <param name="request">Name of the operation, for the exception.</param>
    /// <param name="mode">Permission bits of a file that is created.</param>
    /// <returns>The descriptor.</returns>
    /// <exception cref="BlksnapException">open(2) failed; the target is the path.</exception>
    public static FileDescriptor Open(string path, int flags, string request, int mode = 0)
    {
        FileDescriptor? descriptor = TryOpen(path, flags, out int errno, mode);
        return descriptor ?? throw new BlksnapException(request, errno, path);
    }

    /// <summary>Opens a path, or tells the error number.</summary>
    public static FileDescriptor? TryOpen(string path, int flags, out int errno, int mode = 0)
    {
        int fd;
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            do
            {
                fd = LibC.open(name, flags, (mode_t)(ushort)mode);
            }
            while (fd < 0 && LibC.errno == LibC.EINTR);
        }

        errno = fd < 0 ? LibC.errno : 0;
        return fd < 0 ? null : new FileDescriptor(fd);
    }

    /// <summary>ioctl(2).</summary>
    /// <returns>0 or more, or the negative error number.</returns>
    public int Ioctl(uint request, void* argument)
    {
        bool taken = false;
        try
        {
            DangerousAddRef(ref taken);
            int result = LibC.ioctl((int)handle, unchecked((int)request), argument);
            return result >= 0 ? result : -LibC.errno;
        }
        finally
        {
            if (taken)
            {
                DangerousRelease();
            }
        }
    }

    protected override bool ReleaseHandle() => LibC.close((int)handle) == 0;
}
