// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace BlksnapPS.Commands;

/// <summary>Get-BlkSnapshotImage: the block devices that show the devices as they were at the take.</summary>
[Cmdlet(VerbsCommon.Get, "BlkSnapshotImage")]
[OutputType(typeof(SnapshotImage))]
public sealed class GetBlkSnapshotImageCommand : SnapshotQueryCommand
{
    private protected override void Show(Snapshot snapshot, IReadOnlySet<DeviceId>? devices) => WriteObject(
        snapshot.Images.Where(image => devices?.Contains(image.OriginalDevice) ?? true),
        enumerateCollection: true);
}
