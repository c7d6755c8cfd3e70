// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Language;

namespace BlksnapPS.Completers;

/// <summary>What all completers share: matching, quoting, and silence when something fails.</summary>
internal static class CompletionText
{
    private static readonly char[] s_special = [' ', '\t', '\'', '"', '`', '$', '(', ')', '{', '}', ';', ',', '|', '&', '@', '#', '<', '>', '[', ']', '*', '?'];

    /// <summary>Runs a completer; whatever goes wrong, the user just gets no proposals.</summary>
    public static IEnumerable<CompletionResult> Collect(Func<IEnumerable<CompletionResult>> propose)
    {
        try
        {
            return propose().ToArray();
        }
#pragma warning disable CA1031 // A completer must not show errors in the middle of a command line.
        catch (Exception)
#pragma warning restore CA1031
        {
            return [];
        }
    }

    /// <summary>Whether a value begins with what the user has typed so far, quotes aside.</summary>
    public static bool Matches(string value, string? typed) =>
        value.StartsWith((typed ?? string.Empty).Trim('\'', '"'), StringComparison.OrdinalIgnoreCase);

    /// <summary>One proposal, quoted where the parser needs it.</summary>
    public static CompletionResult Result(string value, string label, string tooltip) =>
        new(Quote(value), label, CompletionResultType.ParameterValue, tooltip.Length == 0 ? value : tooltip);

    private static string Quote(string value) =>
        value.IndexOfAny(s_special) < 0 ? value : "'" + CodeGeneration.EscapeSingleQuotedStringContent(value) + "'";
}
