// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsData.Compare, "Object")]
public sealed class CompareObjectCommand : PSCmdlet
{
    private readonly List<PSObject> differences = [];

    [Parameter(Position = 0, Mandatory = true)]
    [AllowEmptyCollection]
    public PSObject[] ReferenceObject { get; set; } = [];

    [Parameter(Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [AllowEmptyCollection]
    public PSObject[] DifferenceObject { get; set; } = [];

    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int SyncWindow { get; set; } = int.MaxValue;

    [Parameter]
    public object[]? Property { get; set; }

    [Parameter]
    public SwitchParameter ExcludeDifferent { get; set; }

    [Parameter]
    public SwitchParameter IncludeEqual { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    [Parameter]
    public string? Culture { get; set; }

    [Parameter]
    public SwitchParameter CaseSensitive { get; set; }

    protected override void ProcessRecord() => differences.AddRange(DifferenceObject.Where(static d => d is not null));

    protected override void EndProcessing()
    {
        List<PropertySpec> specs = PropertySpec.Parse(Property);
        ValueComparer values = new(CaseSensitive, Culture is null ? CultureInfo.CurrentCulture : CultureInfo.GetCultureInfo(Culture));
        PSObject[] references = [.. ReferenceObject.Where(static r => r is not null)];
        bool equals = IncludeEqual || ExcludeDifferent;
        bool[] matched = new bool[references.Length];
        List<PSObject> right = [];
        for (int i = 0; i < differences.Count; i++)
        {
            int found = -1;
            int first = (int)Math.Max(0, i - (long)SyncWindow);
            int last = (int)Math.Min(references.Length - 1, i + (long)SyncWindow);
            for (int j = first; j <= last && found < 0; j++)
            {
                found = !matched[j] && Same(references[j], differences[i], specs, values) ? j : -1;
            }

            if (found < 0)
            {
                right.Add(differences[i]);
                continue;
            }

            matched[found] = true;
            if (equals)
            {
                Emit(references[found], "==", specs);
            }
        }

        if (ExcludeDifferent)
        {
            return;
        }

        foreach (PSObject item in right)
        {
            Emit(item, "=>", specs);
        }

        for (int j = 0; j < references.Length; j++)
        {
            if (!matched[j])
            {
                Emit(references[j], "<=", specs);
            }
        }
    }

    private static bool Same(PSObject x, PSObject y, List<PropertySpec> specs, ValueComparer values) => specs.Count == 0
        ? values.Compare(Bare(x), Bare(y)) == 0
        : specs.TrueForAll(s => values.Compare(s.ValueOf(x, out _), s.ValueOf(y, out _)) == 0);

    private static object Bare(PSObject item) => item.BaseObject is PSCustomObject ? item : item.BaseObject;

    private void Emit(PSObject item, string side, List<PropertySpec> specs)
    {
        if (PassThru)
        {
            PSObject copy = PSObject.AsPSObject(item);
            copy.Properties.Remove("SideIndicator");
            copy.Properties.Add(new PSNoteProperty("SideIndicator", side));
            WriteObject(copy);
            return;
        }

        PSObject result = new();
        if (specs.Count == 0)
        {
            result.Properties.Add(new PSNoteProperty("InputObject", item));
        }

        foreach (PropertySpec spec in specs)
        {
            result.Properties.Add(new PSNoteProperty(spec.Label ?? spec.Expression.ToString(), spec.ValueOf(item, out _)));
        }

        result.Properties.Add(new PSNoteProperty("SideIndicator", side));
        WriteObject(result);
    }
}

[Cmdlet(VerbsCommon.Get, "Unique", DefaultParameterSetName = "AsString")]
public sealed class GetUniqueCommand : PSCmdlet
{
    private PSObject? previous;

    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    [Parameter(ParameterSetName = "AsString")]
    public SwitchParameter AsString { get; set; }

    [Parameter(ParameterSetName = "UniqueByType")]
    public SwitchParameter OnType { get; set; }

    [Parameter]
    public SwitchParameter CaseInsensitive { get; set; }

    protected override void ProcessRecord()
    {
        if (InputObject is null)
        {
            return;
        }

        bool same = previous is not null && (OnType
            ? previous.TypeNames[0] == InputObject.TypeNames[0]
            : AsString
                ? string.Equals(previous.ToString(), InputObject.ToString(), CaseInsensitive ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal)
                : LanguagePrimitives.Equals(previous, InputObject, ignoreCase: CaseInsensitive));
        if (!same)
        {
            previous = InputObject;
            WriteObject(InputObject);
        }
    }
}
