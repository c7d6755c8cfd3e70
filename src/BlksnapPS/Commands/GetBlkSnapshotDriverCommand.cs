// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;

namespace BlksnapPS.Commands;

/// <summary>Get-BlkSnapshotDriver: which kernel module answers, where, and what it can do.</summary>
[Cmdlet(VerbsCommon.Get, "BlkSnapshotDriver")]
[OutputType(typeof(DriverInfo))]
public sealed class GetBlkSnapshotDriverCommand : BlksnapCommand
{
    /// <inheritdoc/>
    protected override void EndProcessing() => WriteObject(Driver.Info);
}
