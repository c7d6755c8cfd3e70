// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Snapshots;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>Disable-DiffStorageAutoExtend: ends the automatic extension of snapshots; the storage that they were given stays.</summary>
[Cmdlet(VerbsLifecycle.Disable, "DiffStorageAutoExtend", SupportsShouldProcess = true)]
public sealed class DisableDiffStorageAutoExtendCommand : BlksnapCommand
{
    /// <summary>Ids of the snapshots.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    public Guid[] Id { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (Guid id in Id)
        {
            if (ShouldProcess($"snapshot {id}", "End the automatic extension of the difference storage"))
            {
                // It may be in the middle of making a file.
                Attempt(id, () => Ask(() => AutoExtension.Disable(id)));
            }
        }
    }
}
