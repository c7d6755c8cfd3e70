// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace BlksnapPS.Completers;

/// <summary>Proposes places for difference storage: devices that nobody has mounted, and files and directories by their full path.</summary>
internal sealed class DiffStorageCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName,
        string parameterName,
        string wordToComplete,
        CommandAst commandAst,
        IDictionary fakeBoundParameters) =>
        CompletionText.Collect(() => DevicePathCompleter
            .Propose(wordToComplete, device => device.MountPoints.Count == 0 && !device.IsSwap && !device.IsReadOnly)
            .Concat(CompletionText.Collect(() => ProposeFiles(wordToComplete.Trim('\'', '"'))))
            .DistinctBy(result => result.CompletionText));

    private static IEnumerable<CompletionResult> ProposeFiles(string typed)
    {
        int end = typed.LastIndexOf('/') + 1;
        if (end == 0)
        {
            // The name of a device, as far as anybody can tell.
            return [];
        }

        string folder = Locate(typed[..end]);
        return !folder.StartsWith('/')
            ? []
            : from entry in new DirectoryInfo(folder).EnumerateFileSystemInfos(typed[end..] + "*")
              where !entry.FullName.StartsWith("/dev/", StringComparison.Ordinal)
              let path = typed[..end] + entry.Name + (entry is DirectoryInfo ? "/" : string.Empty)
              orderby path
              select CompletionText.Result(path, entry.Name, entry is FileInfo file ? "file, " + DisplayText.Size(file.Length) : Describe(entry.FullName));
    }

    // Where the session is, not where the process is.
    private static string Locate(string folder) =>
        folder.StartsWith('/') || ScriptBlock.Create("$ExecutionContext").InvokeReturnAsIs() is not PSObject { BaseObject: EngineIntrinsics engine }
            ? folder
            : engine.SessionState.Path.GetUnresolvedProviderPathFromPSPath(folder);

    private static string Describe(string folder)
    {
        try
        {
            DriveInfo drive = new(folder);
            return $"directory, {DisplayText.Size(drive.AvailableFreeSpace)} free on {drive.DriveFormat}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return "directory";
        }
    }
}
