// SPDX-License-Identifier: MIT
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Security.Cryptography;
using System.Text;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsData.Export, "Clixml", SupportsShouldProcess = true)]
public sealed class ExportClixmlCommand : PSCmdlet
{
    private readonly List<object?> items = [];

    [Parameter(Position = 0, Mandatory = true)]
    [Alias("LiteralPath", "PSPath")]
    public string Path { get; set; } = string.Empty;

    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [AllowNull]
    public PSObject? InputObject { get; set; }

    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int Depth { get; set; } = 2;

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter NoClobber { get; set; }

    protected override void ProcessRecord() => items.Add(InputObject);

    protected override void EndProcessing()
    {
        string path = FilePaths.Full(this, Path);
        if (!ShouldProcess(path, "Export-Clixml"))
        {
            return;
        }

        if (NoClobber && File.Exists(path))
        {
            ThrowTerminatingError(new ErrorRecord(new IOException($"The file '{path}' already exists."), "NoClobber", ErrorCategory.ResourceExists, path));
        }

        File.WriteAllText(path, PSSerializer.Serialize(items.Count == 1 ? items[0] : items.ToArray(), Depth));
    }
}

[Cmdlet(VerbsData.Import, "Clixml")]
public sealed class ImportClixmlCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("LiteralPath", "PSPath")]
    public string[] Path { get; set; } = [];

    protected override void ProcessRecord()
    {
        foreach (string path in FilePaths.Resolve(this, Path, literal: false))
        {
            WriteObject(PSSerializer.Deserialize(File.ReadAllText(path)), enumerateCollection: true);
        }
    }
}

[Cmdlet(VerbsData.ConvertFrom, "StringData")]
[OutputType(typeof(Hashtable))]
public sealed class ConvertFromStringDataCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [AllowEmptyString]
    public string StringData { get; set; } = string.Empty;

    [Parameter(Position = 1)]
    public char Delimiter { get; set; } = '=';

    protected override void ProcessRecord()
    {
        Hashtable table = new(StringComparer.OrdinalIgnoreCase);
        foreach (string raw in StringData.Split('\n'))
        {
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            int at = line.IndexOf(Delimiter, StringComparison.Ordinal);
            if (at < 0)
            {
                throw new PSInvalidOperationException($"Data line '{line}' is not in 'name=value' format.");
            }

            string name = line[..at].Trim();
            if (table.ContainsKey(name))
            {
                throw new PSInvalidOperationException($"Data item '{name}' in line '{line}' is already defined.");
            }

            table[name] = System.Text.RegularExpressions.Regex.Unescape(line[(at + 1)..].Trim());
        }

        WriteObject(table);
    }
}

[Cmdlet(VerbsData.Import, "PowerShellDataFile", DefaultParameterSetName = "ByPath")]
[OutputType(typeof(Hashtable))]
public sealed class ImportPowerShellDataFileCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "ByPath")]
    public string[]? Path { get; set; }

    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = "ByLiteralPath")]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string path in FilePaths.Resolve(this, LiteralPath ?? Path ?? [], literal: LiteralPath is not null))
        {
            ScriptBlockAst script = Parser.ParseFile(path, out _, out ParseError[] errors);
            if (errors.Length > 0 || script.Find(static a => a is HashtableAst, searchNestedScriptBlocks: false) is not HashtableAst table)
            {
                WriteError(new ErrorRecord(
                    new PSInvalidOperationException($"The file '{path}' could not be parsed as a PowerShell Data File."),
                    "CouldNotParseAsPowerShellDataFile", ErrorCategory.InvalidData, path));
                continue;
            }

            WriteObject(table.SafeGetValue());
        }
    }
}

[Cmdlet(VerbsCommon.Get, "FileHash", DefaultParameterSetName = "Path")]
[OutputType(typeof(FileHashInfo))]
public sealed class GetFileHashCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "Path", ValueFromPipeline = true)]
    public string[]? Path { get; set; }

    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "LiteralPath", ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "Stream")]
    public Stream? InputStream { get; set; }

    [Parameter(Position = 1)]
    [ValidateSet("SHA1", "SHA256", "SHA384", "SHA512", "MD5")]
    public string Algorithm { get; set; } = "SHA256";

    protected override void ProcessRecord()
    {
        if (InputStream is not null)
        {
            Deliver(InputStream, null);
            return;
        }

        foreach (string path in FilePaths.Resolve(this, LiteralPath ?? Path ?? [], literal: LiteralPath is not null))
        {
            if (Directory.Exists(path))
            {
                continue;
            }

            try
            {
                using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1 << 16, FileOptions.SequentialScan);
                Deliver(stream, path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                WriteError(new ErrorRecord(e, "FileReadError", ErrorCategory.ReadError, path));
            }
        }
    }

    private void Deliver(Stream stream, string? path)
    {
        string name = Algorithm.ToUpperInvariant();
        byte[] hash = CryptographicOperations.HashData(new HashAlgorithmName(name), stream);
        WriteObject(new FileHashInfo { Algorithm = name, Hash = Convert.ToHexString(hash), Path = path });
    }
}

[Cmdlet(VerbsCommon.Get, "Random", DefaultParameterSetName = "RandomNumber")]
public sealed class GetRandomCommand : PSCmdlet
{
    private readonly List<object?> items = [];

    [Parameter(ParameterSetName = "RandomNumber", Position = 0)]
    public object? Maximum { get; set; }

    [Parameter(ParameterSetName = "RandomNumber")]
    public object? Minimum { get; set; }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = "RandomListItem")]
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = "Shuffle")]
    [AllowNull]
    public object?[]? InputObject { get; set; }

    [Parameter(ParameterSetName = "RandomNumber")]
    [Parameter(ParameterSetName = "RandomListItem")]
    [ValidateRange(1, int.MaxValue)]
    public int Count { get; set; } = 1;

    [Parameter(Mandatory = true, ParameterSetName = "Shuffle")]
    public SwitchParameter Shuffle { get; set; }

    [Parameter]
    public int SetSeed { get; set; }

    protected override void ProcessRecord() => items.AddRange(InputObject ?? []);

    protected override void EndProcessing()
    {
        Random random = MyInvocation.BoundParameters.ContainsKey(nameof(SetSeed)) ? new Random(SetSeed) : Random.Shared;
        if (ParameterSetName != "RandomNumber")
        {
            object?[] pool = [.. items];
            random.Shuffle(pool);
            WriteObject(Shuffle ? pool : pool.Take(Count), enumerateCollection: true);
            return;
        }

        object? low = Minimum is PSObject min ? min.BaseObject : Minimum;
        object? high = Maximum is PSObject max ? max.BaseObject : Maximum;
        for (int i = 0; i < Count; i++)
        {
            WriteObject(Number(random, low, high));
        }
    }

    private static object Number(Random random, object? low, object? high)
    {
        if (low is double or float or decimal || high is double or float or decimal)
        {
            double from = low is null ? 0 : LanguagePrimitives.ConvertTo<double>(low);
            double to = high is null ? double.MaxValue : LanguagePrimitives.ConvertTo<double>(high);
            RequireOrder(from < to, from, to);
            return from + (random.NextDouble() * (to - from));
        }

        long first = low is null ? 0 : LanguagePrimitives.ConvertTo<long>(low);
        bool wide = low is long || high is long;
        long end = high is null ? (wide ? long.MaxValue : int.MaxValue) : LanguagePrimitives.ConvertTo<long>(high);
        RequireOrder(first < end, first, end);
        long value = random.NextInt64(first, end);
        return wide || value is < int.MinValue or > int.MaxValue ? value : (int)value;
    }

    private static void RequireOrder(bool ordered, object low, object high)
    {
        if (!ordered)
        {
            throw new PSArgumentException(string.Create(CultureInfo.InvariantCulture, $"The Minimum value ({low}) cannot be greater than or equal to the Maximum value ({high})."));
        }
    }
}

[Cmdlet(VerbsCommon.New, "Guid", DefaultParameterSetName = "Default")]
[OutputType(typeof(Guid))]
public sealed class NewGuidCommand : PSCmdlet
{
    [Parameter(ParameterSetName = "Empty")]
    public SwitchParameter Empty { get; set; }

    [Parameter(Position = 0, ValueFromPipeline = true, ParameterSetName = "InputObject")]
    public string? InputObject { get; set; }

    protected override void ProcessRecord()
    {
        if (InputObject is null)
        {
            // Version 7 is ordered by time, as pwsh has it since 7.5.
            WriteObject(Empty ? Guid.Empty : Guid.CreateVersion7());
        }
        else if (Guid.TryParse(InputObject, out Guid parsed))
        {
            WriteObject(parsed);
        }
        else
        {
            WriteError(new ErrorRecord(new FormatException($"'{InputObject}' is not a GUID."), "StringNotRecognizedAsGuid", ErrorCategory.InvalidArgument, null));
        }
    }
}

[Cmdlet(VerbsCommon.New, "TemporaryFile", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class NewTemporaryFileCommand : PSCmdlet
{
    protected override void EndProcessing()
    {
        if (ShouldProcess(Path.GetTempPath()))
        {
            WriteObject(new FileInfo(Path.GetTempFileName()));
        }
    }
}

[Cmdlet(VerbsCommon.Join, "String")]
[OutputType(typeof(string))]
public sealed class JoinStringCommand : PSCmdlet
{
    private readonly List<string> parts = [];

    [Parameter(Position = 0)]
    public PSPropertyExpression? Property { get; set; }

    [Parameter(Position = 1)]
    [AllowEmptyString]
    public string? Separator { get; set; }

    [Parameter]
    [Alias("op")]
    public string OutputPrefix { get; set; } = string.Empty;

    [Parameter]
    [Alias("os")]
    public string OutputSuffix { get; set; } = string.Empty;

    [Parameter]
    public SwitchParameter SingleQuote { get; set; }

    [Parameter]
    public SwitchParameter DoubleQuote { get; set; }

    [Parameter]
    public string? FormatString { get; set; }

    [Parameter(ValueFromPipeline = true)]
    public PSObject[]? InputObject { get; set; }

    protected override void ProcessRecord()
    {
        foreach (PSObject item in InputObject ?? [])
        {
            object? value = Property is null ? item : Property.GetValues(item) is [var first, ..] ? first.Result : null;
            string text = LanguagePrimitives.ConvertTo<string>(value);
            text = FormatString is not null ? string.Format(CultureInfo.CurrentCulture, FormatString, value is PSObject wrapped ? wrapped.BaseObject : value)
                : SingleQuote ? $"'{text}'" : DoubleQuote ? $"\"{text}\"" : text;
            parts.Add(text);
        }
    }

    protected override void EndProcessing()
    {
        string separator = Separator ?? LanguagePrimitives.ConvertTo<string>(SessionState.PSVariable.GetValue("OFS", string.Empty));
        WriteObject(new StringBuilder(OutputPrefix).AppendJoin(separator, parts).Append(OutputSuffix).ToString());
    }
}
