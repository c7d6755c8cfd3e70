// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Simulation;

namespace BlksnapPS.Commands;

/// <summary>
/// Use-BlkSimulation: runs a script block on a machine of its own, with a simulated driver and simulated disks. In it every
/// command of the module works without root and without the kernel module, and reaches no real device. When the script block is left,
/// however that happens, nothing of the machine stays.
/// </summary>
[Cmdlet(VerbsOther.Use, "BlkSimulation")]
[OutputType(typeof(object))]
public sealed class UseBlkSimulationCommand : PSCmdlet
{
    /// <summary>What to run. It gets the simulation, whose <c>Folder</c> has room for files, in <c>$args</c>.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public ScriptBlock ScriptBlock { get; set; } = null!;

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        using BlkSimulation simulation = new();
        using IDisposable scope = simulation.Enter();

        // As a pipeline inside this one: what the block puts out goes on at once, and Ctrl+C gets through to it.
        using SteppablePipeline pipeline = ScriptBlock.Create("param($Block, $Simulation) & $Block $Simulation")
            .GetSteppablePipeline(MyInvocation.CommandOrigin, [ScriptBlock, simulation]);
        pipeline.Begin(this);
        WriteObject(pipeline.End(), enumerateCollection: true);
    }
}
