// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Snapshots;
using BlksnapPS.Completers;
using BlksnapPS.Events;

namespace BlksnapPS.Commands;

/// <summary>
/// Watch-BlkSnapshot: puts out the events of snapshots as they come, until Ctrl+C, a number of events, a time, or the end of the snapshots.
/// </summary>
[Cmdlet(VerbsCommon.Watch, "BlkSnapshot")]
[OutputType(typeof(SnapshotEvent), typeof(Job))]
public sealed class WatchBlkSnapshotCommand : BlksnapCommand
{
    private const double LongestTimeout = int.MaxValue / 1000;

    private readonly HashSet<Guid> _ids = [];
    private bool _named;

    /// <summary>Ids of the snapshots; all that exist if left out.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    [ValidateNotNull]
    public Guid[]? Id { get; set; }

    /// <summary>Which events.</summary>
    [Parameter(Position = 1)]
    [ValidateText(SnapshotEventNames.Pattern, SnapshotEventNames.Message)]
    [ArgumentCompleter(typeof(EventNameCompleter))]
    public string EventName { get; set; } = SnapshotEventNames.All;

    /// <summary>End after so many events.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? Count { get; set; }

    /// <summary>End after so many seconds without an event; without limit if left out.</summary>
    [Parameter]
    [Alias("TimeoutSec")]
    [ValidateRange(0, LongestTimeout)]
    public double? Timeout { get; set; }

    /// <summary>Watch in a job of this session, and put out the job; Receive-Job gives the events.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        _named |= Id is not null || MyInvocation.ExpectingInput;
        _ids.UnionWith(Id ?? []);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        Attempt(null, () => _ids.UnionWith(_named ? [] : Ask(Driver.GetSnapshotIds)));
        foreach (Guid id in _ids.ToArray())
        {
            // One that does not exist is an error of its own; the others are watched.
            if (!Attempt(id, () => Ask(() => new SnapshotManager(Driver).Get(id))))
            {
                _ids.Remove(id);
            }
        }

        if (_ids.Count > 0)
        {
            Attempt(null, Watch);
        }
    }

    private void Watch()
    {
        TimeSpan patience = Timeout is { } seconds ? TimeSpan.FromSeconds(seconds) : System.Threading.Timeout.InfiniteTimeSpan;
        EventFeed feed = new([.. _ids], SnapshotEventNames.Parse(EventName));
        if (AsJob)
        {
            SnapshotWatchJob job = new(MyInvocation.Line, feed, Count ?? int.MaxValue, patience);
            JobRepository.Add(job);
            job.Start();
            WriteObject(job);
            return;
        }

        using (feed)
        {
            for (int left = Count ?? int.MaxValue; left > 0 && feed.Take(patience, StopToken) is { } received; left--)
            {
                WriteObject(received);
            }
        }
    }
}
