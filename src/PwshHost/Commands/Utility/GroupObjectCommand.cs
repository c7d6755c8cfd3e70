// SPDX-License-Identifier: MIT
using System.Collections;
using System.Globalization;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsData.Group, "Object", DefaultParameterSetName = "HashTable")]
public sealed class GroupObjectCommand : PSCmdlet
{
    private readonly List<PSObject> items = [];

    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    [Parameter(Position = 0)]
    public object[]? Property { get; set; }

    [Parameter]
    public SwitchParameter NoElement { get; set; }

    [Parameter(ParameterSetName = "HashTable")]
    [Alias("AHT")]
    public SwitchParameter AsHashTable { get; set; }

    [Parameter(ParameterSetName = "HashTable")]
    public SwitchParameter AsString { get; set; }

    [Parameter]
    public SwitchParameter CaseSensitive { get; set; }

    [Parameter]
    public string? Culture { get; set; }

    protected override void ProcessRecord()
    {
        if (InputObject is not null)
        {
            items.Add(InputObject);
        }
    }

    protected override void EndProcessing()
    {
        List<PropertySpec> specs = PropertySpec.Parse(Property);
        ValueComparer values = new(CaseSensitive, Culture is null ? CultureInfo.CurrentCulture : CultureInfo.GetCultureInfo(Culture));
        SortedDictionary<object?[], GroupInfo> groups = new(Comparer<object?[]>.Create((x, y) =>
        {
            int result = 0;
            for (int i = 0; i < x.Length && result == 0; i++)
            {
                result = values.Compare(x[i], y[i]);
            }

            return result;
        }));
        foreach (PSObject item in items)
        {
            object?[] key = specs.Count == 0 ? [item.BaseObject is PSCustomObject ? item : item.BaseObject] : [.. specs.Select(s => Bare(s.ValueOf(item, out _)))];
            if (!groups.TryGetValue(key, out GroupInfo? group))
            {
                string name = string.Join(", ", key.Select(static k => LanguagePrimitives.ConvertTo<string>(k)));
                ArrayList list = new(key);
                group = NoElement ? new GroupInfoNoElement(name, list) : new GroupInfo(name, list);
                groups.Add(key, group);
            }

            group.Count++;
            if (!NoElement)
            {
                group.Group.Add(item);
            }
        }

        if (AsHashTable)
        {
            WriteObject(ToHashtable(groups.Values));
        }
        else
        {
            WriteObject(groups.Values, enumerateCollection: true);
        }
    }

    private static object? Bare(object? value) => value is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : value;

    private Hashtable ToHashtable(IEnumerable<GroupInfo> groups)
    {
        Hashtable table = CaseSensitive ? new Hashtable() : new Hashtable(StringComparer.OrdinalIgnoreCase);
        foreach (GroupInfo group in groups)
        {
            object? key = AsString || group.Values.Count > 1 ? group.Name : group.Values[0];
            if (key is null)
            {
                WriteError(new ErrorRecord(
                    new PSInvalidOperationException("The objects grouped by this property cannot be expanded because there is a null key."),
                    "ArgumentNullException", ErrorCategory.InvalidData, group));
                continue;
            }

            table[key] = group.Group;
        }

        return table;
    }
}
