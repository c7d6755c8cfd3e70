// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Snapshots;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>
/// Enable-DiffStorageAutoExtend: answers each request of a snapshot for storage with a file in a directory, until the snapshot ends. It
/// needs no session, only this process.
/// </summary>
[Cmdlet(VerbsLifecycle.Enable, "DiffStorageAutoExtend", SupportsShouldProcess = true)]
[OutputType(typeof(DiffStorageAutoExtend))]
public sealed class EnableDiffStorageAutoExtendCommand : BlksnapCommand
{
    /// <summary>Id of the snapshot.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    public Guid Id { get; set; }

    /// <summary>The directory that files are made in, on ext2, ext3, ext4 or xfs.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Directory { get; set; } = string.Empty;

    /// <summary>Bytes that the whole difference storage of the snapshot may have.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateRange(1, long.MaxValue)]
    public long MaximumSize { get; set; }

    /// <summary>Bytes that are added at a time at least; as many as the driver asks for if left out.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long StepSize { get; set; }

    /// <summary>Put out the record so far.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Id, () =>
    {
        string directory = GetUnresolvedProviderPathFromPSPath(Directory);
        Snapshot snapshot = Ask(() => new SnapshotManager(Driver).Get(Id));
        Ask(() => AutoExtension.Check(Driver, directory, MaximumSize, snapshot));
        if (!ShouldProcess($"snapshot {Id}", $"Extend the difference storage in {directory} up to {DisplayText.Size(MaximumSize)}"))
        {
            return;
        }

        StopToken.ThrowIfCancellationRequested();
        DiffStorageAutoExtend record = DetachedWork.Run(
            () => AutoExtension.Enable(Id, directory, MaximumSize, StepSize == 0 ? null : StepSize),
            begun => AutoExtension.Disable(begun.SnapshotId),
            StopToken);
        if (PassThru)
        {
            WriteObject(record);
        }
    });
}
