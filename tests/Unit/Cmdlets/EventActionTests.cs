// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Management.Automation;
using Blksnap;

namespace Unit.Cmdlets;

/// <summary>Actions of Register-BlkSnapshotEvent: each event runs them once, in order, whatever else the session does.</summary>
public sealed class EventActionTests : CmdletTest
{
    private readonly ConcurrentQueue<long> _seen = [];

    public EventActionTests()
    {
        Engine.With("seen", _seen);
    }

    private void Register(Snapshot snapshot, string then = "") => Run($$"""
        $null = Register-BlkSnapshotEvent {{snapshot.Id}} -MessageData $seen -Action {
          $Event.MessageData.Enqueue($EventArgs.SequenceNumber)
          {{then}}
        }
        """).Ok();

    private void Raise(Snapshot snapshot, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Driver.RaiseEvent(snapshot.Id, 7);
        }
    }

    private void AssertSeen(int count)
    {
        Assert.True(Engine.Until(() => _seen.Count >= count), $"{_seen.Count} of {count}");
        Assert.Equal(count, _seen.Count);
        Assert.Equal(_seen.Order(), _seen);
    }

    /// <summary>
    /// The engine runs what is waiting from whatever thread has an event, and two at once end its process; what comes just when a pipeline ends,
    /// it leaves until the next one.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Many_events_for_several_actions_run_by_themselves_and_leave_the_session_alive(bool isBusyNowAndThen)
    {
        Snapshot snapshot = TakeQuiet();
        for (int i = 0; i < 4; i++)
        {
            Register(snapshot);
        }

        for (int i = 0; i < 250; i++)
        {
            Driver.RaiseEvent(snapshot.Id, 7);
            Thread.Sleep(1);
            if (isBusyNowAndThen)
            {
                Run("$null").Ok();
            }
        }

        Assert.True(Engine.Until(() => _seen.Count == 1000), $"{_seen.Count} of 1000");
    }

    /// <summary>The engine gets one event after the other, so the next ones wait elsewhere while it has its own.</summary>
    [Fact]
    public void What_comes_while_the_session_is_busy_runs_when_it_is_not()
    {
        Snapshot snapshot = TakeQuiet();
        Register(snapshot);
        for (int round = 1; round <= 20; round++)
        {
            RaiseBefore(snapshot, 50, "foreach ($i in 1..20) { $null = $i }");
            AssertSeen(50 * round);
        }
    }

    /// <summary>With -Force a user ends what he does not see, too.</summary>
    [Fact]
    public void They_run_without_the_hidden_subscription_and_leave_nothing_in_the_queue()
    {
        Snapshot snapshot = TakeQuiet();
        Register(snapshot);
        foreach (PSEventSubscriber hidden in Engine.Events.Subscribers.Where(subscriber => subscriber.SupportEvent))
        {
            Engine.Events.UnsubscribeEvent(hidden);
        }

        Raise(snapshot, 5);
        AssertSeen(5);
        Assert.True(Engine.Until(() => Engine.Events.ReceivedEvents.Count == 0));

        Register(snapshot);
        Raise(snapshot, 1);
        Assert.True(Engine.Until(() => _seen.Count == 7));
    }

    [Fact]
    public void They_run_in_a_session_with_a_constrained_language()
    {
        Snapshot snapshot = TakeQuiet();
        Run("$count = @{ Now = 0 }; $ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'").Ok();
        Run($"$null = Register-BlkSnapshotEvent {snapshot.Id} -MessageData $count -Action {{ $Event.MessageData.Now++ }}").Ok();
        Raise(snapshot, 5);
        Assert.True(Engine.Until(() => Run("$count.Now").Ok().Single<int>() == 5));
    }

    /// <summary>Raises events while the session is busy; then it runs a script.</summary>
    private void RaiseBefore(Snapshot snapshot, int count, string script)
    {
        using ManualResetEventSlim isBusy = new();
        using ManualResetEventSlim goOn = new();
        Engine.With("isBusy", isBusy).With("goOn", goOn).With("events", Engine.Events);
        using PowerShell shell = Engine.Create("$isBusy.Set(); $goOn.Wait(); " + script);
        IAsyncResult running = shell.BeginInvoke();
        Assert.True(isBusy.Wait(TimeSpan.FromSeconds(20)));
        Raise(snapshot, count);
        Assert.True(Engine.Until(() => Driver.Snapshots[0].Events.Count == 0));
        goOn.Set();
        shell.EndInvoke(running);
    }

    private void TakeLeft(Snapshot snapshot)
    {
        while (Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 1").Ok().Output is [{ BaseObject: SnapshotEvent left }])
        {
            _seen.Enqueue(left.SequenceNumber);
        }
    }

    private const string Unregister = "$events.Subscribers | ForEach-Object { if (-not $_.SupportEvent) { $events.UnsubscribeEvent($_) } }";

    [Fact]
    public void What_a_registration_has_not_run_at_its_end_is_for_whoever_waits_next()
    {
        Snapshot snapshot = TakeQuiet();
        Register(snapshot);
        RaiseBefore(snapshot, 50, Unregister);
        Assert.InRange(_seen.Count, 1, 49);
        TakeLeft(snapshot);
        AssertSeen(50);
    }

    [Fact]
    public void What_a_registration_has_not_run_at_its_end_is_for_the_next_one_at_once_and_in_order()
    {
        Snapshot snapshot = TakeQuiet();
        for (int round = 1; round <= 5; round++)
        {
            Register(snapshot);
            RaiseBefore(snapshot, 20, $$"""
                {{Unregister}}
                $null = Register-BlkSnapshotEvent {{snapshot.Id}} -MessageData $seen -Action { $Event.MessageData.Enqueue($EventArgs.SequenceNumber) }
                """);
            AssertSeen(20 * round);
            Run(Unregister).Ok();
            Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
        }
    }

    [Fact]
    public void What_comes_after_one_that_ended_by_an_error_is_not_lost()
    {
        Snapshot snapshot = TakeQuiet();
        for (int round = 1; round <= 5; round++)
        {
            Register(snapshot, "throw 'broken'");
            RaiseBefore(snapshot, 20, "foreach ($i in 1..20) { $null = $i }");
            Assert.True(Engine.Until(() => HasNoSubscriber() && Driver.OpenChannels == 0));
            TakeLeft(snapshot);
            AssertSeen(20 * round);
        }
    }

    /// <summary>The engine runs it never again, and would drop what comes later.</summary>
    [Theory]
    [InlineData("throw 'broken'")]
    [InlineData("Get-BlkSnapshot 11111111-2222-3333-4444-555555555555 -ErrorAction Stop")]
    public void One_that_ends_by_an_error_ends_its_registration_and_later_events_are_for_others(string failure)
    {
        Snapshot snapshot = TakeQuiet();
        Run($"$job = Register-BlkSnapshotEvent {snapshot.Id} -MessageData $seen -Action {{ $Event.MessageData.Enqueue(1); {failure} }}").Ok();
        Raise(snapshot, 1);
        Assert.True(Engine.Until(() => HasNoSubscriber() && Driver.OpenChannels == 0));
        Assert.Single(Run("$job.Error").Ok().Output);
        Raise(snapshot, 1);
        Assert.Single(Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok().Output);
        Assert.Single(_seen);
    }

    /// <summary>A host that reads a variable of the session keeps pipelines out, and those who run what waits.</summary>
    [Fact]
    public void What_a_busy_host_held_up_runs_once_and_may_end_its_registration()
    {
        Snapshot snapshot = TakeQuiet();
        Register(snapshot, "if ($Event.MessageData.Count -ge 2) { [runspace]::DefaultRunspace.Events.UnsubscribeEvent($EventSubscriber) }");
        using ManualResetEventSlim isRead = new();
        using ManualResetEventSlim goOn = new();
        Engine.Runspace.SessionStateProxy.PSVariable.Set(new SlowVariable(isRead, goOn));
        Thread reader = new(() => Engine.Variable("slow")) { IsBackground = true };
        reader.Start();
        Assert.True(isRead.Wait(TimeSpan.FromSeconds(20)));
        Raise(snapshot, 5);

        // Time enough to be looked after more than once.
        Thread.Sleep(2000);
        goOn.Set();
        reader.Join();
        AssertSeen(2);
        Assert.True(Engine.Until(HasNoSubscriber));
    }

    /// <summary>A variable that is read for as long as one likes.</summary>
    private sealed class SlowVariable(ManualResetEventSlim isRead, ManualResetEventSlim goOn) : PSVariable("slow")
    {
        public override object? Value
        {
            get
            {
                isRead.Set();
                goOn.Wait();
                return null;
            }

            set
            {
            }
        }
    }
}
