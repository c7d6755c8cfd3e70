// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Select, "String", DefaultParameterSetName = "File")]
public sealed class SelectStringCommand : PSCmdlet
{
    private readonly List<(string Text, Regex Expression)> expressions = [];
    private readonly List<string> piped = [];
    private bool found;
    private long pipedLine;

    [Parameter(ValueFromPipeline = true, Mandatory = true, ParameterSetName = "Object")]
    [AllowNull]
    [AllowEmptyString]
    public PSObject? InputObject { get; set; }

    [Parameter(Mandatory = true, Position = 0)]
    public string[] Pattern { get; set; } = [];

    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = "File")]
    public string[]? Path { get; set; }

    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = "LiteralFile")]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter]
    public SwitchParameter Raw { get; set; }

    [Parameter]
    public SwitchParameter SimpleMatch { get; set; }

    [Parameter]
    public SwitchParameter CaseSensitive { get; set; }

    [Parameter]
    public SwitchParameter Quiet { get; set; }

    [Parameter]
    public SwitchParameter List { get; set; }

    [Parameter]
    public SwitchParameter NoEmphasis { get; set; }

    [Parameter]
    public SwitchParameter NotMatch { get; set; }

    [Parameter]
    public SwitchParameter AllMatches { get; set; }

    [Parameter]
    [ValidateCount(1, 2)]
    [ValidateRange(0, int.MaxValue)]
    public int[]? Context { get; set; }

    protected override void BeginProcessing()
    {
        RegexOptions options = CaseSensitive ? RegexOptions.None : RegexOptions.IgnoreCase;
        foreach (string pattern in Pattern)
        {
            expressions.Add((pattern, new Regex(SimpleMatch ? Regex.Escape(pattern) : pattern, options)));
        }
    }

    protected override void ProcessRecord()
    {
        if (Quiet && found)
        {
            return;
        }

        if (Path is not null || LiteralPath is not null)
        {
            foreach (string file in FilePaths.Resolve(this, Path ?? LiteralPath!, literal: LiteralPath is not null))
            {
                if (!Directory.Exists(file))
                {
                    Search(file, File.ReadAllLines(file));
                }
            }

            return;
        }

        if (InputObject?.BaseObject is FileInfo info)
        {
            Search(info.FullName, File.ReadAllLines(info.FullName));
            return;
        }

        string text = InputObject is null ? string.Empty : LanguagePrimitives.ConvertTo<string>(InputObject);
        if (Context is null)
        {
            Test("InputStream", text, ++pipedLine, null);
        }
        else
        {
            // What follows a match is not known yet.
            piped.Add(text);
        }
    }

    protected override void EndProcessing()
    {
        if (piped.Count > 0)
        {
            Search("InputStream", [.. piped]);
        }

        if (Quiet && !found)
        {
            WriteObject(false);
        }
    }

    private void Search(string path, string[] lines)
    {
        for (int i = 0; i < lines.Length; i++)
        {
            bool matched = Test(path, lines[i], i + 1, Context is null ? null : Around(lines, i));
            if (matched && (List || Quiet))
            {
                return;
            }
        }
    }

    private MatchInfoContext Around(string[] lines, int index)
    {
        int before = Context![0];
        int after = Context.Length > 1 ? Context[1] : before;
        return new MatchInfoContext
        {
            PreContext = lines[Math.Max(0, index - before)..index],
            PostContext = lines[(index + 1)..Math.Min(lines.Length, index + 1 + after)],
        };
    }

    private bool Test(string path, string line, long number, MatchInfoContext? context)
    {
        foreach ((string text, Regex expression) in expressions)
        {
            Match[] matches = AllMatches ? [.. expression.Matches(line).Cast<Match>()] : expression.Match(line) is { Success: true } one ? [one] : [];
            if (matches.Length > 0)
            {
                if (!NotMatch)
                {
                    Deliver(path, line, number, context, text, SimpleMatch ? [] : matches);
                    return true;
                }

                return false;
            }
        }

        if (NotMatch)
        {
            Deliver(path, line, number, context, Pattern[^1], []);
        }

        return NotMatch;
    }

    private void Deliver(string path, string line, long number, MatchInfoContext? context, string pattern, Match[] matches)
    {
        if (Quiet)
        {
            if (!found)
            {
                found = true;
                WriteObject(true);
            }

            return;
        }

        WriteObject(Raw ? line : new MatchInfo
        {
            IgnoreCase = !CaseSensitive,
            Path = path,
            Line = line,
            LineNumber = number,
            Pattern = pattern,
            Context = context,
            Matches = matches,
        });
    }
}
