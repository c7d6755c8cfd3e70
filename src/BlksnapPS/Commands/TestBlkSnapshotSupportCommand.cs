// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Support;

namespace BlksnapPS.Commands;

/// <summary>Test-BlkSnapshotSupport: whether snapshots can be taken on this machine, and what is missing. Needs neither root nor a driver.</summary>
[Cmdlet(VerbsDiagnostic.Test, "BlkSnapshotSupport")]
[OutputType(typeof(SupportCheck), typeof(bool))]
public sealed class TestBlkSnapshotSupportCommand : StoppableCommand
{
    /// <summary>Put out whether nothing failed, instead of the checks.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        IReadOnlyList<SupportCheck> checks = Check();
        if (Quiet)
        {
            WriteObject(checks.All(check => check.Result != SupportResult.Failed));
            return;
        }

        foreach (SupportCheck check in checks)
        {
            WriteObject(check);
        }
    }

    private IReadOnlyList<SupportCheck> Check()
    {
        try
        {
            return DetachedWork.Run(static () => MachineSupport.Check().ToArray(), static _ => { }, StopToken, mayBeCutOff: true);
        }
        catch (OperationCanceledException)
        {
            throw new PipelineStoppedException();
        }
    }
}
