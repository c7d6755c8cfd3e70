// SPDX-License-Identifier: MIT
using System.Text;
using Blksnap.Abi;

namespace Blksnap.Devices;

/// <summary>One mount of the table of this process.</summary>
/// <param name="Device">Device number that the file system reports.</param>
/// <param name="MountPoint">Where it is mounted.</param>
/// <param name="FileSystem">Type, for example <c>ext4</c>.</param>
/// <param name="Source">What was mounted, for example <c>/dev/vda</c>; null if the table does not say.</param>
internal readonly record struct Mount(DeviceId Device, string MountPoint, string FileSystem, string? Source);

/// <summary>The mounts of this process.</summary>
internal static class MountTable
{
    /// <summary>Reads a table in the form of /proc/self/mountinfo.</summary>
    public static List<Mount> Read(string file)
    {
        List<Mount> mounts = [];
        if (!File.Exists(file))
        {
            return mounts;
        }

        foreach (string line in File.ReadLines(file))
        {
            // id parent major:minor root mountpoint options [tags] - type source options
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-");
            if (separator >= 6 && separator + 1 < fields.Length && DeviceId.TryParse(fields[2], out DeviceId device))
            {
                mounts.Add(new Mount(device, Unescape(fields[4]), fields[separator + 1], separator + 2 < fields.Length ? Unescape(fields[separator + 2]) : null));
            }
        }

        return mounts;
    }

    // Blanks and the like are written as three octal digits.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\'))
        {
            return text;
        }

        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && text.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                result.Append((char)Convert.ToInt32(text.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                result.Append(text[i]);
            }
        }

        return result.ToString();
    }
}
