// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Blksnap.Devices;

namespace BlksnapPS.Completers;

/// <summary>Proposes paths of block devices, with their size and use as tooltip.</summary>
internal sealed class DevicePathCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName,
        string parameterName,
        string wordToComplete,
        CommandAst commandAst,
        IDictionary fakeBoundParameters) =>
        CompletionText.Collect(() => Propose(wordToComplete, _ => true));

    /// <summary>Proposals for the devices that begin with a word, by path or by kernel name.</summary>
    public static IEnumerable<CompletionResult> Propose(string wordToComplete, Func<BlockDevice, bool> filter) =>
        from device in BlockDevices.All()
        where device.Size > 0 && filter(device)
        where CompletionText.Matches(device.Path, wordToComplete) || CompletionText.Matches(device.Name, wordToComplete)
        orderby device.Path
        select CompletionText.Result(device.Path, device.Path, Describe(device));

    private static string Describe(BlockDevice device)
    {
        List<string> parts = [DisplayText.Size(device.Size)];
        if (device.Model is not null)
        {
            parts.Add(device.Model);
        }

        if (device.IsSnapshotImage)
        {
            parts.Add("snapshot image");
        }
        else if (device.IsPartition)
        {
            parts.Add("partition");
        }
        else if (device.Partitions.Count > 0)
        {
            parts.Add(device.Partitions.Count == 1 ? "1 partition" : $"{device.Partitions.Count} partitions");
        }

        if (device.MountPoints.Count > 0)
        {
            parts.Add("mounted on " + DisplayText.List(device.MountPoints));
        }
        else if (device.IsSwap)
        {
            parts.Add("swap");
        }

        return string.Join(", ", parts);
    }
}
