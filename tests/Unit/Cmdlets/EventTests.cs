// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Management.Automation;
using System.Reflection;
using Blksnap;
using Blksnap.Abi;
using BlksnapPS.Events;

namespace Unit.Cmdlets;

/// <summary>Wait-BlkSnapshotEvent and Register-BlkSnapshotEvent.</summary>
public sealed class EventTests : CmdletTest
{
    private const string Unknown = "11111111-2222-3333-4444-555555555555";

    private PSEventArgs NextQueued(string identifier)
    {
        PSEventArgs? found = null;
        Assert.True(Engine.Until(() => (found = Dequeue(identifier)) is not null));
        return found!;
    }

    private PSEventArgs? Dequeue(string identifier)
    {
        PSEventArgsCollection queue = Engine.Events.ReceivedEvents;
        lock (queue.SyncRoot)
        {
            for (int i = 0; i < queue.Count; i++)
            {
                if (queue[i].SourceIdentifier == identifier)
                {
                    PSEventArgs found = queue[i];
                    queue.RemoveAt(i);
                    return found;
                }
            }
        }

        return null;
    }

    [Fact]
    public void Waiting_gives_the_request_of_the_creation()
    {
        Snapshot snapshot = Take();
        SnapshotEvent received = Run("Get-BlkSnapshot | Wait-BlkSnapshotEvent -Timeout 10").Ok().Single<SnapshotEvent>();
        Assert.Equal(SnapshotEventKind.LowSpace, received.Kind);
        Assert.Equal(snapshot.Id, received.SnapshotId);
        Assert.Equal((long)SimulatedDriver.DiffStorageMinimum * 512, received.RequestedBytes);
    }

    [Fact]
    public void Waiting_gives_a_lost_image()
    {
        Snapshot snapshot = TakeQuiet();
        Driver.Corrupt(snapshot.Id, First.Id, Errno.ENOSPC);
        SnapshotEvent received = Run($"Wait-BlkSnapshotEvent {snapshot.Id}").Ok().Single<SnapshotEvent>();
        Assert.Equal((SnapshotEventKind.Corrupted, "/dev/fake0", "ENOSPC"), (received.Kind, received.DevicePath, received.ErrorName));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0.2")]
    public void Waiting_gives_nothing_when_the_time_is_over(string seconds)
    {
        Snapshot snapshot = TakeQuiet();
        Assert.Empty(Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout {seconds}").Ok().Output);
    }

    [Fact]
    public void Waiting_for_an_unknown_snapshot_is_an_error() =>
        Run($"Wait-BlkSnapshotEvent {Unknown} -Timeout 1").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);

    [Fact]
    public void Waiting_ends_at_once_on_stop()
    {
        Snapshot snapshot = TakeQuiet();

        // The best of some, since the machine may have other things to do.
        TimeSpan best = TimeSpan.MaxValue;
        for (int attempt = 0; attempt < 5 && best.TotalMilliseconds > 200; attempt++)
        {
            int before = Driver.RequestNumbers.Count(number => number == 0);
            using PowerShell shell = Engine.Create($"Wait-BlkSnapshotEvent {snapshot.Id}");
            IAsyncResult running = shell.BeginInvoke();

            // The command has begun, and then some time to get to its wait.
            Assert.True(Engine.Until(() => Driver.RequestNumbers.Count(number => number == 0) > before));
            Thread.Sleep(100);
            long start = Stopwatch.GetTimestamp();
            shell.Stop();
            Assert.True(running.AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(20)));
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            best = took < best ? took : best;
        }

        Assert.InRange(best.TotalMilliseconds, 0, 200);
    }

    [Fact]
    public void An_event_that_comes_after_a_stopped_wait_is_not_lost()
    {
        Snapshot snapshot = TakeQuiet();
        using (PowerShell shell = Engine.Create($"Wait-BlkSnapshotEvent {snapshot.Id}"))
        {
            shell.BeginInvoke();
            Assert.True(Engine.Until(() => Driver.Waiters > 0));
            shell.Stop();
        }

        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Assert.Equal(16 * MiB, Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok().Single<SnapshotEvent>().RequestedBytes);
    }

    [Fact]
    public void A_registration_queues_events_and_numbers_tell_their_order()
    {
        Snapshot snapshot = TakeQuiet();
        Assert.Empty(Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier storage -MessageData note").Ok().Output);
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Driver.Corrupt(snapshot.Id, First.Id, Errno.EIO);

        PSEventArgs[] received = [NextQueued("storage"), NextQueued("storage")];
        SnapshotEventArgs[] ordered = [.. received.Select(item => Assert.IsType<SnapshotEventArgs>(item.SourceEventArgs))];
        Assert.Equal((SnapshotEventKind.LowSpace, snapshot.Id, 16 * MiB), (ordered[0].Kind, ordered[0].SnapshotId, ordered[0].RequestedBytes));
        Assert.Equal((SnapshotEventKind.Corrupted, "/dev/fake0", Errno.EIO), (ordered[1].Kind, ordered[1].DevicePath, ordered[1].Error));
        Assert.Equal(ordered[0].SequenceNumber + 1, ordered[1].SequenceNumber);
        Assert.Equal("note", received[0].MessageData.ToString());
    }

    [Fact]
    public void A_name_that_is_no_event_is_refused()
    {
        EngineResult result = Run($"Register-BlkSnapshotEvent {Unknown} -EventName Nothing");
        Assert.Equal("ParameterArgumentValidationError,BlksnapPS.Commands.RegisterBlkSnapshotEventCommand", Assert.Single(result.Errors).FullyQualifiedErrorId);
    }

    [Fact]
    public void A_registration_may_be_for_one_kind_of_event()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} Corrupted -SourceIdentifier lost").Ok();
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Driver.Corrupt(snapshot.Id, First.Id, Errno.EIO);
        Assert.Equal(SnapshotEventKind.Corrupted, Assert.IsType<SnapshotEventArgs>(NextQueued("lost").SourceEventArgs).Kind);
    }

    [Fact]
    public void A_registration_queues_in_order()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier many").Ok();
        for (int i = 0; i < 200; i++)
        {
            Driver.RaiseEvent(snapshot.Id, 7);
        }

        Assert.True(Engine.Until(() => Engine.Events.ReceivedEvents.Count == 200));
        long[] numbers = [.. Engine.Events.ReceivedEvents.Select(item => ((SnapshotEventArgs)item.SourceEventArgs).SequenceNumber)];
        Assert.Equal(numbers.Order(), numbers);
    }

    [Fact]
    public void Actions_run_in_order()
    {
        Snapshot snapshot = TakeQuiet();
        Run($$"""
            $seen = [Collections.Generic.List[long]]::new()
            $null = Register-BlkSnapshotEvent {{snapshot.Id}} -MessageData $seen -Action { $Event.MessageData.Add($EventArgs.SequenceNumber) }
            """).Ok();
        for (int i = 0; i < 100; i++)
        {
            Driver.RaiseEvent(snapshot.Id, 7);
        }

        Assert.True(Engine.Until(() => Run("$seen.Count").Ok().Single<int>() == 100));
        long[] numbers = [.. Run("$seen").Ok().All<long>()];
        Assert.Equal(numbers.Order(), numbers);
    }

    [Fact]
    public void Requests_that_nobody_takes_do_not_pile_up_in_the_queue()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier storage").Ok();
        foreach (long size in new[] { 16, 32, 48 })
        {
            Driver.RaiseLowSpace(snapshot.Id, size * MiB);
        }

        Assert.True(Engine.Until(() => Engine.Events.ReceivedEvents is [{ SourceEventArgs: SnapshotEventArgs { Coalesced: 2 } }]));
        SnapshotEventArgs last = (SnapshotEventArgs)NextQueued("storage").SourceEventArgs;
        Assert.Equal((48 * MiB, 4L), (last.RequestedBytes, last.SequenceNumber));

        // One that was taken is not touched any more.
        Driver.RaiseLowSpace(snapshot.Id, 64 * MiB);
        Assert.Equal((64 * MiB, 0), NextQueued("storage").SourceEventArgs is SnapshotEventArgs next ? (next.RequestedBytes, next.Coalesced) : default);
        Assert.Equal(48 * MiB, last.RequestedBytes);
    }

    /// <summary>Scripts wait, answer, and remove what they have answered; the storage may run low again meanwhile.</summary>
    [Fact]
    public void A_request_that_comes_while_the_one_before_is_answered_is_not_removed_with_it()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier storage").Ok();
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Assert.True(Engine.Until(() => Engine.Events.ReceivedEvents.Count == 1));
        PSEventArgs answered = Engine.Events.ReceivedEvents[0];
        Driver.RaiseLowSpace(snapshot.Id, 32 * MiB);
        Assert.True(Engine.Until(() => Engine.Events.ReceivedEvents is [{ SourceEventArgs: SnapshotEventArgs { Coalesced: 1 } }]));
        Assert.Equal(16 * MiB, ((SnapshotEventArgs)answered.SourceEventArgs).RequestedBytes);
        Assert.DoesNotContain(Engine.Events.ReceivedEvents, waiting => waiting.EventIdentifier == answered.EventIdentifier);
        Assert.Equal(32 * MiB, ((SnapshotEventArgs)NextQueued("storage").SourceEventArgs).RequestedBytes);
    }

    [Fact]
    public void A_registration_may_be_hidden_or_forwarded()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier hidden -SupportEvent").Ok();
        Assert.True(Assert.Single(Engine.Events.GetEventSubscribers("hidden")).SupportEvent);

        using System.Collections.Concurrent.BlockingCollection<PSEventArgs> forwarded = [];
        EventHandler<PSEventArgs> handler = (_, arguments) => forwarded.Add(arguments);
        typeof(PSEventManager).GetEvent("ForwardEvent", BindingFlags.Instance | BindingFlags.NonPublic)!
            .GetAddMethod(nonPublic: true)!.Invoke(Engine.Events, [handler]);
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier away -Forward").Ok();
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Assert.True(forwarded.TryTake(out PSEventArgs? sent, TimeSpan.FromSeconds(20)));
        Assert.Equal(16 * MiB, Assert.IsType<SnapshotEventArgs>(sent.SourceEventArgs).RequestedBytes);
    }

    [Fact]
    public void An_event_tells_how_fast_the_storage_fills_and_when_it_will_be_full()
    {
        Snapshot snapshot = Take(storage: "/dev/store:0+16MiB");
        SnapshotEvent first = Run($"Wait-BlkSnapshotEvent {snapshot.Id}").Ok().Single<SnapshotEvent>();
        Assert.Equal((16 * MiB, 0L, 16 * MiB), (first.Capacity, first.Used, first.Free));
        Assert.Equal(0, first.FillRate);
        Assert.Null(first.TimeToFull);

        Driver.Write(First.Id, 0, 12 * MiB);
        SnapshotEvent second = Run($"Wait-BlkSnapshotEvent {snapshot.Id}").Ok().Single<SnapshotEvent>();
        Assert.Equal((16 * MiB, 12 * MiB, 4 * MiB), (second.Capacity, second.Used, second.Free));
        Assert.True(second.FillRate > 0);
        Assert.Equal(second.Free!.Value / second.FillRate!.Value, second.TimeToFull!.Value.TotalSeconds, 0.001);
    }

    [Fact]
    public void An_action_runs_on_the_thread_of_the_engine_and_can_add_storage()
    {
        Snapshot snapshot = Take(storage: "/dev/store:0+32MiB");
        EngineResult registered = Run("""
            $seen = @{ Count = 0 }
            Get-BlkSnapshot | Register-BlkSnapshotEvent -EventName LowSpace -SourceIdentifier rescue -MessageData $seen -Action {
                $null = Add-DiffStorage -Id $Event.SourceEventArgs.SnapshotId -Path /dev/store:32MiB+32MiB
                $Event.MessageData.Count++
            }
            """).Ok();
        Assert.Equal("rescue", registered.Single<PSEventJob>().Name);

        // Actions run between the commands of the session.
        Assert.True(Engine.Until(() => Run("$seen.Count").Ok().Single<int>() == 1));
        Assert.Equal(64 * MiB, Run($"(Get-DiffStorage {snapshot.Id}).Capacity").Ok().Single<long>());
    }

    [Fact]
    public void Reading_ends_with_the_subscription()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier storage").Ok();
        Assert.True(Engine.Until(() => Driver.OpenChannels == 1));
        PSEventSubscriber subscriber = Assert.Single(Engine.Events.GetEventSubscribers("storage"));
        Engine.Events.UnsubscribeEvent(subscriber);
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
        Assert.Empty(Engine.Events.ReceivedEvents);
    }

    [Fact]
    public void Reading_ends_with_the_snapshot()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id}; Remove-BlkSnapshot {snapshot.Id}").Ok();
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Action { }")]
    [InlineData("-Action { } -SupportEvent")]
    [InlineData("-Action { } -MaxTriggerCount 3")]
    public void A_registration_ends_with_the_snapshot_and_its_name_is_free_again(string more)
    {
        for (int i = 0; i < 3; i++)
        {
            Snapshot snapshot = TakeQuiet();
            Run($"$job = Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier low {more}").Ok();
            Assert.Single(Engine.Events.GetEventSubscribers("low"));
            Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
            Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();

            Assert.True(Engine.Until(HasNoSubscriber), $"{Engine.Events.Subscribers.Count} are left");
            Assert.True(Engine.Variable("job") is not PSObject { BaseObject: PSEventJob job } || Engine.Until(() => job.JobStateInfo.State == JobState.Stopped));
        }
    }

    [Fact]
    public void Actions_that_are_waiting_at_the_end_of_the_snapshot_run_before_the_registration_ends()
    {
        Snapshot snapshot = TakeQuiet();
        Run($$"""
            $seen = [Collections.Generic.List[long]]::new()
            $job = Register-BlkSnapshotEvent {{snapshot.Id}} -SourceIdentifier many -MessageData $seen -Action { $Event.MessageData.Add($EventArgs.SequenceNumber) }
            """).Ok();

        // The session is busy until the snapshot is gone, so that all of them wait.
        using ManualResetEventSlim isBusy = new();
        using ManualResetEventSlim isGone = new();
        Engine.With("isBusy", isBusy).With("isGone", isGone);
        using PowerShell shell = Engine.Create("$isBusy.Set(); $isGone.Wait()");
        IAsyncResult running = shell.BeginInvoke();
        Assert.True(isBusy.Wait(TimeSpan.FromSeconds(20)));
        for (int i = 0; i < 20; i++)
        {
            Driver.RaiseEvent(snapshot.Id, 7);
        }

        Assert.True(Engine.Until(() => Driver.Snapshots[0].Events.Count == 0));
        using (BlksnapDriver driver = BlksnapDriver.Open())
        {
            driver.DestroySnapshot(snapshot.Id);
        }

        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
        Assert.Single(Engine.Events.GetEventSubscribers("many"));
        isGone.Set();
        shell.EndInvoke(running);
        Assert.True(Engine.Until(HasNoSubscriber));
        Assert.Equal(20, Run("$seen.Count").Ok().Single<int>());
        Assert.True(Engine.Until(() => Run("$job.State").Ok().Single<string>() == "Stopped"));
    }

    [Fact]
    public void Events_that_nobody_has_taken_outlive_the_registration()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier many").Ok();
        for (int i = 0; i < 20; i++)
        {
            Driver.RaiseEvent(snapshot.Id, 7);
        }

        Assert.True(Engine.Until(() => Driver.Snapshots[0].Events.Count == 0));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
        Assert.True(Engine.Until(HasNoSubscriber));
        Assert.Equal(20, Engine.Events.ReceivedEvents.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Action { }")]
    public void A_registration_ends_when_events_cannot_be_read(string more)
    {
        Snapshot snapshot = TakeQuiet();
        // The reader that was waited with is gone before the next one begins.
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
        Driver.FailRequest(11, Errno.EIO);
        Run($"$null = Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier low {more}").Ok();
        Assert.True(Engine.Until(HasNoSubscriber));
        Run($"$null = Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier low {more}").Ok();
        Assert.Single(Engine.Events.GetEventSubscribers("low"));
    }

    [Fact]
    public void An_action_may_end_its_registration_while_the_snapshot_ends()
    {
        Snapshot snapshot = TakeQuiet();
        Run($$"""
            $null = Register-BlkSnapshotEvent {{snapshot.Id}} -SourceIdentifier low -Action {
              Remove-BlkSnapshot {{snapshot.Id}}
              [Threading.Thread]::Sleep(200)
              [runspace]::DefaultRunspace.Events.UnsubscribeEvent($EventSubscriber)
            }
            """).Ok();
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Assert.True(Engine.Until(HasNoSubscriber));
        Assert.Empty(Run("Get-BlkSnapshot").Ok().Output);
    }

    [Fact]
    public void A_snapshot_may_end_after_the_registration_or_the_session()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"$null = Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier low -Action {{ }}").Ok();
        Engine.Events.UnsubscribeEvent(Assert.Single(Engine.Events.GetEventSubscribers("low")));
        Assert.True(HasNoSubscriber());
        Run($"$null = Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier low -Action {{ }}").Ok();
        Engine.Dispose();
        using (BlksnapDriver driver = BlksnapDriver.Open())
        {
            driver.DestroySnapshot(snapshot.Id);
        }

        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
    }

    [Fact]
    public void Reading_ends_with_the_session()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id}").Ok();
        Engine.Dispose();
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
    }

    [Fact]
    public void A_registration_ends_after_its_number_of_events()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier once -MaxTriggerCount 1").Ok();
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        NextQueued("once");
        Assert.True(Engine.Until(() => !Engine.Events.GetEventSubscribers("once").Any()));
    }

    [Fact]
    public void Wrong_registrations_are_refused_and_leave_no_subscription()
    {
        Snapshot snapshot = TakeQuiet();
        Run($"Register-BlkSnapshotEvent {Unknown} -SourceIdentifier a").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -Action {{ }} -Forward").Error("ActionAndForward", ErrorCategory.InvalidArgument);
        Assert.Empty(Engine.Events.Subscribers);

        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier a").Ok();
        Run($"Register-BlkSnapshotEvent {snapshot.Id} -SourceIdentifier a").Error("SubscriberExists", ErrorCategory.ResourceExists);
        Assert.Single(Engine.Events.Subscribers);
    }
}
