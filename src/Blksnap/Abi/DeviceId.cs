// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

/// <summary>A block device by its major and minor number; laid out as <c>struct blk_snap_dev</c>.</summary>
/// <param name="Major">Major number.</param>
/// <param name="Minor">Minor number.</param>
[StructLayout(LayoutKind.Sequential, Size = 8)]
public readonly record struct DeviceId(uint Major, uint Minor)
{
    /// <summary>The number that stands for "no device" (0:0).</summary>
    public static DeviceId None => default;

    /// <summary>Reads the form <c>major:minor</c>.</summary>
    /// <param name="text">Text as in sysfs, for example <c>8:1</c>.</param>
    /// <param name="device">The device when the text is well formed.</param>
    /// <returns>Whether the text is well formed.</returns>
    public static bool TryParse(string? text, out DeviceId device)
    {
        device = default;
        string[] parts = (text ?? string.Empty).Trim().Split(':');
        if (parts.Length != 2
            || !uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint major)
            || !uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint minor))
        {
            return false;
        }

        device = new DeviceId(major, minor);
        return true;
    }

    /// <summary>The form <c>major:minor</c> that sysfs uses.</summary>
    /// <returns>For example <c>8:1</c>.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}:{Minor}");
}
