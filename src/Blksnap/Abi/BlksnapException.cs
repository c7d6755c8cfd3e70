// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>
/// Something that the driver or the system refused. <see cref="ErrorId"/> names the reason in a stable form:
/// one of the constants of <see cref="ErrorIds"/>, or <c>Request,ERRNO</c> such as <c>SnapshotTake,EBUSY</c>.
/// </summary>
public class BlksnapException : Exception
{
    /// <summary>A request failed with an error number.</summary>
    /// <param name="request">Name of the request, for example <c>SnapshotTake</c>.</param>
    /// <param name="errno">Positive error number.</param>
    /// <param name="target">What the request was about: a path, an id; null if there is nothing to name.</param>
    public BlksnapException(string request, int errno, string? target)
        : this($"{request},{Blksnap.Abi.Errno.Name(errno)}", DescribeErrno(request, errno, target), request, errno, target)
    {
    }

    /// <summary>A failure with its own error id and message.</summary>
    /// <param name="errorId">See <see cref="ErrorId"/>.</param>
    /// <param name="message">What happened, in a sentence.</param>
    /// <param name="request">Name of the request, empty if none was sent.</param>
    /// <param name="errno">Positive error number, 0 if there is none.</param>
    /// <param name="target">What it was about.</param>
    /// <param name="inner">The failure behind it.</param>
    public BlksnapException(string errorId, string message, string request, int errno, string? target, Exception? inner = null)
        : base(message, inner)
    {
        ErrorId = errorId;
        Request = request;
        Errno = errno;
        Target = target;
        (Kind, NextStep) = DriverErrors.Advise(errorId, request, errno, target);
    }

    /// <summary>Stable name of the reason, see <see cref="ErrorIds"/>.</summary>
    public string ErrorId { get; }

    /// <summary>Name of the request that failed, for example <c>SnapshotTake</c>; empty if none was sent.</summary>
    public string Request { get; }

    /// <summary>Positive error number of Linux, 0 if there is none.</summary>
    public int Errno { get; }

    /// <summary>Symbolic name of <see cref="Errno"/>, for example <c>EBUSY</c>; empty if there is none.</summary>
    public string ErrnoName => Errno == 0 ? string.Empty : Blksnap.Abi.Errno.Name(Errno);

    /// <summary>What it was about: a device path, a file, a snapshot id; null if there is nothing to name.</summary>
    public string? Target { get; }

    /// <summary>What sort of failure it is.</summary>
    public ErrorKind Kind { get; }

    /// <summary>What to do about it, in a sentence or two.</summary>
    public string NextStep { get; init; }

    private static string DescribeErrno(string request, int errno, string? target)
        => target is null
            ? $"{request} failed: {Blksnap.Abi.Errno.Message(errno)} ({Blksnap.Abi.Errno.Name(errno)})."
            : $"{request} failed for {target}: {Blksnap.Abi.Errno.Message(errno)} ({Blksnap.Abi.Errno.Name(errno)}).";
}
