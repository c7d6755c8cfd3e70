// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using Blksnap.Storage;

namespace Blksnap.Snapshots;

/// <summary>A record as it is kept, with what tells the process that wrote it from a later one with the same id.</summary>
internal sealed record StoredAutoExtend(DiffStorageAutoExtend Record, long ProcessStart);

/// <summary>Where records of automatic extensions are kept: beside the runtime records, one file a snapshot, the latest only.</summary>
internal sealed class AutoExtendStore
{
    private const int Kept = 100;

    private readonly string _folder = Path.Combine(RuntimeRecord.Folder, "auto-extend");

    /// <summary>Makes the folder, and drops the oldest records. That a record cannot be kept is no reason to leave a snapshot without storage.</summary>
    public void Prepare()
    {
        try
        {
            DirectoryInfo folder = Directory.CreateDirectory(_folder);
            foreach (FileInfo old in folder.GetFiles().OrderByDescending(file => file.LastWriteTimeUtc).Skip(Kept))
            {
                old.Delete();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>Writes a record, in a folder that is there.</summary>
    public void Save(DiffStorageAutoExtend record)
    {
        try
        {
            string path = PathOf(record.SnapshotId);
            byte[] text = JsonSerializer.SerializeToUtf8Bytes(
                new StoredAutoExtend(record, StartOf(Environment.ProcessId) ?? 0), AutoExtendJson.Default.StoredAutoExtend);
            File.WriteAllBytes(path + ".new", text);
            File.Move(path + ".new", path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>All records, the oldest first. One whose process is gone says so.</summary>
    public IReadOnlyList<DiffStorageAutoExtend> ReadAll()
    {
        if (!Directory.Exists(_folder))
        {
            return [];
        }

        List<DiffStorageAutoExtend> records = [];
        foreach (string file in Directory.GetFiles(_folder, "*.json"))
        {
            if (TryRead(file) is { } record)
            {
                records.Add(record);
            }
        }

        return [.. records.OrderBy(record => record.StartTime)];
    }

    private static DiffStorageAutoExtend? TryRead(string file)
    {
        try
        {
            StoredAutoExtend? stored = JsonSerializer.Deserialize(File.ReadAllBytes(file), AutoExtendJson.Default.StoredAutoExtend);
            return stored is { Record: { State: AutoExtendState.Active or AutoExtendState.AtMaximum } open } && StartOf(open.ProcessId) != stored.ProcessStart
                ? open with { State = AutoExtendState.Abandoned }
                : stored?.Record;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>When a process started, in ticks since the boot; null if there is none with this id.</summary>
    private static long? StartOf(int process)
    {
        try
        {
            // The name may contain anything; behind its last parenthesis is the third field, and the time is the twenty-second.
            string status = File.ReadAllText($"/proc/{process}/stat");
            return long.Parse(status[(status.LastIndexOf(')') + 2)..].Split(' ')[19], System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string PathOf(Guid id) => Path.Combine(_folder, id + ".json");
}

/// <summary>Serialisation without reflection, which costs start-up time.</summary>
[JsonSerializable(typeof(StoredAutoExtend))]
[JsonSourceGenerationOptions(WriteIndented = true)]
internal sealed partial class AutoExtendJson : JsonSerializerContext;
