// SPDX-License-Identifier: MIT
using System.Text;

namespace Help;

/// <summary>An about topic: markdown as the text that Get-Help shows.</summary>
internal static class AboutTopic
{
    private const int Width = 76;

    /// <summary>The text of a topic. Its first paragraph is the short description.</summary>
    /// <param name="name">For example about_BlkSnapshot.</param>
    /// <param name="markdown">The page.</param>
    public static string Write(string name, string markdown)
    {
        StringBuilder text = new();
        text.Append("TOPIC\n    ").Append(name).Append("\n\n");
        string body = markdown.ReplaceLineEndings("\n");
        List<(string Title, string Text)> sections = [.. Page.Split(body, "## ")];
        string head = body[(body.IndexOf('\n') + 1)..];
        head = sections.Count == 0 ? head : head[..head.IndexOf("\n## ", StringComparison.Ordinal)];
        Add(text, "SHORT DESCRIPTION", head.Trim());
        foreach ((string title, string section) in sections)
        {
            Add(text, title.ToUpperInvariant(), section);
        }

        return text.ToString();
    }

    private static void Add(StringBuilder text, string title, string section)
    {
        text.Append(title).Append('\n');
        bool wasCode = false;
        bool wasList = false;
        foreach (string paragraph in PlainText.Paragraphs(section))
        {
            bool isCode = paragraph.StartsWith("    ", StringComparison.Ordinal);
            bool isList = paragraph.StartsWith("- ", StringComparison.Ordinal);
            if ((wasCode && !isCode) || (wasList && !isList))
            {
                text.Append('\n');
            }

            wasCode = isCode;
            wasList = isList;
            text.Append(isCode ? $"    {paragraph}\n" : Wrap(paragraph) + (isList ? "\n" : "\n\n"));
        }

        if (wasCode || wasList)
        {
            text.Append('\n');
        }
    }

    private static string Wrap(string paragraph)
    {
        StringBuilder text = new("    ");
        int column = 4;
        foreach (string word in paragraph.Split(' '))
        {
            if (column > 4 && column + word.Length > Width)
            {
                text.Append("\n    ");
                column = 4;
            }

            text.Append(word).Append(' ');
            column += word.Length + 1;
        }

        return text.ToString().TrimEnd().Replace(" \n", "\n", StringComparison.Ordinal);
    }
}
