// SPDX-License-Identifier: MIT
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Select, "Object", DefaultParameterSetName = "DefaultParameter")]
public sealed class SelectObjectCommand : PSCmdlet
{
    private readonly List<PSObject> uniques = [];
    private readonly Queue<PSObject> held = new();
    private List<PropertySpec> properties = [];
    private WildcardPattern[] excluded = [];
    private PSPropertyExpression? expand;
    private HashSet<int>? indexes;
    private int seen;
    private int emitted;

    [Parameter(ValueFromPipeline = true)]
    public PSObject InputObject { get; set; } = null!;

    [Parameter(Position = 0, ParameterSetName = "DefaultParameter")]
    [Parameter(Position = 0, ParameterSetName = "SkipLastParameter")]
    public object[]? Property { get; set; }

    [Parameter]
    public string[]? ExcludeProperty { get; set; }

    [Parameter]
    public string? ExpandProperty { get; set; }

    [Parameter]
    public SwitchParameter Unique { get; set; }

    [Parameter]
    public SwitchParameter CaseInsensitive { get; set; }

    [Parameter(ParameterSetName = "DefaultParameter")]
    [ValidateRange(0, int.MaxValue)]
    public int Last { get; set; }

    [Parameter(ParameterSetName = "DefaultParameter")]
    [ValidateRange(0, int.MaxValue)]
    public int First { get; set; }

    [Parameter(ParameterSetName = "DefaultParameter")]
    [Parameter(ParameterSetName = "SkipLastParameter")]
    [ValidateRange(0, int.MaxValue)]
    public int Skip { get; set; }

    [Parameter(ParameterSetName = "SkipLastParameter")]
    [ValidateRange(0, int.MaxValue)]
    public int SkipLast { get; set; }

    [Parameter(ParameterSetName = "DefaultParameter")]
    [Parameter(ParameterSetName = "IndexParameter")]
    public SwitchParameter Wait { get; set; }

    [Parameter(ParameterSetName = "IndexParameter")]
    public int[]? Index { get; set; }

    [Parameter(ParameterSetName = "SkipIndexParameter")]
    public int[]? SkipIndex { get; set; }

    private bool Has(string name) => MyInvocation.BoundParameters.ContainsKey(name);

    protected override void BeginProcessing()
    {
        properties = PropertySpec.Parse(Property);
        excluded = [.. (ExcludeProperty ?? []).Select(static p => WildcardPattern.Get(p, WildcardOptions.IgnoreCase))];
        if (excluded.Length > 0 && properties.Count == 0 && ExpandProperty is null)
        {
            properties = PropertySpec.Parse(["*"]);
        }

        expand = ExpandProperty is null ? null : new PSPropertyExpression(ExpandProperty);
        indexes = Index is not null ? [.. Index] : SkipIndex is not null ? [.. SkipIndex] : null;
    }

    protected override void ProcessRecord()
    {
        if (InputObject is null || ReferenceEquals(InputObject, System.Management.Automation.Internal.AutomationNull.Value))
        {
            return;
        }

        int number = seen++;
        if (indexes is not null)
        {
            if (indexes.Contains(number) == (Index is not null))
            {
                Emit(InputObject);
            }

            if (Index is not null && !Wait && number >= indexes.Max())
            {
                StopUpstream();
            }

            return;
        }

        bool last = Has(nameof(Last));
        bool first = Has(nameof(First));
        if (Has(nameof(SkipLast)))
        {
            if (number >= Skip)
            {
                held.Enqueue(InputObject);
                if (held.Count > SkipLast)
                {
                    Emit(held.Dequeue());
                }
            }

            return;
        }

        // With -Last, -Skip counts from the end.
        if (last)
        {
            if (first && number < First)
            {
                Emit(InputObject);
                return;
            }

            held.Enqueue(InputObject);
            if (held.Count > Last + (first ? 0 : Skip))
            {
                held.Dequeue();
            }

            return;
        }

        if (number < Skip)
        {
            return;
        }

        if (!first)
        {
            Emit(InputObject);
            return;
        }

        if (emitted < First)
        {
            emitted++;
            Emit(InputObject);
        }

        if (emitted >= First && !Wait && !Unique)
        {
            StopUpstream();
        }
    }

    protected override void EndProcessing()
    {
        if (Has(nameof(Last)))
        {
            int drop = Has(nameof(First)) ? 0 : Skip;
            while (held.Count > drop)
            {
                Emit(held.Dequeue());
            }
        }

        foreach (PSObject item in uniques)
        {
            WriteObject(item);
        }
    }

    private void StopUpstream() => throw UpstreamStop.Create(this);

    private void Emit(PSObject input)
    {
        if (expand is null)
        {
            Deliver(properties.Count == 0 ? input : Project(input));
            return;
        }

        List<PSPropertyExpressionResult> results = expand.GetValues(input);
        if (results.Count == 0)
        {
            WriteError(new ErrorRecord(
                new PSArgumentException($"Property \"{ExpandProperty}\" cannot be found."), "ExpandPropertyNotFound", ErrorCategory.InvalidArgument, input));
            return;
        }

        if (results[0].Exception is { } failure)
        {
            WriteError(new ErrorRecord(failure, "PropertyEvaluationExpand", ErrorCategory.InvalidResult, input));
            return;
        }

        System.Collections.IEnumerator? items = LanguagePrimitives.GetEnumerator(results[0].Result);
        if (items is null)
        {
            DeliverExpanded(results[0].Result, input);
            return;
        }

        while (items.MoveNext())
        {
            DeliverExpanded(items.Current, input);
        }
    }

    private void DeliverExpanded(object? value, PSObject input)
    {
        if (value is null)
        {
            Deliver(null);
            return;
        }

        PSObject result = PSObject.AsPSObject(value);
        if (properties.Count > 0)
        {
            result = result.Copy();
            foreach (PSNoteProperty property in Evaluate(input))
            {
                if (result.Properties[property.Name] is null)
                {
                    result.Properties.Add(property);
                }
            }
        }

        Deliver(result);
    }

    private PSObject Project(PSObject input)
    {
        PSObject result = new();
        foreach (PSNoteProperty property in Evaluate(input))
        {
            if (result.Properties[property.Name] is null)
            {
                result.Properties.Add(property, preValidated: true);
            }
        }

        result.TypeNames.Insert(0, "Selected." + input.TypeNames[0]);
        return result;
    }

    private IEnumerable<PSNoteProperty> Evaluate(PSObject input)
    {
        foreach (PropertySpec spec in properties)
        {
            if (spec.Expression.Script is not null)
            {
                PSPropertyExpressionResult result = spec.Expression.GetValues(input)[0];
                if (result.Exception is null)
                {
                    yield return new PSNoteProperty(spec.Label ?? spec.Expression.Script.ToString(), result.Result);
                }
                else
                {
                    // As pwsh: the property is there, and empty.
                    yield return new PSNoteProperty(spec.Label ?? spec.Expression.Script.ToString(), value: null);
                }

                continue;
            }

            List<PSPropertyExpression> names = spec.Expression.ResolveNames(input, expand: true);
            if (names.Count == 0 && !spec.Expression.HasWildCardCharacters)
            {
                string missing = spec.Label ?? spec.Expression.ToString();
                if (!excluded.Any(e => e.IsMatch(missing)))
                {
                    yield return new PSNoteProperty(missing, value: null);
                }

                continue;
            }

            foreach (PSPropertyExpression name in names)
            {
                if (excluded.Any(e => e.IsMatch(name.ToString())))
                {
                    continue;
                }

                List<PSPropertyExpressionResult> values = name.GetValues(input);
                object? value = values.Count > 0 && values[0].Exception is null ? values[0].Result : null;
                yield return new PSNoteProperty(spec.Label ?? name.ToString(), value);
            }
        }
    }

    private void Deliver(PSObject? item)
    {
        if (!Unique)
        {
            WriteObject(item);
            return;
        }

        if (item is not null && !uniques.Any(u => SameContent(u, item)))
        {
            uniques.Add(item);
        }
    }

    // Objects made here are equal when all their properties are; others when the engine says so.
    private bool SameContent(PSObject a, PSObject b)
    {
        StringComparison comparison = CaseInsensitive ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        if (a.BaseObject is not PSCustomObject || b.BaseObject is not PSCustomObject)
        {
            return a.BaseObject is string x && b.BaseObject is string y
                ? x.Equals(y, comparison)
                : LanguagePrimitives.Equals(a, b, ignoreCase: CaseInsensitive);
        }

        PSPropertyInfo[] left = [.. a.Properties];
        PSPropertyInfo[] right = [.. b.Properties];
        return left.Length == right.Length && left.Zip(right).All(pair =>
            pair.First.Name.Equals(pair.Second.Name, StringComparison.OrdinalIgnoreCase)
            && LanguagePrimitives.Equals(pair.First.Value, pair.Second.Value, ignoreCase: CaseInsensitive));
    }
}
