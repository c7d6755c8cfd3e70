// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace BlksnapPS.Commands;

/// <summary>Get-BlkSnapshot: the snapshots that exist, with their state, devices, images and storage.</summary>
[Cmdlet(VerbsCommon.Get, "BlkSnapshot")]
[OutputType(typeof(Snapshot))]
public sealed class GetBlkSnapshotCommand : SnapshotQueryCommand
{
    private protected override void Show(Snapshot snapshot, IReadOnlySet<DeviceId>? devices) => WriteObject(snapshot);
}
