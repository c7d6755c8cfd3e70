// SPDX-License-Identifier: MIT
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

/// <summary>-Name with patterns, -Scope, -Include and -Exclude.</summary>
public abstract class VariableCommand : PSCmdlet
{
    [Parameter]
    public string? Scope { get; set; }

    [Parameter]
    public string[]? Include { get; set; }

    [Parameter]
    public string[]? Exclude { get; set; }

    internal SessionInternals Session => new(SessionState);

    internal List<PSVariable> Find(string[] names, bool reportMissing)
    {
        IDictionary<string, PSVariable> table = Session.Variables(Scope);
        WildcardPattern[] excluded = Patterns(Exclude);
        WildcardPattern[] included = Patterns(Include);
        List<PSVariable> found = [];
        foreach (string name in names)
        {
            WildcardPattern pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
            int before = found.Count;
            if (!WildcardPattern.ContainsWildcardCharacters(name))
            {
                if (Session.Variable(name, Scope) is { } one)
                {
                    found.Add(one);
                }
            }
            else
            {
                found.AddRange(table.Values.Where(v => pattern.IsMatch(v.Name)).OrderBy(static v => v.Name, StringComparer.OrdinalIgnoreCase));
            }

            if (found.Count == before && reportMissing && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                WriteError(new ErrorRecord(
                    new ItemNotFoundException($"Cannot find a variable with the name '{name}'."), "VariableNotFound", ErrorCategory.ObjectNotFound, name));
            }
        }

        found.RemoveAll(v => Array.Exists(excluded, p => p.IsMatch(v.Name)) || (included.Length > 0 && !Array.Exists(included, p => p.IsMatch(v.Name))));
        return found;
    }

    private static WildcardPattern[] Patterns(string[]? texts) => [.. (texts ?? []).Select(static t => WildcardPattern.Get(t, WildcardOptions.IgnoreCase))];
}

[Cmdlet(VerbsCommon.Get, "Variable")]
[OutputType(typeof(PSVariable))]
public sealed class GetVariableCommand : VariableCommand
{
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[] Name { get; set; } = ["*"];

    [Parameter]
    public SwitchParameter ValueOnly { get; set; }

    protected override void ProcessRecord()
    {
        foreach (PSVariable variable in Find(Name, reportMissing: true))
        {
            WriteObject(ValueOnly ? variable.Value : variable);
        }
    }
}

[Cmdlet(VerbsCommon.Set, "Variable", SupportsShouldProcess = true)]
[OutputType(typeof(PSVariable))]
public sealed class SetVariableCommand : VariableCommand
{
    private readonly List<object?> values = [];
    private bool piped;

    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true, Mandatory = true)]
    public string[] Name { get; set; } = [];

    [Parameter(Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public object? Value { get; set; }

    [Parameter]
    public string? Description { get; set; }

    [Parameter]
    public ScopedItemOptions Option { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void BeginProcessing() => piped = !MyInvocation.BoundParameters.ContainsKey(nameof(Value));

    protected override void ProcessRecord()
    {
        if (!piped)
        {
            Set(Value);
        }
        else if (MyInvocation.ExpectingInput)
        {
            values.Add(Value);
        }
    }

    protected override void EndProcessing()
    {
        if (piped)
        {
            Set(values.Count switch { 0 => null, 1 => values[0], _ => values.ToArray() });
        }
    }

    private void Set(object? value)
    {
        foreach (string name in Name)
        {
            if (!ShouldProcess($"Name: {name} Value: {value}", "Set variable"))
            {
                continue;
            }

            // An object that is there keeps its attributes and its scope.
            PSVariable? existing = Session.Variable(name, Scope ?? "local");
            PSVariable result;
            if (existing is not null && (existing.Options & (ScopedItemOptions.ReadOnly | ScopedItemOptions.Constant)) == 0)
            {
                existing.Value = value;
                result = existing;
            }
            else
            {
                result = new PSVariable(name, value);
                Session.SetVariable(result, Scope ?? "local", Force);
            }

            if (Description is not null)
            {
                result.Description = Description;
            }

            if (Option != ScopedItemOptions.None)
            {
                result.Options = Option;
            }

            if (PassThru)
            {
                WriteObject(result);
            }
        }
    }
}

[Cmdlet(VerbsCommon.New, "Variable", SupportsShouldProcess = true)]
[OutputType(typeof(PSVariable))]
public sealed class NewVariableCommand : PSCmdlet
{
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true, Mandatory = true)]
    public string Name { get; set; } = string.Empty;

    [Parameter(Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public object? Value { get; set; }

    [Parameter]
    public string? Description { get; set; }

    [Parameter]
    public ScopedItemOptions Option { get; set; }

    [Parameter]
    public string Scope { get; set; } = "local";

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        if (!ShouldProcess($"Name: {Name} Value: {Value}", "New variable"))
        {
            return;
        }

        SessionInternals session = new(SessionState);
        if (!Force && session.Variable(Name, Scope) is not null)
        {
            WriteError(new ErrorRecord(
                new SessionStateException($"A variable with name '{Name}' already exists."), "VariableAlreadyExists", ErrorCategory.ResourceExists, Name));
            return;
        }

        PSVariable variable = new(Name, Value, Option);
        if (Description is not null)
        {
            variable.Description = Description;
        }

        try
        {
            session.NewVariable(variable, Scope, Force);
        }
        catch (SessionStateException e)
        {
            WriteError(new ErrorRecord(e.ErrorRecord, e));
            return;
        }

        if (PassThru)
        {
            WriteObject(variable);
        }
    }
}

[Cmdlet(VerbsCommon.Remove, "Variable", SupportsShouldProcess = true)]
public sealed class RemoveVariableCommand : VariableCommand
{
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true, Mandatory = true)]
    public string[] Name { get; set; } = [];

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        foreach (PSVariable variable in Find(Name, reportMissing: true))
        {
            if (!ShouldProcess($"Name: {variable.Name}", "Remove variable"))
            {
                continue;
            }

            try
            {
                Session.RemoveVariable(variable, Scope, Force);
            }
            catch (SessionStateException e)
            {
                WriteError(new ErrorRecord(e.ErrorRecord, e));
            }
        }
    }
}

[Cmdlet(VerbsCommon.Clear, "Variable", SupportsShouldProcess = true)]
[OutputType(typeof(PSVariable))]
public sealed class ClearVariableCommand : VariableCommand
{
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true, Mandatory = true)]
    public string[] Name { get; set; } = [];

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        foreach (PSVariable variable in Find(Name, reportMissing: true))
        {
            if (!ShouldProcess($"Name: {variable.Name}", "Clear variable"))
            {
                continue;
            }

            try
            {
                variable.Value = null;
            }
            catch (SessionStateException e)
            {
                WriteError(new ErrorRecord(e.ErrorRecord, e));
                continue;
            }

            if (PassThru)
            {
                WriteObject(variable);
            }
        }
    }
}
