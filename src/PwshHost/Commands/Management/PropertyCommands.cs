// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Get, "ItemProperty", DefaultParameterSetName = "Path")]
public sealed class GetItemPropertyCommand : ItemPaths
{
    [Parameter(Position = 1)]
    [Alias("PSProperty")]
    public string[]? Name { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string target in Targets().ToArray())
        {
            Collection<PSObject> found = [];
            Attempt(target, () => found = InvokeProvider.Property.Get([target], new Collection<string>([.. Name ?? []]), literalPath: true));
            WriteObject(found, enumerateCollection: true);
        }
    }
}

[Cmdlet(VerbsCommon.Get, "ItemPropertyValue", DefaultParameterSetName = "Path")]
public sealed class GetItemPropertyValueCommand : ItemPaths
{
    [Parameter(Position = 1, Mandatory = true)]
    [Alias("PSProperty")]
    public string[] Name { get; set; } = [];

    protected override void ProcessRecord()
    {
        foreach (string target in Targets().ToArray())
        {
            foreach (string name in Name)
            {
                Collection<PSObject> found = [];
                Attempt(target, () => found = InvokeProvider.Property.Get([target], new Collection<string>([name]), literalPath: true));
                foreach (PSObject item in found)
                {
                    WriteObject(item.Properties[name]?.Value);
                }
            }
        }
    }
}

[Cmdlet(VerbsCommon.Set, "ItemProperty", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class SetItemPropertyCommand : ItemPaths
{
    [Parameter(Position = 1, Mandatory = true)]
    [Alias("PSProperty")]
    public string Name { get; set; } = string.Empty;

    [Parameter(Position = 2, Mandatory = true)]
    [AllowNull]
    public object? Value { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string target in Targets().ToArray())
        {
            if (ShouldProcess($"Item: {Shown(target)} Property: {Name}", "Set Property"))
            {
                PSObject values = new();
                values.Properties.Add(new PSNoteProperty(Name, Value));
                Attempt(target, () => InvokeProvider.Property.Set([target], values, Force, literalPath: true));
            }
        }
    }
}

[Cmdlet(VerbsCommon.Set, "Item", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class SetItemCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "Path", ValueFromPipelineByPropertyName = true)]
    public string[]? Path { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "LiteralPath", ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public object? Value { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string path in LiteralPath ?? Path ?? [])
        {
            if (!ShouldProcess($"Item: {path} Value: {Value}", "Set Item"))
            {
                continue;
            }

            try
            {
                Collection<PSObject> result = InvokeProvider.Item.Set([path], Value, Force, literalPath: LiteralPath is not null);
                if (PassThru)
                {
                    WriteObject(result, enumerateCollection: true);
                }
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, path));
            }
        }
    }
}

[Cmdlet(VerbsCommon.Get, "PSDrive")]
[OutputType(typeof(PSDriveInfo))]
public sealed class GetPSDriveCommand : PSCmdlet
{
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    public string[] Name { get; set; } = ["*"];

    [Parameter]
    public string[]? PSProvider { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string name in Name)
        {
            WildcardPattern pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
            PSDriveInfo[] found = [.. SessionState.Drive.GetAll()
                .Where(d => pattern.IsMatch(d.Name) && (PSProvider is null || PSProvider.Contains(d.Provider.Name, StringComparer.OrdinalIgnoreCase)))
                .OrderBy(static d => d.Name, StringComparer.OrdinalIgnoreCase)];
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                WriteError(new ErrorRecord(
                    new System.Management.Automation.DriveNotFoundException($"Cannot find drive. A drive with the name '{name}' does not exist."),
                    "GetLocationNoMatchingDrive", ErrorCategory.ObjectNotFound, name));
            }

            WriteObject(found, enumerateCollection: true);
        }
    }
}

[Cmdlet(VerbsCommon.New, "PSDrive", SupportsShouldProcess = true)]
[OutputType(typeof(PSDriveInfo))]
public sealed class NewPSDriveCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string Name { get; set; } = string.Empty;

    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string PSProvider { get; set; } = string.Empty;

    [Parameter(Position = 2, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    public string Root { get; set; } = string.Empty;

    [Parameter]
    public string Description { get; set; } = string.Empty;

    [Parameter]
    public string Scope { get; set; } = "local";

    protected override void ProcessRecord()
    {
        if (!ShouldProcess($"Name: {Name} Provider: {PSProvider} Root: {Root}", "New drive"))
        {
            return;
        }

        try
        {
            PSDriveInfo drive = new(Name, SessionState.Provider.GetOne(PSProvider), Root, Description, credential: null);
            WriteObject(SessionState.Drive.New(drive, Scope));
        }
        catch (Exception e) when (Errors.IsItemError(e))
        {
            WriteError(Errors.From(e, Name));
        }
    }
}

[Cmdlet(VerbsCommon.Remove, "PSDrive", SupportsShouldProcess = true)]
public sealed class RemovePSDriveCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string[] Name { get; set; } = [];

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public string? Scope { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string name in Name)
        {
            if (!ShouldProcess($"Name: {name}", "Remove drive"))
            {
                continue;
            }

            try
            {
                SessionState.Drive.Remove(name, Force, Scope);
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, name));
            }
        }
    }
}
