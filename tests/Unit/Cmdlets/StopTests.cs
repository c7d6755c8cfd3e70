// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Unit.Library;

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

    /// <summary>What has to wait for an answer; {0} is a snapshot with an event, {1} a folder, and the number that of the request.</summary>
    public static TheoryData<string, int> Slow { get; } = new()
    {
        { "Get-BlkSnapshot", 64 },
        { "Get-BlkSnapshot {0}", 65 },
        { "Get-BlkSnapshotImage {0}", 10 },
        { "Get-DiffStorage {0}", 66 },
        { "Get-BlkTracker", 2 },
        { "Get-BlkTracker /dev/fake0", 2 },
        { "Remove-BlkTracker /dev/fake0", 1 },
        { "Get-ChangedBlocks /dev/fake0", 3 },
        { "Get-ChangedBlocks /dev/fake0 -Raw", 3 },
        { "Get-ChangedBlocks -Id {0}", 64 },
        { "Add-ChangedBlocks /dev/fake0 0 4096", 4 },
        { "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/other", 9 },
        { "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/other", 5 },
        { "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/other", 7 },
        { "Add-DiffStorage {0} /dev/other", 64 },
        { "Add-DiffStorage {0} {1} -Size 1MB", 67 },
        { "Remove-BlkSnapshot {0}", 64 },
        { "Remove-BlkSnapshot {0}", 6 },
        { "Wait-BlkSnapshotEvent {0}", 64 },
        { "Watch-BlkSnapshot", 9 },
        { "Watch-BlkSnapshot {0}", 64 },
        { "Enable-DiffStorageAutoExtend -Id {0} {1} 1GB", 64 },
        { "Enable-DiffStorageAutoExtend -Id {0} {1} 1GB -StepSize 300MB", 7 },
    };

    [Theory]
    [MemberData(nameof(Slow))]
    public void A_pipeline_is_stopped_while_the_driver_does_not_answer(string script, int number)
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Driver.AddDevice("/dev/other", 256 * MiB);
        Snapshot snapshot = Take();
        StopWhileDelayed(string.Format(null, script, snapshot.Id, folder.Path), number);
        Assert.True(Engine.Until(() => Driver.Waiters == 0), $"{Driver.Waiters} waiters");
        Assert.DoesNotContain(Driver.Snapshots, other => other.Devices[0].Original == Second.Id);
        Assert.Empty(Run("Get-DiffStorageAutoExtend | Where-Object State -eq Active").Ok().Output);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_removal_comes_to_its_end_although_nobody_waits_for_it()
    {
        StopWhileDelayed($"Remove-BlkSnapshot {Take().Id}", 6);
        Assert.Empty(Driver.Snapshots);
    }

    [ExtentFact]
    public void Storage_that_was_not_begun_to_be_added_is_not_added()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");

        // The command looks for the snapshot first; the second time is for the storage.
        Driver.DelayRequest(65, TimeSpan.FromHours(1), skip: 1);
        StopWhileDelayed($"Add-DiffStorage {snapshot.Id} {folder.Path}/named -Size 1MB", null);
        Assert.Equal(4 * MiB, (long)Driver.Snapshots[0].Capacity * 512);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    /// <summary>Scripts put the removal where it is done in any case.</summary>
    [Fact]
    public void What_a_script_does_at_its_end_is_done_after_Ctrl_C()
    {
        Snapshot snapshot = Take();
        Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok();
        Stop($"try {{ Watch-BlkSnapshot }} finally {{ Get-BlkSnapshot | Remove-BlkSnapshot; Get-BlkTracker | Remove-BlkTracker }}");
        Assert.Empty(Driver.Snapshots);
        Assert.Empty(Driver.Trackers);
    }

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
        string[] before = Descriptors();
        for (int i = 0; i < 5; i++)
        {
            Stop(text);
        }

        AssertNoMoreThan(before);
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
        string[] before = Descriptors();
        for (int i = 0; i < 20; i++)
        {
            Run(text).Ok();
        }

        AssertNoMoreThan(before);
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

    private void StopWhileDelayed(string script, int? number)
    {
        if (number is { } slow)
        {
            Driver.DelayRequest(slow, TimeSpan.FromHours(1));
        }

        using PowerShell shell = Engine.Create(script);
        try
        {
            IAsyncResult running = shell.BeginInvoke();
            Assert.True(Engine.Until(() => Driver.Delayed > 0 || running.IsCompleted) && !running.IsCompleted, "nothing was delayed");
            Assert.True(shell.BeginStop(null, null).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(20)), "it was not stopped");
            Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
            Assert.True(Driver.Delayed > 0, "the driver answered");
        }
        finally
        {
            Driver.EndDelays();
        }

        Assert.True(
            Engine.Until(() => Driver.OpenChannels == 0 && Driver.Delayed == 0), $"{Driver.OpenChannels} channels, {Driver.Delayed} requests");
    }

    private static void AssertNoMoreThan(string[] before) => Assert.True(
        Engine.Until(() => Descriptors().Length <= before.Length),
        "left open: " + string.Join(", ", Descriptors().Except(before)));

    // Without assemblies: what runs the tests loads some at times of its own.
    private static string[] Descriptors() => [.. new DirectoryInfo("/proc/self/fd").EnumerateFileSystemInfos()
        .Where(entry => entry.LinkTarget?.EndsWith(".dll", StringComparison.Ordinal) != true)
        .Select(entry => $"{entry.Name} {entry.LinkTarget}")];
}
