// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace BlksnapPS.Commands;

/// <summary>Get-DiffStorage: how much of the difference storage of a snapshot is in use, and where it lies.</summary>
[Cmdlet(VerbsCommon.Get, "DiffStorage")]
[OutputType(typeof(DiffStorage))]
public sealed class GetDiffStorageCommand : SnapshotQueryCommand
{
    private protected override void Show(Snapshot snapshot, IReadOnlySet<DeviceId>? devices) =>
        Attempt(snapshot.Id, () => WriteObject(Ask(() => Manager.GetStorage(snapshot.Id))));
}
