// SPDX-License-Identifier: MIT
using System.Collections;
using System.ComponentModel;
using System.Diagnostics;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

/// <summary>Processes by -Name, -Id or -InputObject.</summary>
public abstract class ProcessSelection : PSCmdlet
{
    [Parameter(Mandatory = true, ParameterSetName = "Id", ValueFromPipelineByPropertyName = true)]
    [Alias("PID")]
    public int[]? Id { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "InputObject", ValueFromPipeline = true)]
    public Process[]? InputObject { get; set; }

    internal List<Process> Find(string[]? names)
    {
        List<Process> found = [.. InputObject ?? []];
        foreach (int id in Id ?? [])
        {
            try
            {
                found.Add(Process.GetProcessById(id));
            }
            catch (ArgumentException)
            {
                Missing($"Cannot find a process with the process identifier {id}.", "NoProcessFoundForGivenId", id);
            }
        }

        if (names is not null)
        {
            Process[] all = Process.GetProcesses();
            foreach (string name in names)
            {
                WildcardPattern pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
                Process[] matches = [.. all.Where(p => pattern.IsMatch(p.ProcessName)).OrderBy(static p => p.ProcessName, StringComparer.OrdinalIgnoreCase).ThenBy(static p => p.Id)];
                found.AddRange(matches);
                if (matches.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
                {
                    Missing($"Cannot find a process with the name \"{name}\". Verify the process name and call the cmdlet again.", "NoProcessFoundForGivenName", name);
                }
            }
        }

        return found;
    }

    private void Missing(string message, string id, object target) =>
        WriteError(new ErrorRecord(new ProcessCommandException(message), id, ErrorCategory.ObjectNotFound, target));
}

[Cmdlet(VerbsCommon.Get, "Process", DefaultParameterSetName = "Name")]
[OutputType(typeof(Process))]
public sealed class GetProcessCommand : ProcessSelection
{
    [Parameter(Position = 0, ParameterSetName = "Name", ValueFromPipelineByPropertyName = true)]
    [Alias("ProcessName")]
    public string[]? Name { get; set; }

    protected override void ProcessRecord() =>
        WriteObject(Find(ParameterSetName == "Name" ? Name ?? ["*"] : null), enumerateCollection: true);
}

[Cmdlet(VerbsLifecycle.Stop, "Process", DefaultParameterSetName = "Id", SupportsShouldProcess = true)]
public sealed class StopProcessCommand : ProcessSelection
{
    [Parameter(Mandatory = true, ParameterSetName = "Name", ValueFromPipelineByPropertyName = true)]
    [Alias("ProcessName")]
    public string[]? Name { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        foreach (Process process in Find(Name))
        {
            if (!ShouldProcess($"{process.ProcessName} ({process.Id})"))
            {
                continue;
            }

            try
            {
                process.Kill();
            }
            catch (Exception e) when (e is Win32Exception or InvalidOperationException)
            {
                if (!process.HasExited)
                {
                    WriteError(new ErrorRecord(e, "CouldNotStopProcess", ErrorCategory.CloseError, process));
                    continue;
                }
            }

            if (PassThru)
            {
                WriteObject(process);
            }
        }
    }
}

[Cmdlet(VerbsLifecycle.Wait, "Process", DefaultParameterSetName = "Name")]
public sealed class WaitProcessCommand : ProcessSelection
{
    private readonly List<Process> waiting = [];
    private volatile bool stopping;

    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "Name", ValueFromPipelineByPropertyName = true)]
    [Alias("ProcessName")]
    public string[]? Name { get; set; }

    [Parameter(Position = 1)]
    [Alias("TimeoutSec")]
    [ValidateRange(0, 32767)]
    public int Timeout { get; set; }

    protected override void ProcessRecord() => waiting.AddRange(Find(Name));

    protected override void EndProcessing()
    {
        long start = Stopwatch.GetTimestamp();
        foreach (Process process in waiting)
        {
            while (!stopping && !process.WaitForExit(200))
            {
                if (MyInvocation.BoundParameters.ContainsKey(nameof(Timeout)) && Stopwatch.GetElapsedTime(start).TotalSeconds >= Timeout)
                {
                    WriteError(new ErrorRecord(
                        new TimeoutException($"Process \"{process.ProcessName} ({process.Id})\" did not end in the specified time."),
                        "ProcessNotTerminated", ErrorCategory.CloseError, process));
                    break;
                }
            }
        }
    }

    protected override void StopProcessing() => stopping = true;
}

[Cmdlet(VerbsLifecycle.Start, "Process", SupportsShouldProcess = true)]
[OutputType(typeof(Process))]
public sealed class StartProcessCommand : PSCmdlet
{
    private volatile bool stopping;

    [Parameter(Position = 0, Mandatory = true)]
    [Alias("PSPath", "Path")]
    public string FilePath { get; set; } = string.Empty;

    [Parameter(Position = 1)]
    [Alias("Args")]
    public string[] ArgumentList { get; set; } = [];

    [Parameter]
    public string? WorkingDirectory { get; set; }

    [Parameter]
    [Alias("nnw")]
    public SwitchParameter NoNewWindow { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    [Parameter]
    [Alias("RSE")]
    public string? RedirectStandardError { get; set; }

    [Parameter]
    [Alias("RSI")]
    public string? RedirectStandardInput { get; set; }

    [Parameter]
    [Alias("RSO")]
    public string? RedirectStandardOutput { get; set; }

    [Parameter]
    public SwitchParameter Wait { get; set; }

    [Parameter]
    public Hashtable? Environment { get; set; }

    protected override void BeginProcessing()
    {
        CommandInfo? command = InvokeCommand.GetCommand(FilePath, CommandTypes.Application | CommandTypes.ExternalScript);
        ProcessStartInfo info = new(command?.Source ?? FilePath)
        {
            // One text, as in pwsh: quotes in it are the caller's.
            Arguments = string.Join(' ', ArgumentList),
            WorkingDirectory = WorkingDirectory is null ? SessionState.Path.CurrentFileSystemLocation.ProviderPath : FilePaths.Full(this, WorkingDirectory),
            UseShellExecute = false,
            RedirectStandardOutput = RedirectStandardOutput is not null,
            RedirectStandardError = RedirectStandardError is not null,
            RedirectStandardInput = RedirectStandardInput is not null,
        };
        foreach (DictionaryEntry entry in Environment ?? [])
        {
            info.Environment[(string)entry.Key] = entry.Value?.ToString();
        }

        if (!ShouldProcess(info.FileName))
        {
            return;
        }

        Process process;
        try
        {
            process = Process.Start(info)!;
        }
        catch (Win32Exception e)
        {
            ThrowTerminatingError(new ErrorRecord(
                new InvalidOperationException($"This command cannot be run due to the error: {e.Message}", e), "InvalidOperationException", ErrorCategory.InvalidOperation, null));
            return;
        }

        List<Task> copies = [];
        if (RedirectStandardOutput is not null)
        {
            copies.Add(Copy(process.StandardOutput.BaseStream, RedirectStandardOutput));
        }

        if (RedirectStandardError is not null)
        {
            copies.Add(Copy(process.StandardError.BaseStream, RedirectStandardError));
        }

        if (RedirectStandardInput is not null)
        {
            using FileStream source = File.OpenRead(FilePaths.Full(this, RedirectStandardInput));
            source.CopyTo(process.StandardInput.BaseStream);
            process.StandardInput.Close();
        }

        if (PassThru)
        {
            // Without this the exit code of a process that has ended cannot be read.
            _ = process.SafeHandle;
            WriteObject(process);
        }

        while (Wait && !stopping && !process.WaitForExit(200))
        {
        }

        if (Wait && !stopping)
        {
            Task.WaitAll([.. copies]);
        }
    }

    private async Task Copy(Stream source, string path)
    {
        string full = FilePaths.Full(this, path);
        await using FileStream target = new(full, FileMode.Create, FileAccess.Write, FileShare.Read);
        await source.CopyToAsync(target).ConfigureAwait(false);
    }

    protected override void StopProcessing() => stopping = true;
}
