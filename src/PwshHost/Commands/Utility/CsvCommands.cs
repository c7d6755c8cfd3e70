// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text;

namespace Microsoft.PowerShell.Commands;

/// <summary>RFC 4180 with the liberties of pwsh: any delimiter, quotes everywhere by default.</summary>
internal static class Csv
{
    public static string Line(IEnumerable<string?> fields, char delimiter, string useQuotes) => string.Join(delimiter, fields.Select(f => Quote(f, delimiter, useQuotes)));

    private static string Quote(string? field, char delimiter, string useQuotes)
    {
        if (field is null)
        {
            return string.Empty;
        }

        bool needed = field.Contains(delimiter) || field.AsSpan().ContainsAny('"', '\n', '\r');
        bool quote = useQuotes == "Always" || (useQuotes == "AsNeeded" && needed);
        return quote ? "\"" + field.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"" : field;
    }

    /// <summary>The records of a text; a field in quotes may hold line feeds.</summary>
    public static IEnumerable<string[]> Records(TextReader reader, char delimiter)
    {
        List<string> fields = [];
        StringBuilder field = new();
        bool quoted = false;
        bool any = false;
        int c;
        while ((c = reader.Read()) >= 0)
        {
            char ch = (char)c;
            if (quoted)
            {
                if (ch != '"')
                {
                    field.Append(ch);
                }
                else if (reader.Peek() == '"')
                {
                    reader.Read();
                    field.Append('"');
                }
                else
                {
                    quoted = false;
                }
            }
            else if (ch == '"' && field.Length == 0)
            {
                quoted = any = true;
            }
            else if (ch == delimiter)
            {
                fields.Add(field.ToString());
                field.Clear();
                any = true;
            }
            else if (ch == '\n')
            {
                if (any || field.Length > 0)
                {
                    fields.Add(field.ToString());
                    yield return fields.ToArray();
                }

                fields.Clear();
                field.Clear();
                any = false;
            }
            else if (ch != '\r')
            {
                field.Append(ch);
            }
        }

        if (any || field.Length > 0)
        {
            fields.Add(field.ToString());
            yield return fields.ToArray();
        }
    }

    public static IEnumerable<PSObject> Objects(TextReader reader, char delimiter, string[]? header)
    {
        foreach (string[] record in Records(reader, delimiter))
        {
            if (header is null)
            {
                if (!record[0].StartsWith("#TYPE ", StringComparison.Ordinal))
                {
                    header = record;
                }

                continue;
            }

            PSObject row = new();
            for (int i = 0; i < header.Length; i++)
            {
                row.Properties.Add(new PSNoteProperty(header[i].Length == 0 ? $"H{i + 1}" : header[i], i < record.Length ? record[i] : null));
            }

            yield return row;
        }
    }
}

public abstract class CsvWritingCommand : PSCmdlet
{
    private string[]? names;

    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    public PSObject InputObject { get; set; } = null!;

    [Parameter]
    public char Delimiter { get; set; } = ',';

    [Parameter]
    [Alias("NTI")]
    public SwitchParameter NoTypeInformation { get; set; }

    [Parameter]
    [Alias("UQ")]
    [ValidateSet("Never", "Always", "AsNeeded")]
    public string UseQuotes { get; set; } = "Always";

    [Parameter]
    public SwitchParameter NoHeader { get; set; }

    protected void UseNames(string[] fields) => names = fields;

    protected void Process(Action<string> write)
    {
        if (names is null)
        {
            names = InputObject.BaseObject is System.Collections.IDictionary first
                ? [.. first.Keys.Cast<object>().Select(static k => k.ToString() ?? string.Empty)]
                : [.. InputObject.Properties.Select(static p => p.Name)];
            if (!NoHeader)
            {
                write(Csv.Line(names, Delimiter, UseQuotes));
            }
        }

        write(Csv.Line(names.Select(Value), Delimiter, UseQuotes));
    }

    private string? Value(string name)
    {
        object? value = InputObject.BaseObject is System.Collections.IDictionary table ? table[name] : InputObject.Properties[name]?.Value;
        return value is null ? null : LanguagePrimitives.ConvertTo<string>(value);
    }
}

[Cmdlet(VerbsData.ConvertTo, "Csv")]
[OutputType(typeof(string))]
public sealed class ConvertToCsvCommand : CsvWritingCommand
{
    protected override void ProcessRecord() => Process(WriteObject);
}

[Cmdlet(VerbsData.Export, "Csv", SupportsShouldProcess = true)]
public sealed class ExportCsvCommand : CsvWritingCommand, IDisposable
{
    private StreamWriter? writer;

    [Parameter(Position = 0, Mandatory = true)]
    [Alias("LiteralPath", "PSPath")]
    public string Path { get; set; } = string.Empty;

    [Parameter]
    [EncodingArgument]
    public Encoding Encoding { get; set; } = EncodingArgumentAttribute.Default;

    [Parameter]
    public SwitchParameter Append { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    [Alias("NoOverwrite")]
    public SwitchParameter NoClobber { get; set; }

    protected override void BeginProcessing()
    {
        string path = FilePaths.Full(this, Path);
        if (!ShouldProcess(path, "Export-Csv"))
        {
            return;
        }

        if (NoClobber && File.Exists(path) && !Append)
        {
            ThrowTerminatingError(new ErrorRecord(new IOException($"The file '{path}' already exists."), "NoClobber", ErrorCategory.ResourceExists, path));
        }

        if (Append && File.Exists(path) && new FileInfo(path).Length > 0)
        {
            using StreamReader reader = new(path);
            UseNames(Csv.Records(reader, Delimiter).First());
        }

        writer = new StreamWriter(path, Append, Encoding);
    }

    protected override void ProcessRecord()
    {
        if (writer is not null)
        {
            Process(writer.WriteLine);
        }
    }

    protected override void EndProcessing() => Dispose();

    public void Dispose() => writer?.Dispose();
}

[Cmdlet(VerbsData.ConvertFrom, "Csv")]
public sealed class ConvertFromCsvCommand : PSCmdlet
{
    private readonly StringBuilder text = new();

    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [AllowEmptyString]
    public string[] InputObject { get; set; } = [];

    [Parameter(Position = 1)]
    public char Delimiter { get; set; } = ',';

    [Parameter]
    public string[]? Header { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string line in InputObject)
        {
            text.Append(line).Append('\n');
        }
    }

    protected override void EndProcessing() => WriteObject(Csv.Objects(new StringReader(text.ToString()), Delimiter, Header), enumerateCollection: true);
}

[Cmdlet(VerbsData.Import, "Csv", DefaultParameterSetName = "Path")]
public sealed class ImportCsvCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "Path", ValueFromPipeline = true)]
    public string[]? Path { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "LiteralPath", ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(Position = 1)]
    public char Delimiter { get; set; } = ',';

    [Parameter]
    public string[]? Header { get; set; }

    [Parameter]
    [EncodingArgument]
    public Encoding Encoding { get; set; } = EncodingArgumentAttribute.Default;

    protected override void ProcessRecord()
    {
        foreach (string path in FilePaths.Resolve(this, LiteralPath ?? Path ?? [], literal: LiteralPath is not null))
        {
            using StreamReader reader = new(path, Encoding);
            WriteObject(Csv.Objects(reader, Delimiter, Header), enumerateCollection: true);
        }
    }
}
