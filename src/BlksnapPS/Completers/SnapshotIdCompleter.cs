// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Blksnap;
using Blksnap.Snapshots;

namespace BlksnapPS.Completers;

/// <summary>Proposes ids of snapshots, with their devices, state, age and use of storage as tooltip.</summary>
internal sealed class SnapshotIdCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName,
        string parameterName,
        string wordToComplete,
        CommandAst commandAst,
        IDictionary fakeBoundParameters) =>
        CompletionText.Collect(() => Propose(wordToComplete));

    private static IEnumerable<CompletionResult> Propose(string wordToComplete)
    {
        using BlksnapDriver driver = BlksnapDriver.Open();
        return
        [
            .. from snapshot in new SnapshotManager(driver).GetAll()
               where CompletionText.Matches(snapshot.Id.ToString(), wordToComplete)
               select CompletionText.Result(snapshot.Id.ToString(), snapshot.Id.ToString(), Describe(snapshot)),
        ];
    }

    private static string Describe(Snapshot snapshot)
    {
        List<string> parts = [DisplayText.List(snapshot.DevicePath), snapshot.State.ToString()];
        if (DisplayText.Age(snapshot.TakeTime) is { Length: > 0 } age)
        {
            parts.Add(age + " old");
        }

        if (DisplayText.Share(snapshot.StorageUsed, snapshot.StorageCapacity) is { Length: > 0 } share)
        {
            parts.Add($"{DisplayText.Size(snapshot.StorageUsed)} of {DisplayText.Size(snapshot.StorageCapacity)} storage used ({share})");
        }

        return string.Join(", ", parts);
    }
}
