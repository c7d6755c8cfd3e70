// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Text.RegularExpressions;
using Blksnap.Abi;

namespace Unit.Library;

/// <summary>What docs/abi.md says a request answers with.</summary>
/// <param name="Number">Number of the request.</param>
/// <param name="Request">Name as in error ids.</param>
/// <param name="Errno">Positive error number.</param>
public sealed partial record DocumentedError(int Number, string Request, int Errno)
{
    private static readonly Dictionary<string, int> s_numbers = typeof(Errno).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Where(field => field.IsLiteral)
        .ToDictionary(field => field.Name, field => (int)field.GetRawConstantValue()!);

    /// <summary>The rows of both tables of requests.</summary>
    public static IReadOnlyList<DocumentedError> Read()
    {
        List<DocumentedError> errors = [];
        string last = string.Empty;
        foreach (string line in File.ReadLines(Repository.Path("docs/abi.md")))
        {
            // | 7 | SNAPSHOT_APPEND_STORAGE | what it does | errno |, or | 64 | 32 | SNAPSHOT_STATUS | what | errno |
            string[] cells = [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];
            int name = Array.FindIndex(cells, cell => RequestName().IsMatch(cell));
            if (!line.StartsWith('|') || name < 1 || !int.TryParse(cells[0], out int number))
            {
                continue;
            }

            last = cells[^1] == "the same" ? last : cells[^1];
            errors.AddRange(ErrorName().Matches(last)
                .Select(match => new DocumentedError(number, Pascal(cells[name]), s_numbers[match.Value]))
                .Distinct());
        }

        return errors;
    }

    public override string ToString() => $"{Request},{Blksnap.Abi.Errno.Name(Errno)}";

    private static string Pascal(string name) =>
        string.Concat(name.Split('_').Select(word => word[..1] + word[1..].ToLowerInvariant()));

    [GeneratedRegex("^[A-Z][A-Z_]{2,}$")]
    private static partial Regex RequestName();

    [GeneratedRegex(@"\bE[A-Z]{2,}\b")]
    private static partial Regex ErrorName();
}
