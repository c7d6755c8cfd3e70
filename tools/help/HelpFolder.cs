// SPDX-License-Identifier: MIT
namespace Help;

/// <summary>The files of a help folder.</summary>
internal static class HelpFolder
{
    /// <summary>The pages of cmdlets.</summary>
    public static IEnumerable<Page> Pages(string folder) =>
        from file in Directory.EnumerateFiles(folder, "*-*.md").Order(StringComparer.Ordinal)
        select Page.Parse(File.ReadAllText(file));

    /// <summary>The files of about topics.</summary>
    public static IEnumerable<string> Topics(string folder) =>
        Directory.EnumerateFiles(folder, "about_*.md").Order(StringComparer.Ordinal);
}
