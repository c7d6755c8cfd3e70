// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using Blksnap;
using Blksnap.Abi;

namespace BlksnapPS;

/// <summary>
/// Reads tokens in whatever form users have them: as they were put out, what is left of them after a journey through CLIXML, JSON or
/// a line of text, the images or snapshots that carry them, trackers, or a number with its generation.
/// </summary>
internal static class ChangeTokenArgument
{
    private const string Images = nameof(Snapshot.Images);
    private const string Token = nameof(SnapshotImage.ChangeToken);

    /// <summary>Reads tokens.</summary>
    /// <param name="arguments">What was bound.</param>
    /// <param name="generation">Generation of plain numbers; null if it was not given.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.ChangeTokenInvalid"/>.</exception>
    public static IReadOnlyList<ChangeToken> Read(IEnumerable<object> arguments, Guid? generation)
    {
        List<ChangeToken> tokens = [.. arguments.SelectMany(argument => Read(argument, generation))];
        if (generation is { } asked)
        {
            return tokens.Count == 0
                ? throw Invalid("-Generation belongs to a number that is given to -Since.")
                : tokens.Find(token => token.Generation != asked) is { } other
                ? throw Invalid($"The token {other} is not of the generation {asked}.")
                : tokens;
        }

        return tokens;
    }

    private static IEnumerable<ChangeToken> Read(object? argument, Guid? generation)
    {
        if (argument is null)
        {
            throw Invalid("Null is no change token.");
        }

        object value = argument is PSObject wrapped ? wrapped.BaseObject : argument;
        switch (value)
        {
            case ChangeToken token:
                return [Checked(token)];
            case Tracker { ChangeToken: null } tracker:
                throw NotTaken(tracker.DevicePath);
            case string text when ChangeToken.TryParse(text, out ChangeToken? token):
                return [Checked(token)];
            case string text when text.AsSpan().TrimStart() is ['{' or '[', ..]:
                return ReadJson(text, generation);
        }

        // An image or a tracker.
        if (Property(argument, Token) is { } carried)
        {
            return Read(carried, generation);
        }

        if (Property(argument, nameof(ChangeToken.Generation)) is { } known)
        {
            return [Checked(new ChangeToken
            {
                Generation = Required<Guid>(argument, nameof(ChangeToken.Generation), known),
                SnapshotNumber = Required<byte>(argument, nameof(ChangeToken.SnapshotNumber)),
                Size = Optional<long>(argument, nameof(ChangeToken.Size)),
                BootId = Optional<Guid>(argument, nameof(ChangeToken.BootId)),
                Device = ReadDevice(Property(argument, nameof(ChangeToken.Device))),
                DevicePath = ReadPath(Property(argument, nameof(ChangeToken.DevicePath))),
            })];
        }

        if (LanguagePrimitives.GetEnumerable(Property(argument, Images)) is { } images)
        {
            List<ChangeToken> tokens = [.. images.Cast<object?>().SelectMany(image => Read(image, generation))];
            return tokens.Count > 0 ? tokens : throw NotTaken($"{argument}");
        }

        if (LanguagePrimitives.TryConvertTo(value, out byte number))
        {
            return generation is { } given
                ? [Checked(new ChangeToken { Generation = given, SnapshotNumber = number })]
                : throw Invalid($"The number {number} means nothing without -Generation.");
        }

        throw Invalid($"\"{argument}\" is no change token.");
    }

    private static List<ChangeToken> ReadJson(string text, Guid? generation)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            object? root = FromJson(document.RootElement);
            List<ChangeToken> tokens = [.. (root as object?[] ?? [root]).SelectMany(value => Read(value, generation))];

            // No token at all would mean everything.
            return tokens.Count > 0 ? tokens : throw Invalid("The JSON text has no change token in it.");
        }
        catch (JsonException e)
        {
            throw Invalid($"What begins with \"{text.Trim()[0]}\" is no JSON text: {e.Message} A file of JSON has to be read whole, with Get-Content -Raw.");
        }
    }

    // What is neither a text nor a whole number stays as it is, for nothing that a token is made of: 1.5 or true must not become the number 1.
    private static object? FromJson(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                Hashtable table = new(StringComparer.OrdinalIgnoreCase);
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    if (table.ContainsKey(property.Name))
                    {
                        throw Invalid($"The JSON text has \"{property.Name}\" twice.");
                    }

                    table.Add(property.Name, FromJson(property.Value));
                }

                return table;
            case JsonValueKind.Array:
                return element.EnumerateArray().Select(FromJson).ToArray();
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.Number when element.TryGetInt64(out long number):
                return number;
            case JsonValueKind.Null:
                return null;
            default:
                return element.Clone();
        }
    }

    // The number of "no snapshot": whoever has it has copied nothing that an increment could go on from.
    private static ChangeToken Checked(ChangeToken token) =>
        token.SnapshotNumber > 0 ? token : throw NotTaken(token.DevicePath ?? token.Device ?? token.Generation.ToString());

    private static T Required<T>(object argument, string name, object? value = null) =>
        LanguagePrimitives.TryConvertTo(value ?? Property(argument, name), out T converted) && (value ?? Property(argument, name)) is not null
            ? converted
            : throw Invalid($"\"{argument}\" is no change token: its {name} is missing or wrong.");

    private static T? Optional<T>(object argument, string name)
        where T : struct =>
        Property(argument, name) is { } value && value.ToString() is { Length: > 0 } ? Required<T>(argument, name, value) : null;

    private static string? ReadDevice(object? value) =>
        value is null ? null
        : DeviceId.TryParse(value.ToString(), out DeviceId device) ? device.ToString()
        : LanguagePrimitives.TryConvertTo(Property(value, nameof(DeviceId.Major)), out uint major) && Property(value, nameof(DeviceId.Major)) is not null
            && LanguagePrimitives.TryConvertTo(Property(value, nameof(DeviceId.Minor)), out uint minor)
            ? new DeviceId(major, minor).ToString()
        : throw Invalid($"\"{value}\" is not the number of a device.");

    private static string? ReadPath(object? value) =>
        value is IEnumerable and not string ? throw Invalid("The path of a change token is a list.") : value?.ToString();

    private static object? Property(object argument, string name) =>
        (argument is PSObject wrapped ? wrapped.BaseObject : argument) is IDictionary dictionary
            ? dictionary[name]
            : PSObject.AsPSObject(argument).Properties[name]?.Value;

    private static BlksnapException NotTaken(string what) =>
        Invalid($"{what} has no change token: no snapshot of it was taken, so there is no copy to go on from.");

    private static BlksnapException Invalid(string message) =>
        new(ErrorIds.ChangeTokenInvalid, message, string.Empty, Errno.EINVAL, null);
}
