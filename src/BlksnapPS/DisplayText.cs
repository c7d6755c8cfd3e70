// SPDX-License-Identifier: MIT
using System.Collections;
using System.Globalization;
using Blksnap;

namespace BlksnapPS;

/// <summary>What the views of <c>BlksnapPS.Format.ps1xml</c> print; the objects keep plain numbers.</summary>
public static class DisplayText
{
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>A number of bytes with a binary unit, exact below 1 KiB and to three digits above.</summary>
    /// <param name="bytes">A number, or nothing where the driver cannot tell.</param>
    public static string Size(object? bytes)
    {
        if (bytes is null)
        {
            return string.Empty;
        }

        decimal value = Convert.ToDecimal(bytes, CultureInfo.InvariantCulture);
        int unit = 0;
        while (Math.Abs(value) >= 1024 && unit < s_units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        string format = unit == 0 || value == Math.Truncate(value) || value >= 100 ? "0" : value >= 10 ? "0.#" : "0.##";
        return value.ToString(format, CultureInfo.InvariantCulture) + " " + s_units[unit];
    }

    /// <summary>How much of a whole is in use, in per cent.</summary>
    public static string Share(object? part, object? whole)
    {
        if (part is null || whole is null)
        {
            return string.Empty;
        }

        decimal total = Convert.ToDecimal(whole, CultureInfo.InvariantCulture);
        return total == 0
            ? string.Empty
            : (Convert.ToDecimal(part, CultureInfo.InvariantCulture) / total).ToString("0 %", CultureInfo.InvariantCulture);
    }

    /// <summary>A point in time in local time, to the second.</summary>
    public static string Time(object? time) => time switch
    {
        DateTimeOffset offset => offset.LocalDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        DateTime local => local.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        _ => string.Empty,
    };

    /// <summary>The elements of a list, separated by a comma.</summary>
    public static string List(object? list) => list switch
    {
        null => string.Empty,
        string text => text,
        IEnumerable elements => string.Join(", ", elements.Cast<object?>()),
        _ => list.ToString() ?? string.Empty,
    };

    /// <summary>Names and values, one pair a line, in the order of the names.</summary>
    public static string Pairs(object? pairs) => pairs is IEnumerable<KeyValuePair<string, string>> list
        ? string.Join('\n', list.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} = {pair.Value}"))
        : string.Empty;

    /// <summary>The devices that a difference storage lies on, each once.</summary>
    public static string Places(object? ranges) => ranges is IEnumerable<DiffStorageRange> list
        ? string.Join(", ", list.Select(range => range.DevicePath).Distinct(StringComparer.Ordinal))
        : string.Empty;

    /// <summary>The ranges of a difference storage, one a line, in the form that -DiffStorage takes.</summary>
    public static string Ranges(object? ranges) => ranges is IEnumerable<DiffStorageRange> list
        ? string.Join('\n', list.Select(range => string.Create(
            CultureInfo.InvariantCulture,
            $"{range.DevicePath}:{range.Offset}+{range.Length} ({Size(range.Length)}{(range.Used is null ? string.Empty : ", used " + Size(range.Used))})")))
        : string.Empty;
}
