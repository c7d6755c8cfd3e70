// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Devices;

/// <summary>Where files lie on block devices, from a source of devices that are not the system's.</summary>
internal interface IFileLayout
{
    /// <summary>The device that a file or folder lies on.</summary>
    BlockDevice DeviceOf(string path);

    /// <summary>The ranges of that device that the first bytes of a file take; null if the file has holes.</summary>
    List<ByteRange>? Map(FileDescriptor file, string path, long length);
}
