// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Storage;

/// <summary>What a user names as difference storage: a file, a directory, a block device, or a range of one.</summary>
public sealed partial record DiffStorageSpec
{
    /// <summary>Path without a range.</summary>
    public required string Path { get; init; }

    /// <summary>Range of a device: bytes from its start; null for the whole.</summary>
    public long? Offset { get; init; }

    /// <summary>
    /// Bytes. Range of a device: its length. Directory: size of the file to make. File: bytes to make or use of it.
    /// Null: the default of a directory, all of a file or device.
    /// </summary>
    public long? Length { get; init; }

    /// <summary>
    /// Reads <c>PATH</c> or <c>PATH:OFFSET+LENGTH</c>. Numbers are bytes or carry a unit: K, KB, KiB, M, G, T, all powers of 1024.
    /// A path that exists as it stands is never taken apart. What is no range but begins with a device and a colon is refused.
    /// </summary>
    /// <param name="text">For example <c>/dev/vdc:0+64MiB</c>.</param>
    /// <param name="size">Bytes, where the text gives no length; null for the default.</param>
    /// <returns>The parts.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.StorageInvalid"/>.</exception>
    public static DiffStorageSpec Parse(string text, long? size = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        if (size is <= 0)
        {
            throw Invalid(text, "The size has to be more than zero.");
        }

        // A simulated device need not be a file.
        if (File.Exists(text) || Directory.Exists(text) || BlockDevices.TryFromPath(text) is not null)
        {
            return new DiffStorageSpec { Path = text, Length = size };
        }

        Match match = RangePattern().Match(text);
        if (!match.Success)
        {
            return BeginsWithDevice(text)
                ? throw Invalid(text, "A range of a device is <device>:<offset>+<length>, for example /dev/sdb:1GiB+4GiB, in whole numbers.")
                : new DiffStorageSpec { Path = text, Length = size };
        }

        long length = ParseSize(match.Groups["length"].Value, text);
        return length > 0
            ? new DiffStorageSpec
            {
                Path = match.Groups["path"].Value,
                Offset = ParseSize(match.Groups["offset"].Value, text),
                Length = length,
            }
            : throw Invalid(text, "The length of the range has to be more than zero.");
    }

    /// <summary>The form that <see cref="Parse"/> reads.</summary>
    /// <returns>For example <c>/dev/vdc:0+67108864</c>.</returns>
    public override string ToString()
        => Offset is { } offset ? string.Create(CultureInfo.InvariantCulture, $"{Path}:{offset}+{Length}") : Path;

    // Who writes a colon after a device means a range of it, however mistyped, and no file of that name. There are colons in paths of devices.
    private static bool BeginsWithDevice(string text)
        => Enumerable.Range(1, text.Length - 1).Any(end => text[end] == ':' && BlockDevices.TryFromPath(text[..end]) is not null);

    private static long ParseSize(string number, string text)
    {
        int digits = number.AsSpan().IndexOfAnyExceptInRange('0', '9');
        string unit = digits < 0 ? string.Empty : number[digits..];
        int shift = unit.Length == 0 ? 0 : 10 * (1 + "KMGT".IndexOf(char.ToUpperInvariant(unit[0])));
        if (!long.TryParse(digits < 0 ? number : number[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            || value > long.MaxValue >> shift)
        {
            throw Invalid(text, "A number of the range is too large.");
        }

        return value << shift;
    }

    private static BlksnapException Invalid(string text, string reason)
        => new(ErrorIds.StorageInvalid, $"{text} does not name a difference storage: {reason}", string.Empty, Errno.EINVAL, text);

    [GeneratedRegex(@"^(?<path>/.+):(?<offset>\d+([KMGT](i?B)?)?)\+(?<length>\d+([KMGT](i?B)?)?)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex RangePattern();
}
