// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsDiagnostic.Test, "Path", DefaultParameterSetName = "Path")]
[OutputType(typeof(bool))]
public sealed class TestPathCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Path", Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    public string[]? Path { get; set; }

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    public string[]? LiteralPath { get; set; }

    [Parameter]
    public string? Filter { get; set; }

    [Parameter]
    public string[]? Include { get; set; }

    [Parameter]
    public string[]? Exclude { get; set; }

    [Parameter]
    [Alias("Type")]
    [ValidateSet("Any", "Container", "Leaf")]
    public string PathType { get; set; } = "Any";

    [Parameter]
    public SwitchParameter IsValid { get; set; }

    protected override void ProcessRecord()
    {
        string[]? paths = LiteralPath ?? Path;
        if (paths is null || paths.Length == 0)
        {
            WriteError(new ErrorRecord(new PSArgumentNullException("Path"), "NullPathNotPermitted", ErrorCategory.InvalidArgument, paths));
            return;
        }

        foreach (string? path in paths)
        {
            if (path is null)
            {
                WriteError(new ErrorRecord(new PSArgumentNullException("Path"), "NullPathNotPermitted", ErrorCategory.InvalidArgument, path));
            }
            else
            {
                WriteObject(!string.IsNullOrWhiteSpace(path) && (IsValid ? SessionState.Path.IsValid(path) : Test(path)));
            }
        }
    }

    private bool Test(string path)
    {
        bool literal = LiteralPath is not null;
        try
        {
            if (Filter is not null || Include is not null || Exclude is not null)
            {
                return new NameFilter(Filter, Include, Exclude) is var names
                    && InvokeProvider.Item.Get([path], force: true, literalPath: literal)
                        .Any(item => names.Accepts(item) && (PathType == "Any" || ItemPaths.IsContainer(item) == (PathType == "Container")));
            }

            if (!InvokeProvider.Item.Exists(path, force: true, literalPath: literal))
            {
                return false;
            }

            return PathType == "Any" || InvokeProvider.Item.IsContainer(literal ? WildcardPattern.Escape(path) : path) == (PathType == "Container");
        }
        catch (RuntimeException)
        {
            // A drive or provider that is not there: so is the path.
            return false;
        }
    }
}

[Cmdlet(VerbsCommon.Join, "Path")]
[OutputType(typeof(string))]
public sealed class JoinPathCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    public string[] Path { get; set; } = [];

    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyString]
    public string?[] ChildPath { get; set; } = [];

    [Parameter(Position = 2, ValueFromRemainingArguments = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public string[] AdditionalChildPath { get; set; } = [];

    [Parameter]
    public string? Extension { get; set; }

    [Parameter]
    public SwitchParameter Resolve { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string path in Path)
        {
            string joined = path;
            foreach (string? child in ChildPath.Concat(AdditionalChildPath ?? []))
            {
                joined = SessionState.Path.Combine(joined, child ?? string.Empty);
            }

            if (Extension is not null)
            {
                joined = System.IO.Path.ChangeExtension(joined, Extension.Length == 0 ? null : Extension);
            }

            if (!Resolve)
            {
                WriteObject(joined);
                continue;
            }

            try
            {
                foreach (PathInfo found in SessionState.Path.GetResolvedPSPathFromPSPath(joined))
                {
                    WriteObject(found.Path);
                }
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, joined));
            }
        }
    }
}

[Cmdlet(VerbsCommon.Split, "Path", DefaultParameterSetName = "ParentSet")]
[OutputType(typeof(string), typeof(bool))]
public sealed class SplitPathCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[] Path { get; set; } = [];

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(ParameterSetName = "ParentSet")]
    public SwitchParameter Parent { get; set; }

    [Parameter(ParameterSetName = "LeafSet", Mandatory = true)]
    public SwitchParameter Leaf { get; set; }

    [Parameter(ParameterSetName = "LeafBaseSet", Mandatory = true)]
    public SwitchParameter LeafBase { get; set; }

    [Parameter(ParameterSetName = "ExtensionSet", Mandatory = true)]
    public SwitchParameter Extension { get; set; }

    [Parameter(ParameterSetName = "QualifierSet", Mandatory = true)]
    public SwitchParameter Qualifier { get; set; }

    [Parameter(ParameterSetName = "NoQualifierSet", Mandatory = true)]
    public SwitchParameter NoQualifier { get; set; }

    [Parameter(ParameterSetName = "IsAbsoluteSet", Mandatory = true)]
    public SwitchParameter IsAbsolute { get; set; }

    [Parameter]
    public SwitchParameter Resolve { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string path in LiteralPath ?? Path)
        {
            try
            {
                IEnumerable<string> paths = Resolve ? SessionState.Path.GetResolvedPSPathFromPSPath(path).Select(static p => p.Path) : [path];
                foreach (string item in paths)
                {
                    WriteObject(Part(item));
                }
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, path));
            }
        }
    }

    private object? Part(string path)
    {
        int colon = path.IndexOf(':', StringComparison.Ordinal);
        bool qualified = colon > 0 && !path[..colon].Contains('/', StringComparison.Ordinal);
        return ParameterSetName switch
        {
            "LeafSet" => SessionState.Path.ParseChildName(path),
            "LeafBaseSet" => System.IO.Path.GetFileNameWithoutExtension(SessionState.Path.ParseChildName(path)),
            "ExtensionSet" => System.IO.Path.GetExtension(SessionState.Path.ParseChildName(path)),
            "QualifierSet" => qualified
                ? path[..(colon + 1)]
                : throw new PSArgumentException($"Cannot parse path because path '{path}' does not have a qualifier specified."),
            "NoQualifierSet" => qualified ? path[(colon + 1)..] : path,
            "IsAbsoluteSet" => SessionState.Path.IsPSAbsolute(path, out _),
            _ => SessionState.Path.ParseParent(path, string.Empty),
        };
    }
}

[Cmdlet(VerbsDiagnostic.Resolve, "Path", DefaultParameterSetName = "Path")]
public sealed class ResolvePathCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Path", Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[]? Path { get; set; }

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter]
    public SwitchParameter Relative { get; set; }

    [Parameter]
    public string? RelativeBasePath { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string path in LiteralPath ?? Path ?? [])
        {
            try
            {
                Collection<PathInfo> found = SessionState.Path.GetResolvedPSPathFromPSPath(LiteralPath is null ? path : WildcardPattern.Escape(path));
                foreach (PathInfo item in found)
                {
                    WriteObject(Relative ? ToRelative(item.ProviderPath) : item);
                }
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, path));
            }
        }
    }

    private string ToRelative(string path)
    {
        string from = RelativeBasePath is null ? SessionState.Path.CurrentFileSystemLocation.ProviderPath : FilePaths.Full(this, RelativeBasePath);
        string relative = System.IO.Path.GetRelativePath(from, path);
        return relative.StartsWith("..", StringComparison.Ordinal) || relative == "." ? relative : "./" + relative;
    }
}

[Cmdlet(VerbsData.Convert, "Path", DefaultParameterSetName = "Path")]
[OutputType(typeof(string))]
public sealed class ConvertPathCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Path", Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[]? Path { get; set; }

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string found in FilePaths.Resolve(this, LiteralPath ?? Path ?? [], literal: LiteralPath is not null))
        {
            WriteObject(found);
        }
    }
}
