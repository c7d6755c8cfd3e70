// SPDX-License-Identifier: MIT
using Blksnap;

namespace BlksnapPS.Events;

/// <summary>The values of -EventName.</summary>
internal static class SnapshotEventNames
{
    public const string All = "All";
    public const string Pattern = "^(All|LowSpace|Corrupted)$";
    public const string Message = "{0} is none of All, LowSpace and Corrupted.";

    /// <summary>The kind of event that a name stands for; null for all.</summary>
    public static SnapshotEventKind? Parse(string name)
        => name.Equals(All, StringComparison.OrdinalIgnoreCase) ? null : Enum.Parse<SnapshotEventKind>(name, ignoreCase: true);
}
