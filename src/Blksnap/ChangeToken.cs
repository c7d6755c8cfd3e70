// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Blksnap.Abi;

namespace Blksnap;

/// <summary>
/// Where the image of a device stands in the history of its changes: kept with a copy of the image, it is what the next increment is
/// asked for with. It says enough about where it comes from that a history which does not reach back to it is noticed.
/// </summary>
/// <remarks>All of it is plain values, so that it is the same after a journey through CLIXML or JSON.</remarks>
public sealed record ChangeToken
{
    /// <summary>Id of the history of changes; no other device or time has the same.</summary>
    public required Guid Generation { get; init; }

    /// <summary>Number of the snapshot within its generation, 1 to 255.</summary>
    public required byte SnapshotNumber { get; init; }

    /// <summary>Bytes of the device then; null if it was not kept.</summary>
    public long? Size { get; init; }

    /// <summary>Major and minor number of the device then, as <c>major:minor</c>; null if it was not kept.</summary>
    public string? Device { get; init; }

    /// <summary>Id of the running system then: trackers do not outlive it. Null if it was not kept.</summary>
    public Guid? BootId { get; init; }

    /// <summary>Path of the device then; null if it was not kept.</summary>
    public string? DevicePath { get; init; }

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <param name="text">A token in one line.</param>
    /// <returns>The token.</returns>
    /// <exception cref="FormatException">The text is no token.</exception>
    public static ChangeToken Parse(string text)
        => TryParse(text, out ChangeToken? token) ? token : throw new FormatException($"\"{text}\" is no change token.");

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <param name="text">A token in one line.</param>
    /// <param name="token">The token.</param>
    /// <returns>Whether the text is a token.</returns>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ChangeToken? token)
    {
        token = null;
        Dictionary<string, string> parts = [];
        for (string rest = (text ?? string.Empty).Trim(); rest.Length > 0;)
        {
            int equals = rest.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                return false;
            }

            // The path is last: it may contain anything.
            string name = rest[..equals];
            int end = name == "path" ? -1 : rest.IndexOf(';', StringComparison.Ordinal);
            parts[name] = end < 0 ? rest[(equals + 1)..] : rest[(equals + 1)..end];
            rest = end < 0 ? string.Empty : rest[(end + 1)..];
        }

        if (!Guid.TryParse(parts.GetValueOrDefault("generation"), out Guid generation)
            || !byte.TryParse(parts.GetValueOrDefault("number"), NumberStyles.None, CultureInfo.InvariantCulture, out byte number))
        {
            return false;
        }

        long size = 0;
        Guid boot = default;
        DeviceId device = default;
        if ((parts.TryGetValue("size", out string? sizeText) && !long.TryParse(sizeText, NumberStyles.None, CultureInfo.InvariantCulture, out size))
            || (parts.TryGetValue("boot", out string? bootText) && !Guid.TryParse(bootText, out boot))
            || (parts.TryGetValue("device", out string? deviceText) && !DeviceId.TryParse(deviceText, out device)))
        {
            return false;
        }

        token = new ChangeToken
        {
            Generation = generation,
            SnapshotNumber = number,
            Size = sizeText is null ? null : size,
            Device = deviceText is null ? null : device.ToString(),
            BootId = bootText is null ? null : boot,
            DevicePath = parts.GetValueOrDefault("path"),
        };
        return true;
    }

    /// <summary>The token in one line, which <see cref="Parse"/> reads.</summary>
    /// <returns>For example <c>generation=…;number=3;size=1073741824;device=253:0;boot=…;path=/dev/vda</c>.</returns>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"generation={Generation};number={SnapshotNumber}")
            + (Size is { } size ? string.Create(CultureInfo.InvariantCulture, $";size={size}") : string.Empty)
            + (Device is { } device ? ";device=" + device : string.Empty)
            + (BootId is { } boot ? ";boot=" + boot : string.Empty)
            + (DevicePath is { } path ? ";path=" + path : string.Empty);
}
