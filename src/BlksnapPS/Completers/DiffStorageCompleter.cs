// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace BlksnapPS.Completers;

/// <summary>Proposes places for difference storage: devices that nobody has mounted, then files and directories.</summary>
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
            .Concat(CompletionCompleters.CompleteFilename(wordToComplete))
            .DistinctBy(result => result.CompletionText));
}
