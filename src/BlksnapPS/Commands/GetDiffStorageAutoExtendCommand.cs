// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Snapshots;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>
/// Get-DiffStorageAutoExtend: what automatic extensions did, also those of other processes and of snapshots that have ended. It only
/// reads records, so it needs no driver.
/// </summary>
[Cmdlet(VerbsCommon.Get, "DiffStorageAutoExtend")]
[OutputType(typeof(DiffStorageAutoExtend))]
public sealed class GetDiffStorageAutoExtendCommand : PSCmdlet
{
    /// <summary>Ids of snapshots; all that there are records of if left out.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    [ValidateNotNull]
    public Guid[]? Id { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (DiffStorageAutoExtend record in AutoExtension.GetAll())
        {
            if (Id is null || Id.Contains(record.SnapshotId))
            {
                WriteObject(record);
            }
        }
    }
}
