// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Runtime.CompilerServices;

namespace BlksnapPS;

/// <summary>
/// Turns what users have at hand into ids of snapshots: texts, and whatever has a property Id or SnapshotId, also after a journey through
/// CLIXML or JSON. What it cannot use is handed back as it is, for the engine to refuse.
/// </summary>
/// <remarks>
/// The binder binds by value without conversion first, then by property name, and converts last: an id that needed a conversion would be
/// bound after a property of its object that another parameter takes.
/// </remarks>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
internal sealed class SnapshotIdTransformationAttribute : ArgumentTransformationAttribute
{
    private const string PathProperty = "PSPath";

    private static readonly string[] s_properties = ["Id", "SnapshotId"];

    // An attribute is shared by all instances of a command, so what is known of an argument has to be kept with the argument.
    private static readonly ConditionalWeakTable<Guid[], object> s_lines = [];

    /// <summary>Whether the parameter is a list that <see cref="AreLinesOfFile"/> is asked about.</summary>
    public bool RemembersLines { get; set; }

    /// <summary>Whether ids are lines of a file: those have its path as a property, which is no device that was asked for.</summary>
    public static bool AreLinesOfFile(Guid[]? ids) => ids is not null && s_lines.TryGetValue(ids, out _);

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        if (Bare(inputData) is IEnumerable list and not (string or IDictionary))
        {
            return IdsOf(list) is { Length: > 0 } ids ? Remember(inputData, ids) : inputData;
        }

        return IdOf(inputData) is not { } id ? inputData : Bare(inputData) is string && RemembersLines ? Remember(inputData, [id]) : id;
    }

    private Guid[] Remember(object argument, Guid[] ids)
    {
        if (RemembersLines && argument is PSObject wrapped && wrapped.Properties[PathProperty] is not null)
        {
            s_lines.Add(ids, ids);
        }

        return ids;
    }

    private static Guid[]? IdsOf(IEnumerable list)
    {
        List<Guid> ids = [];
        foreach (object? element in list)
        {
            if (IdOf(element) is not { } id)
            {
                return null;
            }

            ids.Add(id);
        }

        return [.. ids];
    }

    private static Guid? IdOf(object? argument) => Parse(argument) ?? (Bare(argument) is null or string
        ? null
        : s_properties.Select(name => Parse(Property(argument!, name))).FirstOrDefault(id => id is not null));

    private static Guid? Parse(object? value) => Bare(value) switch
    {
        Guid id => id,
        string text when Guid.TryParse(text, out Guid id) => id,
        _ => null,
    };

    private static object? Property(object argument, string name)
    {
        try
        {
            return Bare(argument) is IDictionary table ? table[name] : PSObject.AsPSObject(argument).Properties[name]?.Value;
        }
        catch (GetValueException)
        {
            return null;
        }
    }

    private static object? Bare(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
