// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using Blksnap.Abi;

namespace Model;

/// <summary>Defects that the test has to find.</summary>
public enum Defect
{
    None,

    /// <summary>Writes to the second half of a device show in images.</summary>
    LeakingImage,

    /// <summary>Changes of one block of the map are not reported.</summary>
    ForgottenChange,

    /// <summary>An image that is lost is not told of.</summary>
    SilentLoss,

    /// <summary>A device that is not tracked is said to be in use.</summary>
    StuckTracker,
}

/// <summary>A channel that falsifies answers of the driver behind it.</summary>
internal sealed unsafe class DefectiveChannel(IControlChannel inner, Defect defect) : IControlChannel
{
    private const uint RemoveTracker = 1;
    private const uint ReadMap = 3;
    private const uint WaitEvent = 11;
    private const int ForgottenBlock = 5;

    public string Node => inner.Node;

    public int Ioctl(uint request, nint argument)
    {
        int result = inner.Ioctl(request, argument);
        switch (defect, request & 0xFF)
        {
            // The argument: device, offset, length, address of the map.
            case (Defect.ForgottenChange, ReadMap) when result > ForgottenBlock:
                ((byte*)BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>((void*)(argument + 16), 8)))[ForgottenBlock] = 0;
                return result;

            // The argument: id, time, code.
            case (Defect.SilentLoss, WaitEvent) when result >= 0 && *(uint*)(argument + 20) == 1:
                return -Errno.ENOENT;
            case (Defect.StuckTracker, RemoveTracker) when result == -Errno.ENODATA:
                return -Errno.EBUSY;
            default:
                return result;
        }
    }

    public void Dispose() => inner.Dispose();
}
