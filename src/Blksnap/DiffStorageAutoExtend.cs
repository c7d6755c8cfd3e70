// SPDX-License-Identifier: MIT
namespace Blksnap;

/// <summary>What became of an automatic extension.</summary>
public enum AutoExtendState
{
    /// <summary>It answers requests for storage.</summary>
    Active,

    /// <summary>The snapshot has all the storage that it may have; it is still watched.</summary>
    AtMaximum,

    /// <summary>The snapshot has ended.</summary>
    Ended,

    /// <summary>It was ended before the snapshot.</summary>
    Disabled,

    /// <summary>Reading events failed.</summary>
    Failed,

    /// <summary>The process that did it ended before the snapshot did.</summary>
    Abandoned,
}

/// <summary>One answer to a request for storage.</summary>
public sealed record AutoExtendStep
{
    /// <summary>Local time of the answer.</summary>
    public required DateTime Time { get; init; }

    /// <summary>Bytes that were added; 0 if that failed.</summary>
    public required long Length { get; init; }

    /// <summary>Bytes that were free before; null if the driver does not tell.</summary>
    public long? Free { get; init; }

    /// <summary>How long it took to add them.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Why nothing was added; null if something was.</summary>
    public string? Error { get; init; }
}

/// <summary>Record of the automatic extension of the difference storage of one snapshot. It outlives the snapshot, until the next restart.</summary>
public sealed record DiffStorageAutoExtend
{
    /// <summary>Id of the snapshot.</summary>
    public required Guid SnapshotId { get; init; }

    /// <summary>The directory that files are made in.</summary>
    public required string Directory { get; init; }

    /// <summary>Bytes that the whole difference storage of the snapshot may have.</summary>
    public required long MaximumSize { get; init; }

    /// <summary>Bytes that are added at a time at least; null for as many as the driver asks for.</summary>
    public long? StepSize { get; init; }

    /// <summary>State.</summary>
    public required AutoExtendState State { get; init; }

    /// <summary>Local time of its beginning.</summary>
    public required DateTime StartTime { get; init; }

    /// <summary>Local time of its end; null if it goes on.</summary>
    public DateTime? EndTime { get; init; }

    /// <summary>Id of the process that does it.</summary>
    public required int ProcessId { get; init; }

    /// <summary>Bytes added in all.</summary>
    public long AddedBytes { get; init; }

    /// <summary>Times that something was added.</summary>
    public int Extensions { get; init; }

    /// <summary>What was done, the latest last; of very many only the latest. An array, see <see cref="Snapshot"/>.</summary>
    public IReadOnlyList<AutoExtendStep> Steps { get; init => field = value as AutoExtendStep[] ?? value.ToArray(); } = [];

    /// <summary>The latest failure; null if there was none.</summary>
    public string? LastError { get; init; }
}
