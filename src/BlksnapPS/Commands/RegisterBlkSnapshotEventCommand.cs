// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using BlksnapPS.Completers;
using BlksnapPS.Events;

namespace BlksnapPS.Commands;

/// <summary>
/// Register-BlkSnapshotEvent: makes the events of a snapshot events of the engine, with the parameters of
/// Register-ObjectEvent. Reading ends with the subscription, however that ends.
/// </summary>
[Cmdlet(VerbsLifecycle.Register, "BlkSnapshotEvent")]
[OutputType(typeof(PSEventJob))]
public sealed class RegisterBlkSnapshotEventCommand : BlksnapCommand
{
    /// <summary>Id of the snapshot.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    public Guid Id { get; set; }

    /// <summary>Which events.</summary>
    [Parameter(Position = 1)]
    [ValidateText(SnapshotEventNames.Pattern, SnapshotEventNames.Message)]
    [ArgumentCompleter(typeof(EventNameCompleter))]
    public string EventName { get; set; } = SnapshotEventNames.All;

    /// <summary>Name of the subscription; a new GUID if left out.</summary>
    [Parameter(Position = 100)]
    [ValidateNotNullOrEmpty]
    public string? SourceIdentifier { get; set; }

    /// <summary>What to run for each event; without one the events wait in the queue for Get-Event and Wait-Event.</summary>
    [Parameter(Position = 101)]
    public ScriptBlock? Action { get; set; }

    /// <summary>Data for the action, as $Event.MessageData.</summary>
    [Parameter]
    public PSObject? MessageData { get; set; }

    /// <summary>Hide the subscription from Get-EventSubscriber.</summary>
    [Parameter]
    public SwitchParameter SupportEvent { get; set; }

    /// <summary>Send the events to the session at the other end of a remote connection.</summary>
    [Parameter]
    public SwitchParameter Forward { get; set; }

    /// <summary>End the subscription after so many events; 0 for no limit.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int MaxTriggerCount { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        if (Action is not null && Forward)
        {
            ThrowTerminatingError(ErrorRecords.Create(
                new BlksnapException(ErrorIds.ActionAndForward, "An event is either acted on here or forwarded.", string.Empty, Errno.EINVAL, null),
                null));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        string identifier = SourceIdentifier ?? Guid.NewGuid().ToString();
        Attempt(Id, () =>
        {
            if (Events.GetEventSubscribers(identifier).Any())
            {
                throw new BlksnapException(
                    ErrorIds.SubscriberExists,
                    $"A subscription with the source identifier {identifier} exists already.",
                    string.Empty,
                    Errno.EEXIST,
                    identifier);
            }

            Subscribe(identifier);
        });
    }

    private void Subscribe(string identifier)
    {
        SnapshotEventSource source = new(Id, SnapshotEventNames.Parse(EventName), Events, identifier, MessageData);
        PSEventSubscriber subscriber = Events.SubscribeEvent(
            source,
            nameof(SnapshotEventSource.EventReceived),
            identifier,
            MessageData,
            Action,
            SupportEvent,
            Forward,
            MaxTriggerCount);
        subscriber.Unsubscribed += (_, _) => source.Dispose();
        try
        {
            source.Start(subscriber);
        }
        catch
        {
            Events.UnsubscribeEvent(subscriber);
            throw;
        }

        if (Action is not null && !SupportEvent)
        {
            WriteObject(subscriber.Action);
        }
    }
}
