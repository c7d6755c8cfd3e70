// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

/// <summary>One item of a -Property parameter: a name, a pattern, a script block, or a hashtable with a name and an expression.</summary>
internal sealed class PropertySpec
{
    private PropertySpec(PSPropertyExpression expression, string? label, bool? descending)
    {
        Expression = expression;
        Label = label;
        Descending = descending;
    }

    public PSPropertyExpression Expression { get; }

    public string? Label { get; }

    public bool? Descending { get; }

    public static List<PropertySpec> Parse(object[]? items)
    {
        List<PropertySpec> result = [];
        foreach (object? item in items ?? [])
        {
            object? bare = item is PSObject wrapped ? wrapped.BaseObject : item;
            result.Add(bare switch
            {
                IDictionary table => FromTable(table),
                null => throw new PSArgumentException("Cannot use null as a property."),
                _ => new PropertySpec(ToExpression(bare), label: null, descending: null),
            });
        }

        return result;
    }

    /// <summary>The value for sorting, grouping and comparing: the property's, or null where there is none.</summary>
    public object? ValueOf(PSObject target, out bool exists)
    {
        List<PSPropertyExpressionResult> results = Expression.GetValues(target);
        exists = results.Count > 0 && results[0].Exception is null;
        return exists ? results[0].Result : null;
    }

    private static PropertySpec FromTable(IDictionary table)
    {
        PSPropertyExpression? expression = null;
        string? label = null;
        bool? descending = null;
        foreach (DictionaryEntry entry in table)
        {
            string key = entry.Key.ToString() ?? string.Empty;
            object? value = entry.Value is PSObject wrapped ? wrapped.BaseObject : entry.Value;
            if (Is(key, "expression"))
            {
                expression = ToExpression(value);
            }
            else if (Is(key, "name") || Is(key, "label"))
            {
                label = LanguagePrimitives.ConvertTo<string>(value);
            }
            else if (Is(key, "descending"))
            {
                descending = LanguagePrimitives.IsTrue(value);
            }
            else if (Is(key, "ascending"))
            {
                descending = !LanguagePrimitives.IsTrue(value);
            }
            else if (!Is(key, "formatstring") && !Is(key, "alignment") && !Is(key, "width"))
            {
                throw new PSArgumentException($"The {key} key is not valid.");
            }
        }

        // A name alone selects the property of that name.
        expression ??= label is null ? throw new PSArgumentException("The hashtable has no expression.") : new PSPropertyExpression(label);
        return new PropertySpec(expression, label, descending);
    }

    private static bool Is(string key, string name) => key.Length > 0 && name.StartsWith(key, StringComparison.OrdinalIgnoreCase);

    private static PSPropertyExpression ToExpression(object? value) => value switch
    {
        ScriptBlock block => new PSPropertyExpression(block),
        null => throw new PSArgumentException("The expression is null."),
        _ when LanguagePrimitives.ConvertTo<string>(value) is { Length: > 0 } name => new PSPropertyExpression(name),
        _ => throw new PSArgumentException("The property name is empty."),
    };
}
