// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text;
using Microsoft.PowerShell.Commands.Internal.Format;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsData.Out, "String", DefaultParameterSetName = "NoNewLineFormatting")]
[OutputType(typeof(string))]
public sealed class OutStringCommand : FrontEndCommandBase
{
    private readonly StringWriter writer = new();

    [Parameter(ParameterSetName = "StreamFormatting")]
    public SwitchParameter Stream { get; set; }

    [Parameter]
    [ValidateRange(2, int.MaxValue)]
    public int Width { get; set; }

    [Parameter(ParameterSetName = "NoNewLineFormatting")]
    public SwitchParameter NoNewline { get; set; }

    protected override void BeginProcessing()
    {
        Formatter.Attach(this, writer, Formatter.Columns(this, Width), NoNewline);
        base.BeginProcessing();
    }

    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        if (Stream)
        {
            DeliverLines();
        }
    }

    protected override void EndProcessing()
    {
        base.EndProcessing();
        if (Stream)
        {
            DeliverLines();
        }
        else
        {
            WriteObject(writer.ToString());
        }
    }

    private void DeliverLines()
    {
        StringBuilder text = writer.GetStringBuilder();
        if (text.Length == 0)
        {
            return;
        }

        string[] lines = text.ToString().Split(writer.NewLine);
        text.Clear();
        foreach (string line in lines[^1].Length == 0 ? lines[..^1] : lines)
        {
            WriteObject(line);
        }
    }
}

[Cmdlet(VerbsData.Out, "File", SupportsShouldProcess = true, DefaultParameterSetName = "ByPath")]
public sealed class OutFileCommand : FrontEndCommandBase
{
    private StreamWriter? writer;

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "ByPath")]
    [Alias("Path")]
    public string? FilePath { get; set; }

    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = "ByLiteralPath")]
    [Alias("PSPath", "LP")]
    public string? LiteralPath { get; set; }

    [Parameter(Position = 1)]
    [EncodingArgument]
    [ArgumentCompleter(typeof(EncodingCompleter))]
    public Encoding Encoding { get; set; } = EncodingArgumentAttribute.Default;

    [Parameter]
    public SwitchParameter Append { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    [Alias("NoOverwrite")]
    public SwitchParameter NoClobber { get; set; }

    [Parameter]
    [ValidateRange(2, int.MaxValue)]
    public int Width { get; set; }

    [Parameter]
    public SwitchParameter NoNewline { get; set; }

    protected override void BeginProcessing()
    {
        string path = FilePaths.Full(this, LiteralPath ?? FilePath!);
        if (!ShouldProcess(path, "Output to File"))
        {
            return;
        }

        if (NoClobber && !Append && File.Exists(path))
        {
            ThrowTerminatingError(new ErrorRecord(
                new IOException($"The file '{path}' already exists."), "NoClobber", ErrorCategory.ResourceExists, path));
        }

        if (Force && File.Exists(path))
        {
            new FileInfo(path).IsReadOnly = false;
        }

        try
        {
            writer = new StreamWriter(new FileStream(path, Append ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.ReadWrite), Encoding);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ThrowTerminatingError(new ErrorRecord(e, "FileOpenFailure", ErrorCategory.OpenError, path));
        }

        // A redirected program's lines have no width; neither has a string, which the writer does not cut.
        Formatter.Attach(this, writer!, Formatter.Columns(this, Width), NoNewline);
        base.BeginProcessing();
    }

    protected override void ProcessRecord()
    {
        if (writer is not null)
        {
            base.ProcessRecord();
            writer.Flush();
        }
    }

    protected override void EndProcessing()
    {
        if (writer is not null)
        {
            base.EndProcessing();
            writer.Dispose();
        }
    }

    protected override void InternalDispose()
    {
        base.InternalDispose();
        writer?.Dispose();
    }
}

[Cmdlet("Tee", "Object", DefaultParameterSetName = "File")]
public sealed class TeeObjectCommand : PSCmdlet, IDisposable
{
    private readonly List<object?> values = [];
    private SteppablePipeline? file;

    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "File")]
    [Alias("Path")]
    public string? FilePath { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "LiteralFile")]
    [Alias("PSPath", "LP")]
    public string? LiteralPath { get; set; }

    [Parameter(ParameterSetName = "File")]
    [Parameter(ParameterSetName = "Variable")]
    public SwitchParameter Append { get; set; }

    [Parameter(ParameterSetName = "File")]
    [Parameter(ParameterSetName = "LiteralFile")]
    [EncodingArgument]
    public Encoding Encoding { get; set; } = EncodingArgumentAttribute.Default;

    [Parameter(Mandatory = true, ParameterSetName = "Variable")]
    public string? Variable { get; set; }

    protected override void BeginProcessing()
    {
        if (Variable is not null)
        {
            return;
        }

        ScriptBlock write = ScriptBlock.Create("param($path, $append, $encoding) Out-File -LiteralPath $path -Append:$append -Encoding $encoding");
        file = write.GetSteppablePipeline(MyInvocation.CommandOrigin, [LiteralPath ?? FilePath!, Append.IsPresent, Encoding]);
        file.Begin(expectInput: true);
    }

    protected override void ProcessRecord()
    {
        file?.Process(InputObject);
        if (file is null)
        {
            values.Add(InputObject);
        }

        WriteObject(InputObject);
    }

    protected override void EndProcessing()
    {
        file?.End();
        if (Variable is null)
        {
            return;
        }

        if (Append && SessionState.PSVariable.GetValue(Variable) is { } before)
        {
            values.InsertRange(0, LanguagePrimitives.GetEnumerable(before)?.Cast<object?>() ?? [before]);
        }

        SessionState.PSVariable.Set(Variable, values.Count == 1 ? values[0] : values.ToArray());
    }

    public void Dispose() => file?.Dispose();
}
