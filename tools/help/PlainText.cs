// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace Help;

/// <summary>Markdown as text for a terminal.</summary>
internal static partial class PlainText
{
    /// <summary>The paragraphs of a text, each on one line; the items of lists and lines of code keep theirs.</summary>
    public static IEnumerable<string> Paragraphs(string markdown)
    {
        List<string> lines = [];
        bool inCode = false;
        foreach (string line in markdown.Split('\n').Append(string.Empty))
        {
            bool fence = line.StartsWith("```", StringComparison.Ordinal);
            inCode ^= fence;
            bool apart = fence || line.Length == 0 || line.StartsWith("- ", StringComparison.Ordinal) || line.StartsWith('|');
            if ((apart || inCode) && lines.Count > 0)
            {
                yield return string.Join(' ', lines);
                lines.Clear();
            }

            if (fence)
            {
                continue;
            }

            if (inCode)
            {
                yield return "    " + line;
            }
            else if (line.Length > 0)
            {
                lines.Add(Inline(line.Trim()));
            }
        }
    }

    private static string Inline(string text) => Emphasis().Replace(Link().Replace(text, "$1"), "$1").Replace("`", string.Empty, StringComparison.Ordinal);

    [GeneratedRegex(@"\[([^\]]+)\]\([^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\*\*?([^*]+)\*\*?")]
    private static partial Regex Emphasis();
}
