// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Snapshots;

namespace BlksnapPS.Events;

/// <summary>The job of Watch-BlkSnapshot -AsJob: a thread without a session that collects events until it has enough or is stopped.</summary>
internal sealed class SnapshotWatchJob : Job
{
    private readonly EventFeed _feed;
    private readonly int _count;
    private readonly TimeSpan _patience;
    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _over = new();

    public SnapshotWatchJob(string command, EventFeed feed, int count, TimeSpan patience)
        : base(command)
    {
        PSJobTypeName = "BlkSnapshotWatch";
        _feed = feed;
        _count = count;
        _patience = patience;
    }

    public override bool HasMoreData => Output.Count > 0 || Error.Count > 0;

    public override string Location => "localhost";

    public override string StatusMessage => string.Empty;

    public void Start()
    {
        SetJobState(JobState.Running);
        new Thread(Run) { IsBackground = true, Name = "blksnap watch" }.Start();
    }

    public override void StopJob()
    {
        if (!_over.IsSet)
        {
            _stop.Cancel();
            _over.Wait();
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            StopJob();
            _stop.Dispose();
            _over.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Run()
    {
        JobState end = JobState.Completed;
        try
        {
            for (int left = _count; left > 0 && _feed.Take(_patience, _stop.Token) is { } received; left--)
            {
                Output.Add(new PSObject(received));
            }
        }
        catch (OperationCanceledException)
        {
            end = JobState.Stopped;
        }
        catch (Exception e)
        {
            Error.Add(ErrorRecords.Create(e, null));
            end = JobState.Failed;
        }

        _feed.Dispose();
        Output.Complete();
        SetJobState(end);
        _over.Set();
    }
}
