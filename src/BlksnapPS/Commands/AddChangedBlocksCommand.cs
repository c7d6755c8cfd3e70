// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Abi;
using Blksnap.Tracking;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>Add-ChangedBlocks: marks ranges of a tracked device as changed, so that the next increment contains them.</summary>
[Cmdlet(VerbsCommon.Add, "ChangedBlocks", SupportsShouldProcess = true)]
public sealed class AddChangedBlocksCommand : BlksnapCommand
{
    // Ranges come one a record and by the thousand; the driver takes them as lists.
    private readonly Dictionary<DeviceId, (string Path, List<ByteRange> Ranges)> _ranges = [];

    /// <summary>The device, or its image.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "PSPath", "FullName", "Device", "Name")]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] DevicePath { get; set; } = [];

    /// <summary>Bytes from the start of the device; rounded down to a sector.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateRange(0, long.MaxValue)]
    public long Offset { get; set; }

    /// <summary>Bytes; the end is rounded up to a sector.</summary>
    [Parameter(Mandatory = true, Position = 2, ValueFromPipelineByPropertyName = true)]
    [ValidateRange(1, long.MaxValue)]
    public long Length { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (KeyValuePair<string, DeviceId> device in FindDevices(DevicePath, out _))
        {
            if (!_ranges.TryGetValue(device.Value, out (string Path, List<ByteRange> Ranges) entry))
            {
                entry = (device.Key, []);
                _ranges.Add(device.Value, entry);
            }

            entry.Ranges.Add(new ByteRange(Offset, Length));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        ChangeTracking tracking = new(Driver);
        foreach ((DeviceId device, (string path, List<ByteRange> ranges)) in _ranges)
        {
            string amount = DisplayText.Size(ranges.Sum(range => (decimal)range.Length));
            if (ShouldProcess(path, $"Mark {amount} in {ranges.Count} range(s) as changed"))
            {
                Attempt(path, () => Ask(() => tracking.MarkChanged(device, ranges)));
            }
        }
    }
}
