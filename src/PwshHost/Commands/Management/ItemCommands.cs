// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Get, "Item", DefaultParameterSetName = "Path")]
public sealed class GetItemCommand : ItemPaths
{
    protected override void ProcessRecord()
    {
        NameFilter names = new(Filter, Include, Exclude);
        foreach (string path in LiteralPath ?? Path)
        {
            bool pattern = LiteralPath is null && WildcardPattern.ContainsWildcardCharacters(path);
            Attempt(path, () =>
            {
                foreach (PSObject item in InvokeProvider.Item.Get([path], Force, literalPath: LiteralPath is not null))
                {
                    if (names.Accepts(item) && (!pattern || Force || !IsHidden(item)))
                    {
                        WriteObject(item);
                    }
                }
            });
        }
    }
}

[Cmdlet(VerbsCommon.Get, "ChildItem", DefaultParameterSetName = "Items")]
public sealed class GetChildItemCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Items", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[]? Path { get; set; }

    [Parameter(ParameterSetName = "LiteralItems", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(Position = 1)]
    public string? Filter { get; set; }

    [Parameter]
    public string[]? Include { get; set; }

    [Parameter]
    public string[]? Exclude { get; set; }

    [Parameter]
    [Alias("s", "r")]
    public SwitchParameter Recurse { get; set; }

    [Parameter]
    public uint Depth { get; set; } = uint.MaxValue;

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter Name { get; set; }

    [Parameter]
    [Alias("ad")]
    public SwitchParameter Directory { get; set; }

    [Parameter]
    [Alias("af")]
    public SwitchParameter File { get; set; }

    [Parameter]
    [Alias("ah", "h")]
    public SwitchParameter Hidden { get; set; }

    protected override void ProcessRecord()
    {
        bool recurse = Recurse || Depth != uint.MaxValue;
        NameFilter names = new(Filter, recurse ? Include : null, Exclude);
        string[] paths = LiteralPath ?? Path ?? [SessionState.Path.CurrentLocation.Path];
        foreach (string path in paths.Select(static p => string.IsNullOrEmpty(p) ? "." : p))
        {
            try
            {
                bool literal = LiteralPath is not null || Path is null;
                Collection<PSObject> items = InvokeProvider.ChildItem.Get([path], recurse, Depth, Force || Hidden, literal);
                string root = Name ? Root(path, literal) : string.Empty;
                foreach (PSObject item in items)
                {
                    if (!names.Accepts(item) || (Directory && !ItemPaths.IsContainer(item)) || (File && ItemPaths.IsContainer(item))
                        || (Hidden && !ItemPaths.IsHidden(item)))
                    {
                        continue;
                    }

                    WriteObject(Name ? RelativeName(item, root) : item);
                }
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, path));
            }
        }
    }

    private string Root(string path, bool literal)
    {
        Collection<PSObject> roots = InvokeProvider.Item.Get([path], force: true, literalPath: literal);
        return roots.Count == 1 && roots[0].BaseObject is DirectoryInfo directory ? directory.FullName : string.Empty;
    }

    private static object? RelativeName(PSObject item, string root) => item.BaseObject is FileSystemInfo info && root.Length > 0
        ? System.IO.Path.GetRelativePath(root, info.FullName)
        : item.Properties["PSChildName"]?.Value ?? item.ToString();
}

[Cmdlet(VerbsCommon.New, "Item", DefaultParameterSetName = "pathSet", SupportsShouldProcess = true)]
public sealed class NewItemCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "pathSet", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Position = 0, ParameterSetName = "nameSet", ValueFromPipelineByPropertyName = true)]
    public string[] Path { get; set; } = [string.Empty];

    [Parameter(ParameterSetName = "nameSet", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyString]
    public string? Name { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Type")]
    public string? ItemType { get; set; }

    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Target")]
    public object? Value { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string path in Path)
        {
            string target = string.IsNullOrEmpty(Name) ? path : SessionState.Path.Combine(path, Name);
            try
            {
                string full = SessionState.Path.GetUnresolvedProviderPathFromPSPath(target, out ProviderInfo provider, out _);
                if (!ShouldProcess(full, $"Create {ItemType ?? "File"}"))
                {
                    continue;
                }

                if (Force && provider.Name == "FileSystem" && NewForced(full))
                {
                    WriteObject(InvokeProvider.Item.Get([full], force: true, literalPath: true), enumerateCollection: true);
                    continue;
                }

                WriteObject(InvokeProvider.Item.New(target, null, ItemType, Value), enumerateCollection: true);
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, target));
            }
        }
    }

    // -Force: parents are made, a file is emptied, a directory that exists is taken as it is.
    private bool NewForced(string full)
    {
        switch (ItemType?.ToLowerInvariant())
        {
            case null or "" or "file":
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full) ?? "/");
                File.WriteAllText(full, Value is null ? string.Empty : LanguagePrimitives.ConvertTo<string>(Value));
                return true;
            case "directory" or "container":
                Directory.CreateDirectory(full);
                return true;
            default:
                if (FilePaths.Exists(full))
                {
                    File.Delete(full);
                }

                return false;
        }
    }
}

[Cmdlet(VerbsCommon.Remove, "Item", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class RemoveItemCommand : ItemPaths
{
    private bool yesToAll;
    private bool noToAll;

    [Parameter]
    public SwitchParameter Recurse { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string target in Targets().ToArray())
        {
            Attempt(target, () => Remove(target));
        }
    }

    private void Remove(string target)
    {
        bool full = InvokeProvider.Item.IsContainer(WildcardPattern.Escape(target)) && !IsLink(target)
            && InvokeProvider.ChildItem.HasChild(target, force: true, literalPath: true);
        if (!ShouldProcess(Shown(target), full ? "Remove Directory" : "Remove Item"))
        {
            return;
        }

        if (full && !Recurse && !ShouldContinue(
            $"The item at {Shown(target)} has children and the Recurse parameter was not specified. If you continue, all children will be removed with the item. Are you sure you want to continue?",
            "Confirm", ref yesToAll, ref noToAll))
        {
            return;
        }

        InvokeProvider.Item.Remove([target], recurse: true, Force, literalPath: true);
    }

    private static bool IsLink(string target) => new FileInfo(Shown(target)).LinkTarget is not null;
}

[Cmdlet(VerbsCommon.Copy, "Item", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class CopyItemCommand : ItemPaths
{
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    public string Destination { get; set; } = ".";

    [Parameter]
    public SwitchParameter Container { get; set; } = true;

    [Parameter]
    public SwitchParameter Recurse { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string target in Targets().ToArray())
        {
            if (!ShouldProcess($"Item: {Shown(target)} Destination: {Destination}", "Copy Item"))
            {
                continue;
            }

            Attempt(target, () =>
            {
                Collection<PSObject> copies = InvokeProvider.Item.Copy(
                    [target], Destination, Recurse, Container ? CopyContainers.CopyTargetContainer : CopyContainers.CopyChildrenOfTargetContainer, Force, literalPath: true);
                if (PassThru)
                {
                    WriteObject(copies, enumerateCollection: true);
                }
            });
        }
    }
}

[Cmdlet(VerbsCommon.Move, "Item", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class MoveItemCommand : ItemPaths
{
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    public string Destination { get; set; } = ".";

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        foreach (string target in Targets().ToArray())
        {
            if (!ShouldProcess($"Item: {Shown(target)} Destination: {Destination}", "Move Item"))
            {
                continue;
            }

            Attempt(target, () =>
            {
                Collection<PSObject> moved = InvokeProvider.Item.Move([target], Destination, Force, literalPath: true);
                if (PassThru)
                {
                    WriteObject(moved, enumerateCollection: true);
                }
            });
        }
    }
}

[Cmdlet(VerbsCommon.Rename, "Item", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
public sealed class RenameItemCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Path", Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string? Path { get; set; }

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string? LiteralPath { get; set; }

    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public string NewName { get; set; } = string.Empty;

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        string source = LiteralPath ?? Path!;
        if (!ShouldProcess($"Item: {source} Destination: {NewName}", "Rename Item"))
        {
            return;
        }

        try
        {
            Collection<PSObject> renamed = InvokeProvider.Item.Rename(source, NewName, Force);
            if (PassThru)
            {
                WriteObject(renamed, enumerateCollection: true);
            }
        }
        catch (Exception e) when (Errors.IsItemError(e))
        {
            WriteError(Errors.From(e, source));
        }
    }
}
