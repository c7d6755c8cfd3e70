// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Tmds.Linux;

namespace Blksnap.Devices;

/// <summary>The packed device number of stat(2).</summary>
internal static class DeviceNumbers
{
    /// <summary>Splits a number as glibc and musl pack it.</summary>
    public static DeviceId Split(dev_t number)
    {
        ulong value = (ulong)number;
        uint major = (uint)(((value >> 8) & 0xFFF) | ((value >> 32) & 0xFFFFF000));
        uint minor = (uint)((value & 0xFF) | ((value >> 12) & 0xFFFFFF00));
        return new DeviceId(major, minor);
    }
}
