// SPDX-License-Identifier: MIT
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsLifecycle.Register, "EngineEvent")]
[OutputType(typeof(PSEventJob))]
public sealed class RegisterEngineEventCommand : ObjectEventRegistrationBase
{
    [Parameter(Mandatory = true, Position = 100)]
    public new string SourceIdentifier
    {
        get => base.SourceIdentifier;
        set => base.SourceIdentifier = value;
    }

    protected override object? GetSourceObject()
    {
        // Without an action the event would have nobody but the queue; -Forward sends it elsewhere.
        if (Action is null && !Forward)
        {
            ThrowTerminatingError(new ErrorRecord(
                new ArgumentException("The action must be specified for non-forwarded events."), "ACTION_MANDATORY_FOR_LOCAL", ErrorCategory.InvalidArgument, null));
        }

        return null;
    }

    protected override string? GetSourceObjectEventName() => null;
}

[Cmdlet(VerbsLifecycle.Register, "ObjectEvent")]
[OutputType(typeof(PSEventJob))]
public sealed class RegisterObjectEventCommand : ObjectEventRegistrationBase
{
    [Parameter(Mandatory = true, Position = 0)]
    public PSObject? InputObject { get; set; }

    [Parameter(Mandatory = true, Position = 1)]
    public string EventName { get; set; } = string.Empty;

    protected override object? GetSourceObject() => InputObject?.BaseObject;

    protected override string GetSourceObjectEventName() => EventName;
}

[Cmdlet(VerbsLifecycle.Unregister, "Event", SupportsShouldProcess = true, DefaultParameterSetName = "BySource")]
public sealed class UnregisterEventCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "BySource")]
    public string? SourceIdentifier { get; set; }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "ById")]
    public int SubscriptionId { get; set; } = -1;

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        bool found = false;
        foreach (PSEventSubscriber subscriber in SubscriberSearch.Find(Events, SourceIdentifier, SubscriptionId, Force).ToArray())
        {
            found = true;
            if (ShouldProcess($"Event subscription '{subscriber.SourceIdentifier}'", "Unsubscribe"))
            {
                Events.UnsubscribeEvent(subscriber);
            }
        }

        SubscriberSearch.ReportMissing(this, found, SourceIdentifier, SubscriptionId);
    }
}

[Cmdlet(VerbsCommon.Get, "EventSubscriber", DefaultParameterSetName = "BySource")]
[OutputType(typeof(PSEventSubscriber))]
public sealed class GetEventSubscriberCommand : PSCmdlet
{
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "BySource")]
    public string? SourceIdentifier { get; set; }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, ParameterSetName = "ById")]
    [Alias("Id")]
    public int SubscriptionId { get; set; } = -1;

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        PSEventSubscriber[] found = [.. SubscriberSearch.Find(Events, SourceIdentifier, SubscriptionId, Force)];
        WriteObject(found, enumerateCollection: true);
        SubscriberSearch.ReportMissing(this, found.Length > 0, SourceIdentifier, SubscriptionId);
    }
}

internal static class SubscriberSearch
{
    public static IEnumerable<PSEventSubscriber> Find(PSEventManager events, string? source, int id, bool force)
    {
        WildcardPattern? pattern = source is null ? null : WildcardPattern.Get(source, WildcardOptions.IgnoreCase);
        return events.Subscribers.Where(s =>
            (pattern is null || (s.SourceIdentifier is not null && pattern.IsMatch(s.SourceIdentifier)))
            && (id < 0 || s.SubscriptionId == id)
            && (force || !s.SupportEvent));
    }

    public static void ReportMissing(PSCmdlet cmdlet, bool found, string? source, int id)
    {
        if (found || (source is null && id < 0) || (source is not null && WildcardPattern.ContainsWildcardCharacters(source)))
        {
            return;
        }

        (string message, string errorId) = source is not null
            ? ($"Event subscription with source identifier '{source}' does not exist.", "INVALID_SOURCE_IDENTIFIER")
            : ($"Event subscription with identifier {id} does not exist.", "INVALID_SUBSCRIPTION_IDENTIFIER");
        cmdlet.WriteError(new ErrorRecord(new ArgumentException(message), errorId, ErrorCategory.InvalidArgument, null));
    }
}
