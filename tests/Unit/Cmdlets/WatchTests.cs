// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Cmdlets;

/// <summary>Watch-BlkSnapshot.</summary>
public sealed class WatchTests : CmdletTest
{
    [Fact]
    public void Events_of_all_snapshots_come_through_until_the_number_is_reached()
    {
        Snapshot one = Take("/dev/fake0", "/dev/store:0+16MiB");
        Snapshot two = Take("/dev/fake1", "/dev/store:16MiB+16MiB");
        IReadOnlyList<SnapshotEvent> seen = Run("Watch-BlkSnapshot -Count 2").Ok().All<SnapshotEvent>();
        Assert.Equal([one.Id, two.Id], seen.Select(item => item.SnapshotId).OrderBy(id => id == two.Id));
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
    }

    [Fact]
    public void Watching_may_be_for_one_snapshot_and_one_kind()
    {
        Snapshot snapshot = Take();
        Driver.Corrupt(snapshot.Id, First.Id, Errno.EIO);
        SnapshotEvent seen = Run("Get-BlkSnapshot | Watch-BlkSnapshot -EventName Corrupted -Timeout 10 -Count 1").Ok().Single<SnapshotEvent>();
        Assert.Equal((SnapshotEventKind.Corrupted, "/dev/fake0"), (seen.Kind, seen.DevicePath));
    }

    [Fact]
    public void Watching_ends_when_the_time_is_over_and_where_there_is_nothing_to_watch()
    {
        Assert.Empty(Run("Watch-BlkSnapshot").Ok().Output);
        Assert.Empty(Run("Get-BlkSnapshot | Watch-BlkSnapshot").Ok().Output);
        Take();
        Assert.Single(Run("Watch-BlkSnapshot -Timeout 0.3").Ok().Output);
    }

    [Fact]
    public void Watching_ends_with_the_snapshot()
    {
        Snapshot snapshot = Take();
        using PowerShell shell = Engine.Create($"Watch-BlkSnapshot {snapshot.Id}");
        PSDataCollection<PSObject> output = [];
        IAsyncResult running = shell.BeginInvoke<PSObject, PSObject>(null, output);
        Assert.True(Engine.Until(() => output.Count == 1));
        using (Engine other = new())
        {
            other.Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
        }

        Assert.True(running.AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
        Assert.Empty(shell.Streams.Error);
    }

    [Fact]
    public void Watching_ends_on_stop_and_leaves_no_channel_open()
    {
        Snapshot snapshot = Take();
        using PowerShell shell = Engine.Create($"Watch-BlkSnapshot {snapshot.Id}");
        PSDataCollection<PSObject> output = [];
        shell.BeginInvoke<PSObject, PSObject>(null, output);
        Assert.True(Engine.Until(() => output.Count == 1));
        shell.Stop();
        Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
    }

    [Fact]
    public void An_unknown_snapshot_is_an_error_of_its_own()
    {
        Snapshot snapshot = Take();
        EngineResult result = Run($"Watch-BlkSnapshot 11111111-2222-3333-4444-555555555555, {snapshot.Id} -Count 1");
        result.Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);
        Assert.Equal(snapshot.Id, result.Single<SnapshotEvent>().SnapshotId);
    }

    [Fact]
    public void A_job_collects_events_beside_the_session()
    {
        Snapshot snapshot = Take();
        Run($"$job = Watch-BlkSnapshot {snapshot.Id} -Count 2 -AsJob").Ok();
        Driver.Corrupt(snapshot.Id, First.Id, Errno.EIO);
        EngineResult received = Run("Wait-Job $job -Timeout 30 | Receive-Job").Ok();
        Assert.Equal([SnapshotEventKind.LowSpace, SnapshotEventKind.Corrupted], received.All<SnapshotEvent>().Select(item => item.Kind));
        Assert.Equal("Completed", Run("\"$((Get-Job -Id $job.Id).State)\"").Ok().Single<string>());
        Run("Remove-Job $job").Ok();
    }

    [Fact]
    public void A_job_can_be_stopped()
    {
        Snapshot snapshot = Take();
        Run($"$job = Get-BlkSnapshot {snapshot.Id} | Watch-BlkSnapshot -AsJob; Stop-Job $job").Ok();
        Assert.Equal("Stopped", Run("\"$($job.State)\"").Ok().Single<string>());
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
    }
}
