// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Tracking;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>
/// Get-BlkTracker: the devices whose changes are tracked. Kept at the time of a copy, its output is what
/// Get-ChangedBlocks -Since wants at the next one.
/// </summary>
[Cmdlet(VerbsCommon.Get, "BlkTracker")]
[OutputType(typeof(Tracker))]
public sealed class GetBlkTrackerCommand : BlksnapCommand
{
    /// <summary>Devices or their images; all that are tracked if left out.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "PSPath", "FullName", "Device", "Name")]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    [ValidateNotNull]
    public string[]? DevicePath { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        ChangeTracking tracking = new(Driver);
        if (DevicePath is null)
        {
            Attempt(null, () => WriteObject(Ask(tracking.GetTrackers), enumerateCollection: true));
            return;
        }

        foreach (KeyValuePair<string, DeviceId> device in FindDevices(DevicePath, out _))
        {
            Attempt(device.Key, () => WriteObject(Ask(() => tracking.GetTracker(device.Value))));
        }
    }
}
