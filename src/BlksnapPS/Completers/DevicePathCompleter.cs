// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;

namespace BlksnapPS.Completers;

/// <summary>Proposes paths of block devices, with size, file system, use, and whether they are tracked as tooltip.</summary>
internal sealed class DevicePathCompleter : IArgumentCompleter
{
    // For what has to be read from the devices themselves: nobody waits longer for a tooltip.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName,
        string parameterName,
        string wordToComplete,
        CommandAst commandAst,
        IDictionary fakeBoundParameters) =>
        CompletionText.Collect(() => Propose(
            wordToComplete,
            device => !device.IsSnapshotImage || !commandName.EndsWith("New-BlkSnapshot", StringComparison.OrdinalIgnoreCase)));

    /// <summary>Proposals for the devices that begin with a word, by path or by kernel name.</summary>
    public static IEnumerable<CompletionResult> Propose(string wordToComplete, Func<BlockDevice, bool> filter)
    {
        BlockDevice[] devices =
        [
            .. from device in BlockDevices.All()
               where device.Size > 0 && filter(device)
               where CompletionText.Matches(device.Path, wordToComplete) || CompletionText.Matches(device.Name, wordToComplete)
               orderby device.Path
               select device,
        ];
        Dictionary<DeviceId, string> contents = ReadContents(devices);
        (HashSet<DeviceId> tracked, Dictionary<DeviceId, SnapshotImage> images) = AskDriver(devices);
        return devices.Select(device => CompletionText.Result(
            device.Path,
            device.Path,
            Describe(device, contents.GetValueOrDefault(device.Id), tracked.Contains(device.Id), images.GetValueOrDefault(device.Id))));
    }

    private static string Describe(BlockDevice device, string? content, bool isTracked, SnapshotImage? image)
    {
        List<string> parts = [DisplayText.Size(device.Size)];
        if (image is not null)
        {
            parts.Add("image of " + image.DevicePath);
        }
        else if (device.IsSnapshotImage)
        {
            parts.Add("snapshot image");
        }

        if (content is not null)
        {
            parts.Add(content);
        }

        if (device.MountPoints.Count > 0)
        {
            parts.Add("mounted on " + DisplayText.List(device.MountPoints));
        }
        else if (device.IsSwap)
        {
            parts.Add("in use as swap");
        }

        if (device.Holders.Count > 0)
        {
            parts.Add("part of " + DisplayText.List(device.Holders));
        }

        if (isTracked)
        {
            parts.Add("tracked");
        }

        if (device.IsPartition)
        {
            parts.Add("partition");
        }
        else if (device.Partitions.Count > 0)
        {
            parts.Add(device.Partitions.Count == 1 ? "1 partition" : $"{device.Partitions.Count} partitions");
        }

        if (device.Model is not null)
        {
            parts.Add(device.Model);
        }

        return string.Join(", ", parts);
    }

    /// <summary>What is on the devices, as far as it is known without waiting.</summary>
    private static Dictionary<DeviceId, string> ReadContents(BlockDevice[] devices)
    {
        Dictionary<DeviceId, string> contents = [];
        List<(DeviceId Id, Task<string?> Content)> reading = [];
        foreach (BlockDevice device in devices)
        {
            if (device.FileSystem is { } known)
            {
                contents[device.Id] = known;
            }
            else if (!device.IsSnapshotImage)
            {
                reading.Add((device.Id, Task.Run(() => BlockDevices.ProbeContent(device))));
            }
        }

        _ = Task.WaitAll([.. reading.Select(entry => entry.Content)], s_patience);
        foreach ((DeviceId id, Task<string?> content) in reading)
        {
            if (content.IsCompletedSuccessfully && content.Result is { } found)
            {
                contents[id] = found;
            }
        }

        return contents;
    }

    /// <summary>What the driver knows of the devices; nothing where there is none.</summary>
    private static (HashSet<DeviceId> Tracked, Dictionary<DeviceId, SnapshotImage> Images) AskDriver(BlockDevice[] devices)
    {
        try
        {
            using BlksnapDriver driver = BlksnapDriver.Open();
            return (
                [.. driver.GetTrackers().Select(tracker => tracker.Device)],
                devices.Any(device => device.IsSnapshotImage)
                    ? new SnapshotManager(driver).GetAll().SelectMany(snapshot => snapshot.Images).DistinctBy(image => image.ImageDevice).ToDictionary(image => image.ImageDevice)
                    : []);
        }
        catch (BlksnapException)
        {
            return ([], []);
        }
    }
}
