// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Snapshots;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>
/// Wait-BlkSnapshotEvent: waits for the next event of a snapshot and puts it out; nothing when the time is over.
/// An event is given to one process only, and in it to everybody who waits, watches or has registered.
/// </summary>
[Cmdlet(VerbsLifecycle.Wait, "BlkSnapshotEvent")]
[OutputType(typeof(SnapshotEvent))]
public sealed class WaitBlkSnapshotEventCommand : BlksnapCommand
{
    private const double LongestTimeout = int.MaxValue / 1000;

    /// <summary>Id of the snapshot.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    public Guid Id { get; set; }

    /// <summary>Seconds to wait, 0 to look only; without limit if left out.</summary>
    [Parameter(Position = 1)]
    [Alias("TimeoutSec")]
    [ValidateRange(0, LongestTimeout)]
    public double? Timeout { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Id, () =>
    {
        TimeSpan limit = Timeout is { } seconds ? TimeSpan.FromSeconds(seconds) : System.Threading.Timeout.InfiniteTimeSpan;
        if (EventReader.Wait(Id, limit, StopToken) is { } received)
        {
            WriteObject(received);
        }
    });
}
