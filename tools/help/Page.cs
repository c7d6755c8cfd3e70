// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace Help;

/// <summary>An example: its title, and its paragraphs and code in order.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Code">The lines to type.</param>
/// <param name="Remarks">The text around them.</param>
internal sealed record PageExample(string Title, string Code, string Remarks);

/// <summary>How a parameter behaves in one parameter set.</summary>
/// <param name="Set">Name of the set, or (All).</param>
/// <param name="Position">A number, or Named.</param>
/// <param name="IsRequired">Whether it has to be there.</param>
/// <param name="ByValue">Whether it takes whole objects from the pipeline.</param>
/// <param name="ByName">Whether it takes properties of the same name.</param>
internal sealed record PageBinding(string Set, string Position, bool IsRequired, bool ByValue, bool ByName);

/// <summary>A parameter of a page.</summary>
/// <param name="Name">Without the dash.</param>
/// <param name="Text">What it does.</param>
/// <param name="Type">Full name of its type.</param>
/// <param name="Aliases">Other names.</param>
/// <param name="Default">Its default, empty if there is none.</param>
/// <param name="Bindings">One for each set that it is in.</param>
internal sealed record PageParameter(
    string Name, string Text, string Type, IReadOnlyList<string> Aliases, string Default, IReadOnlyList<PageBinding> Bindings);

/// <summary>A markdown page about a cmdlet, in the schema of platyPS of 2024-05-01.</summary>
internal sealed partial record Page
{
    /// <summary>Heading of what every cmdlet has.</summary>
    public const string CommonParameters = "CommonParameters";

    public required string Name { get; init; }

    public required string Synopsis { get; init; }

    public required string Description { get; init; }

    public required string Notes { get; init; }

    public required IReadOnlyList<(string Set, string Text)> Syntax { get; init; }

    public required IReadOnlyList<PageExample> Examples { get; init; }

    public required IReadOnlyList<PageParameter> Parameters { get; init; }

    public required IReadOnlyList<(string Type, string Text)> Inputs { get; init; }

    public required IReadOnlyList<(string Type, string Text)> Outputs { get; init; }

    public required IReadOnlyList<(string Text, string Uri)> Links { get; init; }

    /// <summary>Reads a page.</summary>
    public static Page Parse(string markdown)
    {
        string body = FrontMatter().Replace(markdown.ReplaceLineEndings("\n"), string.Empty);
        Dictionary<string, string> sections = Split(body, "## ").ToDictionary(section => section.Title, section => section.Text, StringComparer.Ordinal);
        string Section(string name) => sections.GetValueOrDefault(name, string.Empty);
        return new Page
        {
            Name = Title().Match(body).Groups[1].Value,
            Synopsis = Section("SYNOPSIS"),
            Description = Section("DESCRIPTION"),
            Notes = Section("NOTES"),
            Syntax = [.. Split(Section("SYNTAX"), "### ").Select(part => (part.Title, Code().Match(part.Text).Groups[1].Value.Trim()))],
            Examples =
            [
                .. Split(Section("EXAMPLES"), "### ").Select(part => new PageExample(
                    ExampleNumber().Replace(part.Title, string.Empty),
                    string.Join("\n\n", Code().Matches(part.Text).Select(match => match.Groups[1].Value.Trim('\n'))),
                    Code().Replace(part.Text, string.Empty).Trim())),
            ],
            Parameters = [.. Split(Section("PARAMETERS"), "### ").Where(part => part.Title != CommonParameters).Select(ReadParameter)],
            Inputs = [.. Split(Section("INPUTS"), "### ")],
            Outputs = [.. Split(Section("OUTPUTS"), "### ")],
            Links = [.. Link().Matches(Section("RELATED LINKS")).Select(match => (match.Groups[1].Value, match.Groups[2].Value))],
        };
    }

    /// <summary>The parts of a text that begin with a heading of one level; headings in code are none.</summary>
    public static IEnumerable<(string Title, string Text)> Split(string text, string heading)
    {
        string? title = null;
        List<string> lines = [];
        bool inCode = false;
        foreach (string line in text.Split('\n'))
        {
            inCode ^= line.StartsWith("```", StringComparison.Ordinal);
            if (!inCode && line.StartsWith(heading, StringComparison.Ordinal))
            {
                if (title is not null)
                {
                    yield return (title, string.Join('\n', lines).Trim());
                }

                title = line[heading.Length..].Trim();
                lines.Clear();
            }
            else
            {
                lines.Add(line);
            }
        }

        if (title is not null)
        {
            yield return (title, string.Join('\n', lines).Trim());
        }
    }

    private static PageParameter ReadParameter((string Title, string Text) part)
    {
        string[] table = Code().Match(part.Text).Groups[1].Value.Split('\n');
        List<string> aliases = [];
        List<PageBinding> bindings = [];
        string type = string.Empty;
        string initial = string.Empty;
        bool inAliases = false;
        foreach (string line in table)
        {
            string[] pair = line.Split(':', 2, StringSplitOptions.TrimEntries);
            inAliases = line == "Aliases:" || (inAliases && line.StartsWith("- ", StringComparison.Ordinal));
            switch (pair.Length < 2 ? string.Empty : pair[0])
            {
                case "Type":
                    type = pair[1];
                    break;
                case "DefaultValue":
                    initial = pair[1].Trim('\'');
                    break;
                case "- Name":
                    bindings.Add(new PageBinding(pair[1], "Named", false, false, false));
                    break;
                case "Position":
                    bindings[^1] = bindings[^1] with { Position = pair[1] };
                    break;
                case "IsRequired":
                    bindings[^1] = bindings[^1] with { IsRequired = bool.Parse(pair[1]) };
                    break;
                case "ValueFromPipeline":
                    bindings[^1] = bindings[^1] with { ByValue = bool.Parse(pair[1]) };
                    break;
                case "ValueFromPipelineByPropertyName":
                    bindings[^1] = bindings[^1] with { ByName = bool.Parse(pair[1]) };
                    break;
                default:
                    if (inAliases && line.StartsWith("- ", StringComparison.Ordinal))
                    {
                        aliases.Add(line[2..]);
                    }

                    break;
            }
        }

        return new PageParameter(part.Title.TrimStart('-'), Code().Replace(part.Text, string.Empty).Trim(), type, aliases, initial, bindings);
    }

    [GeneratedRegex(@"\A---\n.*?\n---\n", RegexOptions.Singleline)]
    private static partial Regex FrontMatter();

    [GeneratedRegex("^# (.+)$", RegexOptions.Multiline)]
    private static partial Regex Title();

    [GeneratedRegex("^```[a-z]*\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Code();

    [GeneratedRegex(@"^Example \d+: ")]
    private static partial Regex ExampleNumber();

    [GeneratedRegex(@"\[([^\]]+)\]\(([^)]*)\)")]
    private static partial Regex Link();
}
