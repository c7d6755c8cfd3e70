// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Simulation;

namespace BlksnapPS.Commands;

/// <summary>Add-BlkSimulationDisk: gives the simulation empty disks.</summary>
[Cmdlet(VerbsCommon.Add, "BlkSimulationDisk", SupportsShouldProcess = true)]
[OutputType(typeof(SimulatedDisk))]
public sealed class AddBlkSimulationDiskCommand : SimulationCommand
{
    /// <summary>Names of the disks, as a kernel would name them.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [ValidateText("^[^/]+$", "The name of a disk has no slashes: {0}")]
    public string[] Name { get; set; } = [];

    /// <summary>Bytes of each disk.</summary>
    [Parameter(Position = 1)]
    [ValidateRange(1, long.MaxValue)]
    public long Size { get; set; } = 64 << 20;

    /// <summary>Where a file system is said to be mounted that is frozen when a snapshot is taken.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? MountPoint { get; set; }

    /// <summary>Bytes of a logical block.</summary>
    [Parameter]
    [ValidateSet("512", "1024", "2048", "4096")]
    public int LogicalBlockSize { get; set; } = 512;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string name in Name)
        {
            if (ShouldProcess(name, $"Add a simulated disk of {DisplayText.Size(Size)}"))
            {
                Attempt(name, () => WriteObject(Simulation.AddDisk(name, Size, MountPoint, LogicalBlockSize)));
            }
        }
    }
}
