// SPDX-License-Identifier: MIT
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Get, "Alias", DefaultParameterSetName = "Default")]
[OutputType(typeof(AliasInfo))]
public sealed class GetAliasCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Default", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[] Name { get; set; } = ["*"];

    [Parameter]
    public string[] Exclude { get; set; } = [];

    [Parameter]
    public string? Scope { get; set; }

    [Parameter(ParameterSetName = "Definition")]
    public string[]? Definition { get; set; }

    protected override void ProcessRecord()
    {
        IEnumerable<AliasInfo> all = new SessionInternals(SessionState).Aliases(Scope).Values.OrderBy(static a => a.Name, StringComparer.OrdinalIgnoreCase);
        foreach (string text in Definition ?? Name)
        {
            WildcardPattern pattern = WildcardPattern.Get(text, WildcardOptions.IgnoreCase);
            AliasInfo[] found = [.. all.Where(a => pattern.IsMatch(Definition is null ? a.Name : a.Definition)
                && !Array.Exists(Exclude, e => WildcardPattern.Get(e, WildcardOptions.IgnoreCase).IsMatch(a.Name)))];
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(text))
            {
                WriteError(new ErrorRecord(
                    new ItemNotFoundException($"This command cannot find a matching alias because an alias with the {(Definition is null ? "name" : "definition")} '{text}' does not exist."),
                    "ItemNotFoundException", ErrorCategory.ObjectNotFound, text));
            }

            WriteObject(found, enumerateCollection: true);
        }
    }
}

public abstract class WriteAliasCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string Name { get; set; } = string.Empty;

    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string Value { get; set; } = string.Empty;

    [Parameter]
    public string? Description { get; set; }

    [Parameter]
    public ScopedItemOptions Option { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    [Parameter]
    public string? Scope { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected void Write(bool mustBeNew)
    {
        if (!ShouldProcess($"Name: {Name} Value: {Value}", mustBeNew ? "New Alias" : "Set Alias"))
        {
            return;
        }

        SessionInternals session = new(SessionState);
        if (mustBeNew && !Force && session.Aliases(Scope ?? "local").ContainsKey(Name))
        {
            WriteError(new ErrorRecord(
                new SessionStateException($"The alias is not allowed, because an alias with the name '{Name}' already exists."),
                "AliasAlreadyExists", ErrorCategory.ResourceExists, Name));
            return;
        }

        try
        {
            AliasInfo alias = session.SetAlias(Name, Value, Option, Scope, Force);
            if (Description is not null)
            {
                alias.Description = Description;
            }

            if (PassThru)
            {
                WriteObject(alias);
            }
        }
        catch (SessionStateException e)
        {
            WriteError(new ErrorRecord(e.ErrorRecord, e));
        }
    }
}

[Cmdlet(VerbsCommon.Set, "Alias", SupportsShouldProcess = true)]
[OutputType(typeof(AliasInfo))]
public sealed class SetAliasCommand : WriteAliasCommand
{
    protected override void ProcessRecord() => Write(mustBeNew: false);
}

[Cmdlet(VerbsCommon.New, "Alias", SupportsShouldProcess = true)]
[OutputType(typeof(AliasInfo))]
public sealed class NewAliasCommand : WriteAliasCommand
{
    protected override void ProcessRecord() => Write(mustBeNew: true);
}

[Cmdlet(VerbsCommon.Remove, "Alias")]
public sealed class RemoveAliasCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[] Name { get; set; } = [];

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        SessionInternals session = new(SessionState);
        foreach (string name in Name)
        {
            if (!session.Aliases(null).ContainsKey(name))
            {
                WriteError(new ErrorRecord(
                    new ItemNotFoundException($"This command cannot find a matching alias because an alias with the name '{name}' does not exist."),
                    "ItemNotFoundException", ErrorCategory.ObjectNotFound, name));
                continue;
            }

            try
            {
                session.RemoveAlias(name, Force);
            }
            catch (SessionStateException e)
            {
                WriteError(new ErrorRecord(e.ErrorRecord, e));
            }
        }
    }
}
