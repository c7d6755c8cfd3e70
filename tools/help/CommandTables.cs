// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Management.Automation;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace Help;

/// <summary>The parts of a page that follow from the cmdlet: syntax, and the table below each parameter.</summary>
internal static partial class CommandTables
{
    private const string CommonText =
        "This cmdlet supports the common parameters: -Debug, -ErrorAction, -ErrorVariable, -InformationAction, -InformationVariable, -OutBuffer, "
        + "-OutVariable, -PipelineVariable, -ProgressAction, -Verbose, -WarningAction, -WarningVariable. See about_CommonParameters.";

    private static readonly Dictionary<string, string> s_standard = new(StringComparer.Ordinal)
    {
        ["WhatIf"] = "Say what would be done, and do nothing: no request that changes anything is sent.",
        ["Confirm"] = "Ask before it is done.",
    };

    /// <summary>The page with its syntax and tables as the cmdlet has them; its prose stays. An empty text becomes the frame of a page.</summary>
    public static string Update(CmdletInfo command, string markdown)
    {
        string page = markdown.Length == 0 ? Frame(command) : markdown.ReplaceLineEndings("\n");
        page = Section("SYNTAX", page, _ => Syntax(command));
        return Section("PARAMETERS", page, old => Parameters(command, old));
    }

    /// <summary>Parameters that are not the engine's own.</summary>
    public static IEnumerable<ParameterMetadata> ParametersOf(CmdletInfo command) =>
        command.Parameters.Values
            .Where(parameter => !Cmdlet.CommonParameters.Contains(parameter.Name))
            .OrderBy(parameter => parameter.Name, StringComparer.Ordinal);

    private static string Section(string name, string page, Func<string, string> write)
    {
        int start = page.IndexOf($"\n## {name}\n", StringComparison.Ordinal);
        if (start < 0)
        {
            throw new InvalidDataException($"A page has no section {name}.");
        }

        start += name.Length + 5;
        Match next = NextSection().Match(page, start);
        int end = next.Success ? next.Index : page.Length;
        return $"{page[..start]}\n{write(page[start..end]).Trim()}\n{page[end..]}";
    }

    private static string Syntax(CmdletInfo command)
    {
        StringBuilder text = new();
        foreach (CommandParameterSetInfo set in command.ParameterSets)
        {
            text.Append("### ").Append(set.Name).Append("\n\n```\n").Append(command.Name).Append(' ').Append(set).Append("\n```\n\n");
        }

        return text.ToString();
    }

    private static string Parameters(CmdletInfo command, string old)
    {
        Dictionary<string, string> parts = Page.Split(old, "### ")
            .ToDictionary(part => part.Title.TrimStart('-'), part => part.Text, StringComparer.OrdinalIgnoreCase);
        object defaults = Activator.CreateInstance(command.ImplementingType)!;
        StringBuilder text = new();
        foreach (ParameterMetadata parameter in ParametersOf(command))
        {
            string table = parts.GetValueOrDefault(parameter.Name, string.Empty);
            string words = Table().Replace(table, string.Empty).Trim() is { Length: > 0 } present ? present : s_standard.GetValueOrDefault(parameter.Name, string.Empty);
            text.Append("### -").Append(parameter.Name).Append("\n\n").Append(words).Append("\n\n").Append(Table(parameter, Default(parameter, defaults) ?? Kept(table))).Append("\n\n");
        }

        return text.Append("### ").Append(Page.CommonParameters).Append("\n\n").Append(CommonText).ToString();
    }

    /// <summary>The default that a parameter has in the code; null if it has none there.</summary>
    private static string? Default(ParameterMetadata parameter, object command)
    {
        // A number that nobody could give stands for none.
        object? value = command.GetType().GetProperty(parameter.Name)?.GetValue(command);
        bool isNone = parameter.ParameterSets.Values.All(set => set.IsMandatory)
            || value is null or string { Length: 0 } or System.Collections.ICollection
            || parameter.Attributes.OfType<ValidateRangeAttribute>().Any(range => !IsWithin(range, value));
        return isNone ? null : value is SwitchParameter ? "False" : Convert.ToString(value, CultureInfo.InvariantCulture);
    }

    // Which kind of range it is, an attribute does not tell.
    private static bool IsWithin(ValidateRangeAttribute range, object value)
    {
        try
        {
            _ = typeof(ValidateRangeAttribute).GetMethod("ValidateElement", BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(range, [value]);
            return true;
        }
        catch (TargetInvocationException e) when (e.InnerException is ValidationMetadataException)
        {
            return false;
        }
    }

    /// <summary>The default that a page tells by hand, where it depends on something.</summary>
    private static string Kept(string table) => DefaultLine().Match(table) is { Success: true } line ? line.Groups[1].Value : string.Empty;

    private static string Table(ParameterMetadata parameter, string initial)
    {
        StringBuilder text = new("```yaml\n");
        text.Append("Type: ").Append(Name(parameter.ParameterType)).Append("\nDefaultValue: ").Append(initial.Length == 0 ? "''" : initial).Append("\nSupportsWildcards: false\n");
        text.Append(parameter.Aliases.Count == 0 ? "Aliases: []\n" : "Aliases:\n" + string.Concat(parameter.Aliases.Select(alias => $"- {alias}\n")));
        text.Append("ParameterSets:\n");
        foreach ((string name, ParameterSetMetadata set) in parameter.ParameterSets.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            text.Append("- Name: ").Append(name == ParameterAttribute.AllParameterSets ? "(All)" : name)
                .Append("\n  Position: ").Append(set.Position == int.MinValue ? "Named" : set.Position)
                .Append("\n  IsRequired: ").Append(Word(set.IsMandatory))
                .Append("\n  ValueFromPipeline: ").Append(Word(set.ValueFromPipeline))
                .Append("\n  ValueFromPipelineByPropertyName: ").Append(Word(set.ValueFromPipelineByPropertyName))
                .Append("\n  ValueFromRemainingArguments: ").Append(Word(set.ValueFromRemainingArguments)).Append('\n');
        }

        return text.Append("DontShow: false\nAcceptedValues: []\nHelpMessage: ''\n```").ToString();
    }

    private static string Name(Type type) =>
        Nullable.GetUnderlyingType(type) is { } inner ? Name(inner) : type.FullName!;

    private static string Word(bool value) => value ? "true" : "false";

    private static string Frame(CmdletInfo command) => $"""
        ---
        document type: cmdlet
        external help file: BlksnapPS.dll-Help.xml
        HelpUri: ''
        Locale: en-US
        Module Name: BlksnapPS
        PlatyPS schema version: 2024-05-01
        title: {command.Name}
        ---

        # {command.Name}

        ## SYNOPSIS

        ## SYNTAX

        ## ALIASES

        ## DESCRIPTION

        ## EXAMPLES

        ## PARAMETERS

        ## INPUTS

        ## OUTPUTS

        ## NOTES

        ## RELATED LINKS

        """;

    [GeneratedRegex("^## ", RegexOptions.Multiline)]
    private static partial Regex NextSection();

    [GeneratedRegex("^DefaultValue: '?(.*?)'?$", RegexOptions.Multiline)]
    private static partial Regex DefaultLine();

    [GeneratedRegex("^```yaml\n.*?^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Table();
}
