// SPDX-License-Identifier: MIT
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Get, "Location", DefaultParameterSetName = "Location")]
public sealed class GetLocationCommand : PSCmdlet
{
    [Parameter(ParameterSetName = "Location")]
    public string[]? PSProvider { get; set; }

    [Parameter(ParameterSetName = "Location")]
    public string[]? PSDrive { get; set; }

    [Parameter(ParameterSetName = "Stack")]
    public SwitchParameter Stack { get; set; }

    [Parameter(ParameterSetName = "Stack")]
    public string[]? StackName { get; set; }

    protected override void ProcessRecord()
    {
        if (Stack || StackName is not null)
        {
            foreach (string name in StackName ?? ["default"])
            {
                WriteObject(SessionState.Path.LocationStack(name));
            }
        }
        else if (PSDrive is not null)
        {
            foreach (string drive in PSDrive)
            {
                PSDriveInfo info = SessionState.Drive.Get(drive);
                WriteObject(new PathInfoFor(info).Value(SessionState));
            }
        }
        else if (PSProvider is not null)
        {
            foreach (string provider in PSProvider)
            {
                WriteObject(SessionState.Path.CurrentProviderLocation(provider));
            }
        }
        else
        {
            WriteObject(SessionState.Path.CurrentLocation);
        }
    }

    // PathInfo has no public constructor: the engine makes one from the drive's own notation.
    private readonly record struct PathInfoFor(PSDriveInfo Drive)
    {
        public PathInfo? Value(SessionState state) =>
            state.Path.GetResolvedPSPathFromPSPath($"{Drive.Name}:{Path.DirectorySeparatorChar}{Drive.CurrentLocation}").FirstOrDefault();
    }
}

public abstract class LocationCommand : PSCmdlet
{
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected void Go(Func<PathInfo?> action, string? target)
    {
        try
        {
            PathInfo? result = action();
            if (PassThru)
            {
                WriteObject(result ?? SessionState.Path.CurrentLocation);
            }
        }
        catch (Exception e) when (Errors.IsItemError(e))
        {
            WriteError(Errors.From(e, target));
        }
    }
}

[Cmdlet(VerbsCommon.Set, "Location", DefaultParameterSetName = "Path")]
public sealed class SetLocationCommand : LocationCommand
{
    [Parameter(Position = 0, ParameterSetName = "Path", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string? Path { get; set; }

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string? LiteralPath { get; set; }

    [Parameter(ParameterSetName = "Stack")]
    public string? StackName { get; set; }

    protected override void ProcessRecord()
    {
        if (StackName is not null)
        {
            SessionState.Path.SetDefaultLocationStack(StackName);
            return;
        }

        string target = LiteralPath is not null ? WildcardPattern.Escape(LiteralPath) : string.IsNullOrEmpty(Path) ? "~" : Path;
        Go(() => SessionState.Path.SetLocation(target), target);
    }
}

[Cmdlet(VerbsCommon.Push, "Location", DefaultParameterSetName = "Path")]
public sealed class PushLocationCommand : LocationCommand
{
    [Parameter(Position = 0, ParameterSetName = "Path", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string? Path { get; set; }

    [Parameter(ParameterSetName = "LiteralPath", ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string? LiteralPath { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    public string? StackName { get; set; }

    protected override void ProcessRecord()
    {
        SessionState.Path.PushCurrentLocation(StackName);
        string? target = LiteralPath is not null ? WildcardPattern.Escape(LiteralPath) : Path;
        if (target is not null)
        {
            Go(() => SessionState.Path.SetLocation(target), target);
        }
    }
}

[Cmdlet(VerbsCommon.Pop, "Location")]
public sealed class PopLocationCommand : LocationCommand
{
    [Parameter(ValueFromPipelineByPropertyName = true)]
    public string? StackName { get; set; }

    protected override void ProcessRecord() => Go(() => SessionState.Path.PopLocation(StackName), StackName);
}
