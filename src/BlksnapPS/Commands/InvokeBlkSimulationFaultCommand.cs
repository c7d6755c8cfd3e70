// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Simulation;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>Invoke-BlkSimulationFault: makes something go wrong with a simulated disk, to see what a script makes of it.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "BlkSimulationFault", SupportsShouldProcess = true)]
public sealed class InvokeBlkSimulationFaultCommand : SimulationCommand
{
    /// <summary>
    /// LowSpace: the storage of the snapshot runs low. Overflow: it is used up, and the image of the disk lost. DeviceLoss: the disk goes away.
    /// SlowFreeze: the next snapshot gives up freezing the file system.
    /// </summary>
    [Parameter(Mandatory = true, Position = 0)]
    public SimulatedFault Fault { get; set; }

    /// <summary>The disks: their paths or names.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "Disk")]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] DevicePath { get; set; } = [];

    /// <summary>SlowFreeze: milliseconds that the snapshot tries.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int DelayMilliseconds { get; set; } = 100;

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachDisk(DevicePath, disk =>
    {
        if (ShouldProcess(disk.DevicePath, $"Provoke {Fault}"))
        {
            Simulation.Provoke(Fault, disk, TimeSpan.FromMilliseconds(DelayMilliseconds));
        }
    });
}
