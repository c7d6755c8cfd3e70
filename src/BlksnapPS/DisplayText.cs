// SPDX-License-Identifier: MIT
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using Blksnap;

namespace BlksnapPS;

/// <summary>What the views print; the objects keep plain numbers.</summary>
public static class DisplayText
{
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>A number of bytes with a binary unit, exact below 1 KiB and to three digits above.</summary>
    /// <param name="bytes">A number, or nothing where the driver cannot tell.</param>
    public static string Size(object? bytes)
    {
        if (Base(bytes) is not { } number)
        {
            return string.Empty;
        }

        decimal value = Convert.ToDecimal(number, CultureInfo.InvariantCulture);
        int unit = 0;
        while (Math.Abs(value) >= 1024 && unit < s_units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        string format = unit == 0 || value == Math.Truncate(value) || value >= 100 ? "0" : value >= 10 ? "0.#" : "0.##";
        return value.ToString(format, CultureInfo.InvariantCulture) + " " + s_units[unit];
    }

    /// <summary>A number of bytes a second.</summary>
    public static string Rate(object? bytes)
        => Base(bytes) is { } number ? Size(Math.Truncate(Convert.ToDecimal(number, CultureInfo.InvariantCulture))) + "/s" : string.Empty;

    /// <summary>How much of a whole is in use, in per cent.</summary>
    public static string Share(object? part, object? whole)
    {
        if (Base(part) is not { } used || Base(whole) is not { } all)
        {
            return string.Empty;
        }

        decimal total = Convert.ToDecimal(all, CultureInfo.InvariantCulture);
        return total == 0
            ? string.Empty
            : (Convert.ToDecimal(used, CultureInfo.InvariantCulture) / total).ToString("0 %", CultureInfo.InvariantCulture);
    }

    /// <summary>A span of time in its two largest units, from seconds to days.</summary>
    /// <param name="time">A span; nothing where there is none.</param>
    public static string Duration(object? time) => Duration(time, units: 2);

    private static string Duration(object? time, int units)
    {
        if (Base(time) is not TimeSpan span)
        {
            return string.Empty;
        }

        (long Amount, string Unit)[] parts =
        [
            ((long)span.TotalDays, "d"), (span.Hours, "h"), (span.Minutes, "min"), (span.Seconds, "s"),
        ];
        int first = Array.FindIndex(parts, part => part.Amount > 0);
        return first < 0
            ? span.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture) + " ms"
            : string.Join(' ', parts.Skip(first).Take(units).Where(part => part.Amount > 0)
                .Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Amount} {part.Unit}")));
    }

    /// <summary>How long ago a point in time is.</summary>
    /// <param name="time">Local time; nothing where it is not known.</param>
    public static string Age(object? time) => Duration(Since(time), units: 2);

    /// <summary>How long ago a point in time is, in its largest unit.</summary>
    /// <param name="time">Local time; nothing where it is not known.</param>
    public static string RoughAge(object? time) => Duration(Since(time), units: 1);

    private static TimeSpan? Since(object? time) => Base(time) switch
    {
        DateTimeOffset offset => Since(offset.LocalDateTime),
        DateTime local when DateTime.Now - local is { Ticks: > 0 } age => age,
        DateTime => TimeSpan.Zero,
        _ => null,
    };

    /// <summary>A point in time in local time, to the second.</summary>
    public static string Time(object? time) => Base(time) switch
    {
        DateTimeOffset offset => offset.LocalDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        DateTime local => local.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        _ => string.Empty,
    };

    /// <summary>A point in time in local time, and how long ago that is.</summary>
    public static string TimeAndAge(object? time) => Time(time) is { Length: > 0 } text ? $"{text} ({Age(time)} ago)" : string.Empty;

    /// <summary>A state or a verdict, in the colour of its meaning where the output is a terminal.</summary>
    /// <param name="state">The state, or its name.</param>
    /// <param name="rendering"><c>$PSStyle.OutputRendering</c> of the session.</param>
    public static string State(object? state, object? rendering)
    {
        string text = state?.ToString() ?? string.Empty;
        string? color = text switch
        {
            "Taken" or "Frozen" or "Passed" or "Active" => "\e[32m",
            "Created" or "LowSpace" or "Refused" or "TimedOut" or "Warning" or "AtMaximum" or "Abandoned" => "\e[33m",
            "Corrupted" or "Failed" => "\e[31m",
            _ => null,
        };
        return color is null || !TakesColor(rendering) ? text : color + text + "\e[0m";
    }

    // In the mode for hosts the engine leaves colours out where the output of a command is redirected, but does not look at that of the process.
    private static bool TakesColor(object? rendering) => rendering?.ToString() switch
    {
        "PlainText" => false,
        "Ansi" => true,
        _ => !Console.IsOutputRedirected,
    };

    /// <summary>The elements of a list, separated by a comma.</summary>
    public static string List(object? list) => Base(list) switch
    {
        null => string.Empty,
        string text => text,
        IEnumerable elements => string.Join(", ", elements.Cast<object?>()),
        { } single => single.ToString() ?? string.Empty,
    };

    /// <summary>Names and values, one pair a line, in the order of the names.</summary>
    public static string Pairs(object? pairs)
    {
        IEnumerable<(string Name, object? Value)> list = Base(pairs) switch
        {
            IEnumerable<KeyValuePair<string, string>> typed => typed.Select(pair => (pair.Key, (object?)pair.Value)),
            IDictionary dictionary => dictionary.Cast<DictionaryEntry>().Select(entry => ($"{entry.Key}", entry.Value)),
            _ => [],
        };
        return string.Join('\n', list.OrderBy(pair => pair.Name, StringComparer.Ordinal).Select(pair => $"{pair.Name} = {pair.Value}"));
    }

    /// <summary>The devices that a difference storage lies on, each once.</summary>
    public static string Places(object? ranges) =>
        string.Join(", ", Elements(ranges).Select(range => $"{Value(range, nameof(DiffStorageRange.DevicePath))}").Distinct(StringComparer.Ordinal));

    /// <summary>The ranges of a difference storage, one a line, in the form that -DiffStorage takes.</summary>
    public static string Ranges(object? ranges) => string.Join('\n', Elements(ranges).Select(range =>
    {
        string used = Size(Value(range, nameof(DiffStorageRange.Used)));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Value(range, nameof(DiffStorageRange.DevicePath))}:{Value(range, nameof(DiffStorageRange.Offset))}+{Value(range, nameof(DiffStorageRange.Length))}")
            + $" ({Size(Value(range, nameof(DiffStorageRange.Length)))}{(used.Length == 0 ? string.Empty : ", used " + used)})";
    }));

    // Objects that came from a job or a file have the same properties, and are no objects of our own types any more.
    private static object? Base(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private static IEnumerable<object> Elements(object? list) =>
        Base(list) is IEnumerable elements and not string ? elements.Cast<object?>().OfType<object>() : [];

    private static object? Value(object item, string property) => Base(PSObject.AsPSObject(item).Properties[property]?.Value);
}
