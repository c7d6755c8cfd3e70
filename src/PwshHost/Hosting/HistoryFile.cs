// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace PwshHost.Hosting;

/// <summary>
/// What was typed in earlier sessions. One entry a line; a line of an entry that goes on ends with a backtick, as PSReadLine has it.
/// What looks like a password is not kept.
/// </summary>
internal sealed partial class HistoryFile(string path)
{
    private const int Limit = 4096;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Where entries are kept: below XDG_DATA_HOME, or below the home folder.</summary>
    public static HistoryFile OfUser { get; } = new(Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify),
        "powershell",
        "PwshHost",
        "history.txt"));

    /// <summary>The newest entries, oldest first; none where there is no file to be read.</summary>
    public IReadOnlyList<string> Read()
    {
        List<string> entries = [];
        string pending = string.Empty;
        try
        {
            foreach (string line in File.Exists(path) ? File.ReadLines(path) : [])
            {
                if (line.EndsWith('`'))
                {
                    pending += line[..^1] + "\n";
                }
                else
                {
                    entries.Add(pending + line);
                    pending = string.Empty;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A prompt without history is better than none.
        }

        return entries.Count > Limit ? entries[^Limit..] : entries;
    }

    /// <summary>Adds an entry; sessions side by side add to the same file.</summary>
    public void Add(string entry)
    {
        if (Secret().IsMatch(entry))
        {
            return;
        }

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            FileStreamOptions options = new() { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = OwnerOnly;
            }

            using StreamWriter writer = new(path, options);
            writer.Write(entry.Replace("\n", "`\n", StringComparison.Ordinal) + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A read-only home, as in a rescue system: the history is that of this session.
        }
    }

    [GeneratedRegex("password|passphrase|secret|asplaintext|apikey", RegexOptions.IgnoreCase)]
    private static partial Regex Secret();
}
