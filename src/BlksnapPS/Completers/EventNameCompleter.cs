// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace BlksnapPS.Completers;

/// <summary>Proposes names of events, with their meaning as tooltip.</summary>
internal sealed class EventNameCompleter : IArgumentCompleter
{
    private static readonly (string Name, string Meaning)[] s_events =
    [
        ("All", "Every event of the snapshot"),
        ("LowSpace", "The difference storage runs low: answer with Add-DiffStorage"),
        ("Corrupted", "The image of a device is lost; the live device is fine"),
    ];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName,
        string parameterName,
        string wordToComplete,
        CommandAst commandAst,
        IDictionary fakeBoundParameters) =>
        CompletionText.Collect(() => s_events
            .Where(entry => CompletionText.Matches(entry.Name, wordToComplete))
            .Select(entry => CompletionText.Result(entry.Name, entry.Name, entry.Meaning)));
}
