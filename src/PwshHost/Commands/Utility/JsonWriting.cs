// SPDX-License-Identifier: MIT
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsData.ConvertTo, "Json")]
[OutputType(typeof(string))]
public sealed class ConvertToJsonCommand : PSCmdlet
{
    private readonly List<object?> inputs = [];
    private bool truncated;

    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [AllowNull]
    public object? InputObject { get; set; }

    [Parameter]
    [ValidateRange(0, 100)]
    public int Depth { get; set; } = 2;

    [Parameter]
    public SwitchParameter Compress { get; set; }

    [Parameter]
    public SwitchParameter EnumsAsStrings { get; set; }

    [Parameter]
    public SwitchParameter AsArray { get; set; }

    protected override void ProcessRecord() => inputs.Add(InputObject);

    protected override void EndProcessing()
    {
        if (inputs.Count == 0)
        {
            return;
        }

        JsonText text = new(indented: !Compress);
        Write(text, inputs.Count > 1 || AsArray ? inputs.ToArray() : inputs[0], 0);
        if (truncated)
        {
            WriteWarning($"Resulting JSON is truncated as serialization has exceeded the set depth of {Depth}.");
        }

        WriteObject(text.ToString());
    }

    private void Write(JsonText writer, object? value, int depth)
    {
        if (Stopping)
        {
            return;
        }

        PSObject? wrapped = value as PSObject;
        object? bare = wrapped is null ? value : wrapped.BaseObject;
        if (bare is null || ReferenceEquals(bare, System.Management.Automation.Internal.AutomationNull.Value) || bare is DBNull)
        {
            writer.Literal("null");
        }
        else if (!WriteScalar(writer, bare))
        {
            if (depth > Depth)
            {
                truncated = true;
                writer.Text(LanguagePrimitives.ConvertTo<string>(value));
            }
            else if (bare is IDictionary table)
            {
                writer.Open('{');
                foreach (DictionaryEntry entry in table)
                {
                    writer.Name(LanguagePrimitives.ConvertTo<string>(entry.Key));
                    Write(writer, entry.Value, depth + 1);
                }

                writer.Close('}');
            }
            else if (bare is IEnumerable items)
            {
                writer.Open('[');
                foreach (object? item in items)
                {
                    writer.Item();
                    Write(writer, item, depth + 1);
                }

                writer.Close(']');
            }
            else
            {
                WriteProperties(writer, wrapped ?? PSObject.AsPSObject(bare), bare, depth);
            }
        }
    }

    private void WriteProperties(JsonText writer, PSObject value, object bare, int depth)
    {
        writer.Open('{');
        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase);
        bool custom = bare is PSCustomObject;
        foreach (PSPropertyInfo property in value.Properties)
        {
            // Of a .NET object its own members, and what the script has added; not what type data add for display.
            bool own = custom || property is PSProperty || (property is PSNoteProperty && property.IsInstance);
            if (!own || !property.IsGettable || !names.Add(property.Name))
            {
                continue;
            }

            object? content;
            try
            {
                content = property.Value;
            }
            catch (GetValueException)
            {
                content = null;
            }

            writer.Name(property.Name);
            Write(writer, content, depth + 1);
        }

        writer.Close('}');
    }

    private bool WriteScalar(JsonText writer, object value)
    {
        switch (value)
        {
            case string or char or Guid or Uri or Version or SemanticVersion or System.Net.IPAddress or Type or ScriptBlock:
                writer.Text(value.ToString() ?? string.Empty);
                return true;
            case bool flag:
                writer.Literal(flag ? "true" : "false");
                return true;
            case Enum named:
                if (EnumsAsStrings)
                {
                    writer.Text(named.ToString());
                }
                else
                {
                    writer.Literal(named.ToString("D"));
                }

                return true;
            case sbyte or byte or short or ushort or int or uint or long or ulong or BigInteger or decimal:
                writer.Literal(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                return true;
            case double or float:
                WriteFloat(writer, Convert.ToDouble(value, CultureInfo.InvariantCulture), value);
                return true;
            case DateTime time:
                writer.Text(JsonText.Time(time));
                return true;
            case DateTimeOffset time:
                writer.Text(JsonText.Time(time));
                return true;
            default:
                return false;
        }
    }

    // JSON has no infinities; a whole number keeps its ".0", so that it stays a floating one when read.
    private static void WriteFloat(JsonText writer, double number, object original)
    {
        if (!double.IsFinite(number))
        {
            writer.Text(number.ToString(CultureInfo.InvariantCulture));
            return;
        }

        string text = ((IFormattable)original).ToString("R", CultureInfo.InvariantCulture);
        writer.Literal(text.AsSpan().ContainsAny('.', 'E') ? text : text + ".0");
    }
}

/// <summary>Builds the text: two blanks a level, nothing escaped that need not be.</summary>
internal sealed class JsonText(bool indented)
{
    private readonly StringBuilder text = new();
    private int level;
    private bool empty = true;

    public void Open(char bracket)
    {
        text.Append(bracket);
        level++;
        empty = true;
    }

    public void Close(char bracket)
    {
        level--;
        if (!empty)
        {
            NewLine();
        }

        text.Append(bracket);
        empty = false;
    }

    public void Item()
    {
        if (!empty)
        {
            text.Append(',');
        }

        empty = false;
        NewLine();
    }

    public void Name(string name)
    {
        Item();
        Text(name);
        text.Append(indented ? ": " : ":");
    }

    public void Literal(string value) => text.Append(value);

    public void Text(string value) => text.Append('"').Append(JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value)).Append('"');

    public static string Time<T>(T value) => JsonSerializer.Serialize(value, TimeOptions).Trim('"');

    private static readonly JsonSerializerOptions TimeOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override string ToString() => text.ToString();

    private void NewLine()
    {
        if (indented)
        {
            text.Append('\n').Append(' ', level * 2);
        }
    }
}
