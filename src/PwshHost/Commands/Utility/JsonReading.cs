// SPDX-License-Identifier: MIT
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsData.ConvertFrom, "Json")]
public sealed class ConvertFromJsonCommand : PSCmdlet
{
    private readonly List<string> lines = [];

    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [AllowEmptyString]
    public string InputObject { get; set; } = string.Empty;

    [Parameter]
    public SwitchParameter AsHashtable { get; set; }

    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int Depth { get; set; } = 1024;

    [Parameter]
    public SwitchParameter NoEnumerate { get; set; }

    protected override void ProcessRecord() => lines.Add(InputObject);

    protected override void EndProcessing()
    {
        if (lines.Count == 0)
        {
            return;
        }

        // Either the lines of one document, or one document a line.
        if (lines.Count == 1 || !IsDocument(lines[0]))
        {
            Convert(string.Join('\n', lines));
            return;
        }

        foreach (string line in lines)
        {
            Convert(line);
        }
    }

    private JsonDocumentOptions Options => new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, MaxDepth = Math.Min(Depth, 1_000_000) };

    private bool IsDocument(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, Options);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void Convert(string text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(text, Options);
            object? value = ToObject(document.RootElement);
            WriteObject(value, enumerateCollection: !NoEnumerate);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            ThrowTerminatingError(new ErrorRecord(
                new ArgumentException("Conversion from JSON failed with error: " + e.Message, e), "System.ArgumentException", ErrorCategory.NotSpecified, null));
        }
    }

    private object? ToObject(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => AsHashtable ? ToTable(element) : ToCustomObject(element),
        JsonValueKind.Array => element.EnumerateArray().Select(ToObject).ToArray(),
        JsonValueKind.String => ToText(element.GetString()!),
        JsonValueKind.Number => ToNumber(element.GetRawText()),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private OrderedHashtable ToTable(JsonElement element)
    {
        OrderedHashtable table = [];
        foreach (JsonProperty property in element.EnumerateObject())
        {
            table[property.Name] = ToObject(property.Value);
        }

        return table;
    }

    private PSObject ToCustomObject(JsonElement element)
    {
        PSObject result = new();
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (property.Name.Length == 0)
            {
                throw new InvalidOperationException("The provided JSON includes a property whose name is an empty string, this is only supported using the -AsHashTable switch.");
            }

            if (result.Properties[property.Name] is { } existing)
            {
                if (existing.Name != property.Name)
                {
                    throw new InvalidOperationException($"Cannot convert the JSON string because it contains keys with different casing. Please use the -AsHashTable switch instead. The key that was attempted to be added to the existing key '{existing.Name}' was '{property.Name}'.");
                }

                existing.Value = ToObject(property.Value);
                continue;
            }

            result.Properties.Add(new PSNoteProperty(property.Name, ToObject(property.Value)), preValidated: true);
        }

        return result;
    }

    // ISO 8601 with a date and a time becomes a DateTime, as in pwsh.
    private static object ToText(string text)
    {
        bool candidate = text.Length is >= 19 and <= 40 && text[4] == '-' && text[7] == '-' && text[10] == 'T' && char.IsAsciiDigit(text[0]);
        return candidate && DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTime time) ? time : text;
    }

    private static object ToNumber(string text)
    {
        if (text.AsSpan().ContainsAny('.', 'e', 'E'))
        {
            return double.Parse(text, CultureInfo.InvariantCulture);
        }

        return long.TryParse(text, CultureInfo.InvariantCulture, out long number) ? (object)number : BigInteger.Parse(text, CultureInfo.InvariantCulture);
    }
}
