// SPDX-License-Identifier: MIT
using System.Collections;
using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Provider;
using System.Text;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Get, "Content", DefaultParameterSetName = "Path")]
public sealed class GetContentCommand : PSCmdlet
{
    private PSNoteProperty[] origin = [];
    private long read;

    [Parameter(Position = 0, ParameterSetName = "Path", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string[] Path { get; set; } = [];

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    public long ReadCount { get; set; } = 1;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("First", "Head")]
    [ValidateRange(0, long.MaxValue)]
    public long TotalCount { get; set; } = -1;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Last")]
    [ValidateRange(0, int.MaxValue)]
    public int Tail { get; set; } = -1;

    [Parameter]
    public SwitchParameter Raw { get; set; }

    [Parameter]
    public SwitchParameter AsByteStream { get; set; }

    [Parameter]
    public string? Delimiter { get; set; }

    [Parameter]
    [EncodingArgument]
    [ArgumentCompleter(typeof(EncodingCompleter))]
    public Encoding Encoding { get; set; } = EncodingArgumentAttribute.Default;

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        if (Tail >= 0 && TotalCount >= 0)
        {
            ThrowTerminatingError(new ErrorRecord(
                new PSInvalidOperationException("The parameters TotalCount and Tail cannot be used together. Please specify only one."),
                "TailAndHeadCannotCoexist", ErrorCategory.InvalidOperation, null));
        }

        foreach (string path in LiteralPath ?? Path)
        {
            try
            {
                SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
                if (provider.Name != "FileSystem")
                {
                    Deliver(ProviderItems(path));
                    continue;
                }
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, path));
                continue;
            }

            foreach (string file in FilePaths.Resolve(this, [path], literal: LiteralPath is not null))
            {
                origin = OriginOf(file);
                read = 0;
                ReadFile(file);
                origin = [];
            }
        }
    }

    private void ReadFile(string file)
    {
        try
        {
            if (Directory.Exists(file))
            {
                throw new UnauthorizedAccessException($"Unable to get content because it is a directory: '{file}'. Please use 'Get-ChildItem' instead.");
            }

            if (AsByteStream)
            {
                byte[] bytes = File.ReadAllBytes(file);
                if (Raw)
                {
                    WriteItem(bytes, 1);
                }
                else
                {
                    Deliver(bytes.Cast<object>());
                }
            }
            else if (Raw)
            {
                string text = File.ReadAllText(file, Encoding);
                WriteItem(text, 1);
            }
            else
            {
                Deliver(Delimiter is null ? File.ReadLines(file, Encoding) : Parts(File.ReadAllText(file, Encoding), Delimiter));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            WriteError(new ErrorRecord(e, e is UnauthorizedAccessException ? "GetContentReaderUnauthorizedAccessError" : "GetContentReaderIOError",
                e is UnauthorizedAccessException ? ErrorCategory.PermissionDenied : ErrorCategory.ReadError, file));
        }
    }

    // What is read from a file says where it is from; other commands bind that by property name.
    private PSNoteProperty[] OriginOf(string file)
    {
        SessionState.Path.GetUnresolvedProviderPathFromPSPath(file, out ProviderInfo provider, out PSDriveInfo drive);
        return
        [
            new("PSPath", $"{provider}::{file}"),
            new("PSParentPath", $"{provider}::{System.IO.Path.GetDirectoryName(file)}"),
            new("PSChildName", System.IO.Path.GetFileName(file)),
            new("PSDrive", drive),
            new("PSProvider", provider),
        ];
    }

    private void WriteItem(object item, int count)
    {
        if (origin.Length == 0)
        {
            WriteObject(item, enumerateCollection: false);
            return;
        }

        // Of one's own: what is the same object elsewhere, as an empty string may be, must not be from here.
        read += count;
        PSObject wrapped = new(item);
        foreach (PSNoteProperty note in origin)
        {
            wrapped.Properties.Add(note, preValidated: true);
        }

        wrapped.Properties.Add(new PSNoteProperty("ReadCount", read), preValidated: true);
        WriteObject(wrapped, enumerateCollection: false);
    }

    private static IEnumerable<string> Parts(string text, string delimiter)
    {
        string[] parts = text.Split(delimiter);
        return parts[^1].Length == 0 ? parts[..^1] : parts;
    }

    private IEnumerable<object> ProviderItems(string path)
    {
        foreach (IContentReader reader in InvokeProvider.Content.GetReader([path], Force, literalPath: LiteralPath is not null))
        {
            using (reader)
            {
                while (reader.Read(1) is { Count: > 0 } items)
                {
                    foreach (object item in items)
                    {
                        yield return item;
                    }
                }

                reader.Close();
            }
        }
    }

    private void Deliver(IEnumerable<object> items)
    {
        if (Tail >= 0)
        {
            Queue<object> last = new();
            foreach (object item in items)
            {
                last.Enqueue(item);
                if (last.Count > Tail)
                {
                    last.Dequeue();
                }
            }

            items = last;
        }
        else if (TotalCount >= 0)
        {
            items = items.Take((int)Math.Min(TotalCount, int.MaxValue));
        }

        if (ReadCount == 1)
        {
            foreach (object item in items)
            {
                WriteItem(item, 1);
            }

            return;
        }

        int size = ReadCount <= 0 ? int.MaxValue : (int)Math.Min(ReadCount, int.MaxValue);
        List<object> block = [];
        foreach (object item in items)
        {
            block.Add(item);
            if (block.Count == size)
            {
                WriteItem(block.ToArray(), block.Count);
                block.Clear();
            }
        }

        if (block.Count > 0)
        {
            WriteItem(block.ToArray(), block.Count);
        }
    }
}
