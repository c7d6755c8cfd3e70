// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Internal;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsDiagnostic.Measure, "Object", DefaultParameterSetName = Numbers)]
public sealed class MeasureObjectCommand : PSCmdlet
{
    private const string Numbers = "GenericMeasure";
    private const string Texts = "TextMeasure";

    private readonly List<Statistics> all = [];

    [Parameter(ValueFromPipeline = true)]
    public PSObject InputObject { get; set; } = AutomationNull.Value;

    [Parameter(Position = 0)]
    public PSPropertyExpression[]? Property { get; set; }

    [Parameter(ParameterSetName = Numbers)]
    public SwitchParameter StandardDeviation { get; set; }

    [Parameter(ParameterSetName = Numbers)]
    public SwitchParameter Sum { get; set; }

    [Parameter(ParameterSetName = Numbers)]
    public SwitchParameter AllStats { get; set; }

    [Parameter(ParameterSetName = Numbers)]
    public SwitchParameter Average { get; set; }

    [Parameter(ParameterSetName = Numbers)]
    public SwitchParameter Maximum { get; set; }

    [Parameter(ParameterSetName = Numbers)]
    public SwitchParameter Minimum { get; set; }

    [Parameter(ParameterSetName = Texts)]
    public SwitchParameter Line { get; set; }

    [Parameter(ParameterSetName = Texts)]
    public SwitchParameter Word { get; set; }

    [Parameter(ParameterSetName = Texts)]
    public SwitchParameter Character { get; set; }

    [Parameter(ParameterSetName = Texts)]
    public SwitchParameter IgnoreWhiteSpace { get; set; }

    private sealed class Statistics(string? property)
    {
        public string? Property { get; } = property;
        public int Count { get; set; }
        public double Sum { get; set; }
        // Welford's sums, so that large values with a small spread keep their digits.
        public double Mean { get; set; }
        public double SquaredDistance { get; set; }
        public object? Maximum { get; set; }
        public object? Minimum { get; set; }
        public int Lines { get; set; }
        public int Words { get; set; }
        public int Characters { get; set; }
    }

    private bool NeedsNumber => Sum || Average || StandardDeviation || AllStats;

    protected override void ProcessRecord()
    {
        if (InputObject is null || ReferenceEquals(InputObject, AutomationNull.Value))
        {
            return;
        }

        if (Property is null)
        {
            Add(Of(null), InputObject.BaseObject is PSCustomObject ? InputObject : InputObject.BaseObject);
            return;
        }

        foreach (PSPropertyExpression property in Property)
        {
            foreach (PSPropertyExpression name in property.ResolveNames(InputObject))
            {
                List<PSPropertyExpressionResult> values = name.GetValues(InputObject);
                if (values.Count > 0 && values[0].Exception is null && values[0].Result is { } value)
                {
                    Add(Of(name.ToString()), value is PSObject wrapped ? wrapped.BaseObject : value);
                }
            }
        }
    }

    private Statistics Of(string? property)
    {
        Statistics? found = all.Find(s => string.Equals(s.Property, property, StringComparison.OrdinalIgnoreCase));
        if (found is null)
        {
            found = new Statistics(property);
            all.Add(found);
        }

        return found;
    }

    private void Add(Statistics statistics, object value)
    {
        if (ParameterSetName == Texts)
        {
            AddText(statistics, LanguagePrimitives.ConvertTo<string>(value));
            return;
        }

        if (NeedsNumber)
        {
            if (!LanguagePrimitives.TryConvertTo(value, CultureInfo.InvariantCulture, out double number))
            {
                WriteError(new ErrorRecord(
                    new PSArgumentException($"Input object \"{value}\" is not numeric."), "NonNumericInputObject", ErrorCategory.InvalidType, value));
                return;
            }

            statistics.Count++;
            statistics.Sum += number;
            double distance = number - statistics.Mean;
            statistics.Mean += distance / statistics.Count;
            statistics.SquaredDistance += distance * (number - statistics.Mean);
        }
        else
        {
            statistics.Count++;
        }

        // A string that is a number counts as one here, as in pwsh.
        object comparable = value is string && LanguagePrimitives.TryConvertTo(value, CultureInfo.InvariantCulture, out double parsed) ? parsed : value;
        if ((Maximum || AllStats) && (statistics.Maximum is null || LanguagePrimitives.Compare(comparable, statistics.Maximum, ignoreCase: true) > 0))
        {
            statistics.Maximum = comparable;
        }

        if ((Minimum || AllStats) && (statistics.Minimum is null || LanguagePrimitives.Compare(comparable, statistics.Minimum, ignoreCase: true) < 0))
        {
            statistics.Minimum = comparable;
        }
    }

    private void AddText(Statistics statistics, string text)
    {
        statistics.Count++;
        statistics.Lines += text.Length == 0 ? 0 : text.TrimEnd('\n').Count(static c => c == '\n') + 1;
        statistics.Words += text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
        statistics.Characters += IgnoreWhiteSpace ? text.Count(static c => !char.IsWhiteSpace(c)) : text.Length;
    }

    protected override void EndProcessing()
    {
        if (Property is not null)
        {
            foreach (PSPropertyExpression property in Property.Where(p => !p.HasWildCardCharacters && !all.Exists(s => p.ToString().Equals(s.Property, StringComparison.OrdinalIgnoreCase))))
            {
                WriteError(new ErrorRecord(
                    new PSArgumentException($"The property \"{property}\" cannot be found in the input for any objects."),
                    "GenericMeasurePropertyNotFound", ErrorCategory.InvalidArgument, null));
            }
        }
        else if (all.Count == 0)
        {
            Of(null);
        }

        foreach (Statistics statistics in all)
        {
            WriteObject(ParameterSetName == Texts ? Text(statistics) : Generic(statistics));
        }
    }

    private TextMeasureInfo Text(Statistics statistics) => new()
    {
        Property = statistics.Property,
        Lines = Line ? statistics.Lines : null,
        Words = Word ? statistics.Words : null,
        Characters = Character ? statistics.Characters : null,
    };

    private MeasureInfo Generic(Statistics s)
    {
        double? sum = Sum || AllStats ? s.Sum : null;
        double? average = (Average || AllStats) && s.Count > 0 ? s.Sum / s.Count : null;
        double? deviation = StandardDeviation || AllStats ? (s.Count > 1 ? Math.Sqrt(s.SquaredDistance / (s.Count - 1)) : 0) : null;
        bool numeric = IsNumberOrNothing(s.Maximum, out double? maximum) & IsNumberOrNothing(s.Minimum, out double? minimum);
        return numeric
            ? new GenericMeasureInfo { Property = s.Property, Count = s.Count, Sum = sum, Average = average, StandardDeviation = deviation, Maximum = maximum, Minimum = minimum }
            : new GenericObjectMeasureInfo { Property = s.Property, Count = s.Count, Sum = sum, Average = average, StandardDeviation = deviation, Maximum = s.Maximum, Minimum = s.Minimum };
    }

    private static bool IsNumberOrNothing(object? value, out double? number)
    {
        number = null;
        if (value is null)
        {
            return true;
        }

        if (value is not DateTime && LanguagePrimitives.TryConvertTo(value, CultureInfo.InvariantCulture, out double converted))
        {
            number = converted;
            return true;
        }

        return false;
    }
}
