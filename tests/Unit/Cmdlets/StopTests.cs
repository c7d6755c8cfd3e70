// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;

namespace Unit.Cmdlets;

/// <summary>Ctrl+C: every pipeline ends, and leaves nothing open.</summary>
public sealed class StopTests : CmdletTest
{
    /// <summary>What runs until it is stopped; {0} is a snapshot whose events were read.</summary>
    public static TheoryData<string> Endless { get; } =
    [
        "Wait-BlkSnapshotEvent {0}",
        "'{0}' | Wait-BlkSnapshotEvent -Timeout 100000",
        "Watch-BlkSnapshot {0}",
        "Watch-BlkSnapshot",
    ];

    /// <summary>What ends by itself; {0} is a snapshot whose events were read.</summary>
    public static TheoryData<string> Short { get; } =
    [
        "Wait-BlkSnapshotEvent {0} -Timeout 0",
        "Get-BlkSnapshot",
        "Get-BlkSnapshotImage {0}",
        "Get-BlkTracker",
        "Get-DiffStorage",
        "Get-ChangedBlocks /dev/fake0",
        "Add-ChangedBlocks /dev/fake0 0 4096",
        "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/other | Remove-BlkSnapshot; Remove-BlkTracker /dev/fake1",
        "Get-BlkSnapshotDriver",
        "Test-BlkSnapshotSupport",
    ];

    [Theory]
    [MemberData(nameof(Endless))]
    public void A_stopped_pipeline_leaves_nothing_open(string script)
    {
        Driver.AddDevice("/dev/other", 256 * MiB);
        Snapshot snapshot = Take();
        Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok();
        string text = string.Format(null, script, snapshot.Id);

        // The first time, what the runtime itself opens for good is opened.
        Stop(text);
        int before = Descriptors();
        for (int i = 0; i < 5; i++)
        {
            Stop(text);
        }

        Assert.True(Engine.Until(() => Descriptors() <= before), $"{Descriptors()} descriptors, {before} before");
    }

    /// <summary>Ctrl+C does not wait for a file system that takes its time to freeze, and the snapshot that comes of it is nobody's.</summary>
    [Fact]
    public void A_take_that_lasts_is_left_to_itself_and_undone()
    {
        Driver.DelayFreeze(First.Id, TimeSpan.FromHours(1));
        using PowerShell shell = Engine.Create("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store");
        IAsyncResult running = shell.BeginInvoke();
        Assert.True(Engine.Until(() => Driver.Snapshots.Count == 1 && Driver.Snapshots[0].Capacity > 0), "it did not begin");
        shell.Stop();
        Assert.True(running.IsCompleted);
        Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
        Assert.Single(Driver.Snapshots);

        Driver.DelayFreeze(First.Id, TimeSpan.Zero);
        Assert.True(
            Engine.Until(() => Driver.Snapshots.Count == 0 && Driver.Trackers.Count == 0 && Driver.OpenChannels == 0),
            $"{Driver.Snapshots.Count} snapshots, {Driver.Trackers.Count} trackers, {Driver.OpenChannels} channels");
        Driver.DelayFreeze(First.Id, TimeSpan.Zero);
        Take();
    }

    [Theory]
    [MemberData(nameof(Short))]
    public void A_finished_pipeline_leaves_nothing_open(string script)
    {
        Driver.AddDevice("/dev/other", 256 * MiB);
        Snapshot snapshot = Take();
        Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok();
        string text = string.Format(null, script, snapshot.Id);
        Run(text).Ok();
        int before = Descriptors();
        for (int i = 0; i < 20; i++)
        {
            Run(text).Ok();
        }

        Assert.True(Engine.Until(() => Descriptors() <= before), $"{Descriptors()} descriptors, {before} before");
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0), $"{Driver.OpenChannels} channels");
    }

    private void Stop(string script)
    {
        int requests = Driver.Requests.Count;
        using PowerShell shell = Engine.Create(script);
        IAsyncResult running = shell.BeginInvoke();
        Assert.True(Engine.Until(() => Driver.Requests.Count > requests + 2 || Driver.Waiters > 0), "it did not begin");
        shell.Stop();
        Assert.True(running.IsCompleted);
        Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);

        // A reader of events ends its request by itself, shortly after.
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0 && Driver.Waiters == 0), $"{Driver.OpenChannels} channels, {Driver.Waiters} waiters");
    }

    private static int Descriptors() => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
}
