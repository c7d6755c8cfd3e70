// SPDX-License-Identifier: MIT
namespace Blksnap.Support;

/// <summary>What a look at one condition came to.</summary>
public enum SupportResult
{
    /// <summary>As it has to be.</summary>
    Passed,

    /// <summary>It may work, or could not be found out.</summary>
    Warning,

    /// <summary>It cannot work so.</summary>
    Failed,
}

/// <summary>One condition for snapshots on a machine.</summary>
public sealed record SupportCheck
{
    /// <summary>What was looked at, for example <c>SecureBoot</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it came to.</summary>
    public required SupportResult Result { get; init; }

    /// <summary>What was found, in a sentence.</summary>
    public required string Message { get; init; }

    /// <summary>What to do about it; empty if there is nothing to do.</summary>
    public string NextStep { get; init; } = string.Empty;
}
