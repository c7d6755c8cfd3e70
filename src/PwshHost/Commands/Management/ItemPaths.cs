// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

/// <summary>-Filter, -Include and -Exclude: all three look at an item's own name.</summary>
internal sealed class NameFilter(string? filter, string[]? include, string[]? exclude)
{
    private readonly WildcardPattern[] required = filter is null ? [] : [Pattern(filter)];
    private readonly WildcardPattern[] included = [.. (include ?? []).Select(Pattern)];
    private readonly WildcardPattern[] excluded = [.. (exclude ?? []).Select(Pattern)];

    public bool IsEmpty => required.Length + included.Length + excluded.Length == 0;

    public bool Accepts(PSObject item) => Accepts(item.Properties["PSChildName"]?.Value as string ?? item.ToString());

    public bool Accepts(string name) =>
        Array.TrueForAll(required, p => p.IsMatch(name))
        && (included.Length == 0 || Array.Exists(included, p => p.IsMatch(name)))
        && !Array.Exists(excluded, p => p.IsMatch(name));

    private static WildcardPattern Pattern(string text) => WildcardPattern.Get(text, WildcardOptions.IgnoreCase);
}

/// <summary>What the item commands have in common: -Path or -LiteralPath, and the filters.</summary>
public abstract class ItemPaths : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Path", Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public string[] Path { get; set; } = [];

    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter]
    public string? Filter { get; set; }

    [Parameter]
    public string[]? Include { get; set; }

    [Parameter]
    public string[]? Exclude { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    internal static bool IsContainer(PSObject item) => item.Properties["PSIsContainer"]?.Value is true;

    /// <summary>The engine's full notation of each existing item that is named; the others become errors.</summary>
    protected IEnumerable<string> Targets()
    {
        NameFilter names = new(Filter, Include, Exclude);
        foreach (string path in LiteralPath ?? Path)
        {
            Collection<PSObject> found = [];
            try
            {
                // A pattern that matches nothing is no error; a name is.
                found = InvokeProvider.Item.Get([path], force: true, literalPath: LiteralPath is not null);
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                WriteError(Errors.From(e, path));
            }

            bool pattern = LiteralPath is null && WildcardPattern.ContainsWildcardCharacters(path);
            foreach (PSObject item in found)
            {
                if (names.Accepts(item) && (!pattern || Force || !IsHidden(item)))
                {
                    yield return (string)item.Properties["PSPath"].Value;
                }
            }
        }
    }

    internal static bool IsHidden(PSObject item) => item.BaseObject is FileSystemInfo info && info.Name.StartsWith('.');

    /// <summary>A path as messages show it.</summary>
    protected static string Shown(string path) => path[(path.IndexOf("::", StringComparison.Ordinal) + 2)..];

    protected void Attempt(string target, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (Errors.IsItemError(e))
        {
            WriteError(Errors.From(e, target));
        }
    }
}
