// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Snapshots;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>Remove-BlkSnapshot: ends snapshots. Their images vanish, their storage is given back, tracking goes on.</summary>
[Cmdlet(VerbsCommon.Remove, "BlkSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class RemoveBlkSnapshotCommand : BlksnapCommand
{
    /// <summary>Ids of the snapshots.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    public Guid[] Id { get; set; } = [];

    /// <summary>Remove a snapshot although an image of it is mounted.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        SnapshotManager manager = new(Driver);
        foreach (Guid id in Id)
        {
            Attempt(id, () => Remove(manager, id));
        }
    }

    private void Remove(SnapshotManager manager, Guid id)
    {
        Snapshot snapshot;
        try
        {
            snapshot = Ask(() => manager.Get(id));
        }
        catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound && SnapshotManager.GetKeptFiles(id) is { Count: > 0 } files)
        {
            if (ShouldProcess($"storage files of snapshot {id}, which has ended: {DisplayText.List(files)}", "Release"))
            {
                Release(id);
            }

            return;
        }

        IReadOnlyList<string> mounted = Ask(() => manager.GetImageMountPoints(id));
        if (mounted.Count > 0 && !Force)
        {
            throw new BlksnapException(
                ErrorIds.ImageMounted,
                $"An image of snapshot {id} is mounted on {DisplayText.List(mounted)}.",
                string.Empty,
                Errno.EBUSY,
                id.ToString());
        }

        if (ShouldProcess($"snapshot {id} of {DisplayText.List(snapshot.DevicePath)}", "Remove"))
        {
            End(id);
        }
    }

    // All the way: files that were kept for the snapshot are released at the end.
    private void End(Guid id) => Finish(driver =>
    {
        SnapshotManager manager = new(driver);
        manager.Remove(id);
        return manager;
    });

    private void Release(Guid id)
    {
        try
        {
            End(id);
        }
        catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
        {
            // That is known, and the files are released.
        }
    }
}
