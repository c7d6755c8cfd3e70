// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Globalization;

namespace Blksnap.Abi;

/// <summary>Error numbers of Linux that the control device and the calls around it answer with, as positive numbers.</summary>
public static class Errno
{
#pragma warning disable CS1591 // the names are those of errno(3)
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int ESRCH = 3;
    public const int EINTR = 4;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int EBADF = 9;
    public const int EAGAIN = 11;
    public const int ENOMEM = 12;
    public const int EACCES = 13;
    public const int EFAULT = 14;
    public const int ENOTBLK = 15;
    public const int EBUSY = 16;
    public const int EEXIST = 17;
    public const int ENODEV = 19;
    public const int ENOTDIR = 20;
    public const int EISDIR = 21;
    public const int EINVAL = 22;
    public const int ENOTTY = 25;
    public const int ETXTBSY = 26;
    public const int EFBIG = 27;
    public const int ENOSPC = 28;
    public const int EROFS = 30;
    public const int ERANGE = 34;
    public const int ENODATA = 61;
    public const int EOPNOTSUPP = 95;
    public const int ENOBUFS = 105;
    public const int ETIMEDOUT = 110;
    public const int EALREADY = 114;
    public const int EDQUOT = 122;
#pragma warning restore CS1591

    private static readonly Dictionary<int, string> s_names = typeof(Errno)
        .GetFields()
        .Where(field => field.IsLiteral)
        .ToDictionary(field => (int)field.GetRawConstantValue()!, field => field.Name);

    /// <summary>The symbolic name of an error number.</summary>
    /// <param name="errno">A positive error number.</param>
    /// <returns>For example <c>EBUSY</c>, or <c>E123</c> for a number that is not in this list.</returns>
    public static string Name(int errno)
        => s_names.TryGetValue(errno, out string? name) ? name : "E" + errno.ToString(CultureInfo.InvariantCulture);

    /// <summary>The text that libc has for an error number.</summary>
    /// <param name="errno">A positive error number.</param>
    /// <returns>For example <c>Device or resource busy</c>.</returns>
    public static string Message(int errno) => new Win32Exception(errno).Message;
}
