// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Provider;
using System.Text;

namespace Microsoft.PowerShell.Commands;

/// <summary>Set-Content and Add-Content: one writer per path, open while the pipeline delivers.</summary>
public abstract class WriteContentCommand(bool append) : PSCmdlet, IDisposable
{
    private readonly List<IDisposable> open = [];
    private readonly List<Action<object?>> writers = [];
    private bool opened;

    [Parameter(Position = 0, ParameterSetName = "Path", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string[] Path { get; set; } = [];

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(Position = 1, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyCollection]
    public object?[]? Value { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter NoNewline { get; set; }

    [Parameter]
    public SwitchParameter AsByteStream { get; set; }

    [Parameter]
    [EncodingArgument]
    [ArgumentCompleter(typeof(EncodingCompleter))]
    public Encoding Encoding { get; set; } = EncodingArgumentAttribute.Default;

    protected override void ProcessRecord()
    {
        if (!opened)
        {
            opened = true;
            foreach (string path in LiteralPath ?? Path)
            {
                Open(path);
            }
        }

        foreach (object? item in Value ?? [null])
        {
            object? value = item is PSObject wrapped ? wrapped.BaseObject : item;
            foreach (Action<object?> writer in writers)
            {
                writer(item is PSObject { BaseObject: PSCustomObject } ? item : value);
            }

            if (PassThru)
            {
                WriteObject(item);
            }
        }
    }

    private void Open(string path)
    {
        try
        {
            string full = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
            if (!ShouldProcess(full, append ? "Add Content" : "Set Content"))
            {
                return;
            }

            if (provider.Name != "FileSystem")
            {
                OpenProvider(path);
                return;
            }

            string[] targets = LiteralPath is null && WildcardPattern.ContainsWildcardCharacters(path)
                ? [.. FilePaths.Resolve(this, [path], literal: false)]
                : [full];
            foreach (string target in targets)
            {
                OpenFile(target);
            }
        }
        catch (Exception e) when (Errors.IsItemError(e))
        {
            WriteError(Errors.From(e, path));
        }
    }

    private void OpenFile(string path)
    {
        if (Force && File.Exists(path))
        {
            new FileInfo(path).IsReadOnly = false;
        }

        FileStream stream = new(path, append ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        if (AsByteStream)
        {
            open.Add(stream);
            writers.Add(value =>
            {
                foreach (byte b in LanguagePrimitives.ConvertTo<byte[]>(value))
                {
                    stream.WriteByte(b);
                }
            });
            return;
        }

        StreamWriter writer = new(stream, Encoding);
        open.Add(writer);
        writers.Add(value => WriteText(writer, value));
    }

    private void WriteText(StreamWriter writer, object? value)
    {
        if (value is IEnumerable and not string)
        {
            foreach (object? item in LanguagePrimitives.GetEnumerable(value) ?? Array.Empty<object>())
            {
                WriteText(writer, item);
            }

            return;
        }

        writer.Write(value is null ? string.Empty : LanguagePrimitives.ConvertTo<string>(value));
        if (!NoNewline)
        {
            writer.Write('\n');
        }
    }

    private void OpenProvider(string path)
    {
        if (!append && InvokeProvider.Item.Exists(path, force: true, literalPath: LiteralPath is not null))
        {
            InvokeProvider.Content.Clear([path], Force, literalPath: LiteralPath is not null);
        }

        foreach (IContentWriter writer in InvokeProvider.Content.GetWriter([path], Force, literalPath: LiteralPath is not null))
        {
            List<object?> values = [];
            open.Add(new Deferred(() =>
            {
                writer.Write(values);
                writer.Close();
                writer.Dispose();
            }));
            writers.Add(values.Add);
        }
    }

    // A variable takes all its values in one call.
    private sealed class Deferred(Action action) : IDisposable
    {
        public void Dispose() => action();
    }

    protected override void EndProcessing() => Dispose();

    public void Dispose()
    {
        foreach (IDisposable item in open)
        {
            item.Dispose();
        }

        open.Clear();
        GC.SuppressFinalize(this);
    }
}

[Cmdlet(VerbsCommon.Set, "Content", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class SetContentCommand() : WriteContentCommand(append: false);

[Cmdlet(VerbsCommon.Add, "Content", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class AddContentCommand() : WriteContentCommand(append: true);

[Cmdlet(VerbsCommon.Clear, "Content", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class ClearContentCommand : ItemPaths
{
    protected override void ProcessRecord()
    {
        foreach (string target in Targets().ToArray())
        {
            if (ShouldProcess(Shown(target), "Clear Content"))
            {
                Attempt(target, () => InvokeProvider.Content.Clear([target], Force, literalPath: true));
            }
        }
    }
}
