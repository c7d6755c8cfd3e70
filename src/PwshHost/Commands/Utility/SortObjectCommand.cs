// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

/// <summary>Orders values as the language does, and anything that it cannot order by its text.</summary>
internal sealed class ValueComparer(bool caseSensitive, CultureInfo culture) : IComparer<object?>
{
    public int Compare(object? x, object? y)
    {
        if (LanguagePrimitives.TryCompare(x, y, !caseSensitive, culture, out int result))
        {
            return result;
        }

        return string.Compare(
            LanguagePrimitives.ConvertTo<string>(x),
            LanguagePrimitives.ConvertTo<string>(y),
            culture,
            caseSensitive ? CompareOptions.None : CompareOptions.IgnoreCase);
    }
}

[Cmdlet("Sort", "Object", DefaultParameterSetName = "Default")]
public sealed class SortObjectCommand : PSCmdlet
{
    private readonly List<PSObject> items = [];

    [Parameter(Position = 0)]
    public object[]? Property { get; set; }

    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    [Parameter]
    public SwitchParameter Descending { get; set; }

    [Parameter]
    public SwitchParameter Unique { get; set; }

    [Parameter]
    public SwitchParameter CaseSensitive { get; set; }

    [Parameter]
    public string? Culture { get; set; }

    [Parameter(ParameterSetName = "Default")]
    public SwitchParameter Stable { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "Top")]
    [ValidateRange(1, int.MaxValue)]
    public int Top { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "Bottom")]
    [ValidateRange(1, int.MaxValue)]
    public int Bottom { get; set; }

    private sealed record Row(PSObject Item, (object? Value, bool Exists)[] Keys);

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
        CultureInfo culture = Culture is null ? CultureInfo.CurrentCulture : CultureInfo.GetCultureInfo(Culture);
        RowComparer comparer = new(new ValueComparer(CaseSensitive, culture), [.. specs.Select(s => s.Descending ?? Descending.IsPresent)], Descending);
        IEnumerable<Row> rows = items
            .Select(item => new Row(item, specs.Count == 0
                ? [(item.BaseObject is PSCustomObject ? item : item.BaseObject, true)]
                : [.. specs.Select(s => (s.ValueOf(item, out bool exists), exists))]))
            .Order(comparer);
        if (Unique)
        {
            rows = Distinct(rows, comparer);
        }

        if (Top > 0)
        {
            rows = rows.Take(Top);
        }
        else if (Bottom > 0)
        {
            rows = rows.TakeLast(Bottom);
        }

        foreach (Row row in rows)
        {
            WriteObject(row.Item);
        }
    }

    private static IEnumerable<Row> Distinct(IEnumerable<Row> rows, RowComparer comparer)
    {
        Row? previous = null;
        foreach (Row row in rows)
        {
            if (previous is null || comparer.Compare(previous, row) != 0)
            {
                yield return row;
                previous = row;
            }
        }
    }

    private sealed class RowComparer(ValueComparer values, bool[] descending, bool whole) : IComparer<Row>
    {
        public int Compare(Row? x, Row? y)
        {
            for (int i = 0; i < x!.Keys.Length; i++)
            {
                (object? left, bool leftExists) = x.Keys[i];
                (object? right, bool rightExists) = y!.Keys[i];
                // What lacks the property comes last, in either direction.
                int result = leftExists != rightExists ? (leftExists ? -1 : 1) : values.Compare(left, right);
                if (result != 0)
                {
                    bool reversed = leftExists && rightExists && (i < descending.Length ? descending[i] : whole);
                    return reversed ? -result : result;
                }
            }

            return 0;
        }
    }
}
