// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Abi;
using Blksnap.Simulation;

namespace BlksnapPS.Commands;

/// <summary>What the commands inside of a simulation share.</summary>
public abstract class SimulationCommand : PSCmdlet
{
    private BlkSimulation? _simulation;

    /// <summary>The simulation; there is one from <see cref="BeginProcessing"/> on.</summary>
    private protected BlkSimulation Simulation => _simulation ?? throw new PipelineStoppedException();

    /// <summary>Finds the simulation. Outside of one nothing can work.</summary>
    protected override void BeginProcessing()
    {
        _simulation = BlkSimulation.Current;
        if (_simulation is null)
        {
            ThrowTerminatingError(ErrorRecords.Create(
                new BlksnapException(
                    ErrorIds.SimulationNotActive,
                    $"{MyInvocation.MyCommand.Name} works inside of Use-BlkSimulation only.",
                    string.Empty,
                    0,
                    null),
                null));
        }
    }

    /// <summary>Does something with the disk behind each path; a failure is an error of that path.</summary>
    private protected void ForEachDisk(IEnumerable<string> paths, Action<SimulatedDisk> action)
    {
        foreach (string path in paths)
        {
            Attempt(path, () => action(Simulation.Find(path) ?? throw new BlksnapException(
                ErrorIds.DeviceNotFound, $"The simulation has no disk {path}.", string.Empty, Errno.ENXIO, path)));
        }
    }

    /// <summary>Does something for one item; its failure is an error of that item, and the pipeline goes on.</summary>
    private protected void Attempt(object target, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is BlksnapException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            WriteError(ErrorRecords.Create(e, target));
        }
    }
}
