// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Management.Automation;
using System.Reflection;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.New, "Event")]
[OutputType(typeof(PSEventArgs))]
public sealed class NewEventCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)]
    public string SourceIdentifier { get; set; } = string.Empty;

    [Parameter(Position = 1)]
    public PSObject? Sender { get; set; }

    [Parameter(Position = 2)]
    public PSObject[]? EventArguments { get; set; }

    [Parameter(Position = 3)]
    public PSObject? MessageData { get; set; }

    protected override void EndProcessing()
    {
        object?[]? arguments = EventArguments is null ? null : [.. EventArguments.Select(static a => a?.BaseObject)];
        WriteObject(Events.GenerateEvent(SourceIdentifier, Sender?.BaseObject, arguments, MessageData, processInCurrentThread: true, waitForCompletionInCurrentThread: false));
    }
}

[Cmdlet(VerbsCommon.Get, "Event", DefaultParameterSetName = "BySource")]
[OutputType(typeof(PSEventArgs))]
public sealed class GetEventCommand : PSCmdlet
{
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "BySource")]
    public string? SourceIdentifier { get; set; }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "ById")]
    [Alias("Id")]
    public int EventIdentifier { get; set; } = -1;

    protected override void EndProcessing()
    {
        PSEventArgs[] found = ReceivedEvents.Find(Events, SourceIdentifier, EventIdentifier);
        WriteObject(found, enumerateCollection: true);
        ReceivedEvents.ReportMissing(this, found.Length > 0, SourceIdentifier, EventIdentifier);
    }
}

[Cmdlet(VerbsCommon.Remove, "Event", SupportsShouldProcess = true, DefaultParameterSetName = "BySource")]
public sealed class RemoveEventCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "BySource")]
    public string? SourceIdentifier { get; set; }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "ById")]
    public int EventIdentifier { get; set; } = -1;

    protected override void ProcessRecord()
    {
        PSEventArgs[] found = ReceivedEvents.Find(Events, SourceIdentifier, EventIdentifier);
        foreach (PSEventArgs item in found)
        {
            if (ShouldProcess($"Event '{item.SourceIdentifier}'", "Remove"))
            {
                lock (Events.ReceivedEvents.SyncRoot)
                {
                    int index = -1;
                    for (int i = 0; i < Events.ReceivedEvents.Count && index < 0; i++)
                    {
                        index = ReferenceEquals(Events.ReceivedEvents[i], item) ? i : -1;
                    }

                    if (index >= 0)
                    {
                        Events.ReceivedEvents.RemoveAt(index);
                    }
                }
            }
        }

        ReceivedEvents.ReportMissing(this, found.Length > 0, SourceIdentifier, EventIdentifier);
    }
}

[Cmdlet(VerbsLifecycle.Wait, "Event")]
[OutputType(typeof(PSEventArgs))]
public sealed class WaitEventCommand : PSCmdlet, IDisposable
{
    // Actions of other subscriptions run on this thread meanwhile.
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(200);

    private readonly AutoResetEvent arrived = new(initialState: false);
    private volatile bool stopping;

    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    public string? SourceIdentifier { get; set; }

    [Parameter]
    [Alias("TimeoutSec")]
    [ValidateRange(-1, int.MaxValue)]
    public int Timeout { get; set; } = -1;

    protected override void ProcessRecord()
    {
        void Arrived(object? sender, PSEventArgs e) => arrived.Set();
        long start = Stopwatch.GetTimestamp();
        MethodInfo processPendingActions = Events.GetType().GetMethod("ProcessPendingActions", BindingFlags.Instance | BindingFlags.NonPublic)
            ?? throw new MissingMethodException(Events.GetType().FullName, "ProcessPendingActions");
        Events.ReceivedEvents.PSEventReceived += Arrived;
        try
        {
            while (!stopping)
            {
                if (ReceivedEvents.Find(Events, SourceIdentifier, -1) is [var first, ..])
                {
                    WriteObject(first);
                    return;
                }

                TimeSpan wait = Slice;
                if (Timeout >= 0)
                {
                    TimeSpan left = TimeSpan.FromSeconds(Timeout) - Stopwatch.GetElapsedTime(start);
                    if (left <= TimeSpan.Zero)
                    {
                        return;
                    }

                    wait = left < wait ? left : wait;
                }

                arrived.WaitOne(wait);
                processPendingActions.Invoke(Events, null);
            }
        }
        finally
        {
            Events.ReceivedEvents.PSEventReceived -= Arrived;
        }
    }

    protected override void StopProcessing()
    {
        stopping = true;
        arrived.Set();
    }

    public void Dispose() => arrived.Dispose();
}

internal static class ReceivedEvents
{
    public static PSEventArgs[] Find(PSEventManager events, string? source, int id)
    {
        WildcardPattern? pattern = source is null ? null : WildcardPattern.Get(source, WildcardOptions.IgnoreCase);
        lock (events.ReceivedEvents.SyncRoot)
        {
            return [.. events.ReceivedEvents.Where(e =>
                (pattern is null || (e.SourceIdentifier is not null && pattern.IsMatch(e.SourceIdentifier))) && (id < 0 || e.EventIdentifier == id))];
        }
    }

    public static void ReportMissing(PSCmdlet cmdlet, bool found, string? source, int id)
    {
        if (found || (source is null && id < 0) || (source is not null && WildcardPattern.ContainsWildcardCharacters(source)))
        {
            return;
        }

        (string message, string errorId) = source is not null
            ? ($"Event with source identifier '{source}' does not exist.", "INVALID_SOURCE_IDENTIFIER")
            : ($"Event with identifier {id} does not exist.", "INVALID_EVENT_IDENTIFIER");
        cmdlet.WriteError(new ErrorRecord(new ArgumentException(message), errorId, ErrorCategory.InvalidArgument, null));
    }
}
