// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Abi;
using Blksnap.Tracking;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>Remove-BlkTracker: stops tracking devices and forgets what changed on them.</summary>
[Cmdlet(VerbsCommon.Remove, "BlkTracker", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class RemoveBlkTrackerCommand : BlksnapCommand
{
    /// <summary>The devices; major:minor names one that is gone.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "PSPath", "FullName", "Device", "Name")]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] DevicePath { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        ChangeTracking tracking = new(Driver);
        foreach (KeyValuePair<string, DeviceId> device in FindDevices(DevicePath, out _))
        {
            if (ShouldProcess(device.Key, "Stop tracking and forget what changed; the next copy has to be a full one"))
            {
                Attempt(device.Key, () => Ask(() => tracking.Remove(device.Value)));
            }
        }
    }
}
