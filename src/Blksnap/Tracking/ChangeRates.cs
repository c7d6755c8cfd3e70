// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Storage;

namespace Blksnap.Tracking;

/// <summary>How fast a device changes.</summary>
/// <param name="Bytes">Bytes that changed.</param>
/// <param name="Time">In what time.</param>
/// <param name="IsTracked">
/// Whether they are the blocks that changed between two snapshots; otherwise all that was written since the system was started, a block that
/// was written twice counting twice.
/// </param>
public sealed record ChangeRate(long Bytes, TimeSpan Time, bool IsTracked)
{
    /// <summary>Bytes an hour.</summary>
    public double BytesPerHour => Bytes / Time.TotalHours;
}

/// <summary>Why nobody knows how fast a device changes.</summary>
public enum UnknownRate
{
    /// <summary>It is not tracked, and no writes to it are known of.</summary>
    NotTracked,

    /// <summary>Fewer than two snapshots of it were taken.</summary>
    NoTwoSnapshots,

    /// <summary>Its last two snapshots lie so close together that what changed between them says nothing.</summary>
    SnapshotsTooClose,

    /// <summary>Nothing was noted at one of its last two snapshots.</summary>
    NotNoted,
}

/// <summary>
/// What is known of how fast devices change. A map of changes is readable only while a snapshot holds its device, so each take leaves behind
/// how much had changed since the one before.
/// </summary>
internal static class ChangeRates
{
    // Less time than this says nothing about an hour.
    private static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(10);

    /// <summary>The rate of a device; null if nothing is known.</summary>
    /// <param name="device">The device.</param>
    /// <param name="tracker">Its tracker; null if it is not tracked.</param>
    public static ChangeRate? Find(BlockDevice device, Tracker? tracker)
    {
        // The record of another generation may be one of another device.
        if (tracker is not null && Read(device.Id) is { ChangedBytes: { } bytes, Time: { } time } record && record.Generation == tracker.Generation)
        {
            return new ChangeRate(bytes, time, IsTracked: true);
        }

        TimeSpan up = TimeSpan.FromMilliseconds(Environment.TickCount64);
        return device.WrittenBytes > 0 && up > s_shortest ? new ChangeRate(device.WrittenBytes, up, IsTracked: false) : null;
    }

    /// <summary>Why <see cref="Find"/> knows nothing of a device.</summary>
    public static UnknownRate Explain(BlockDevice device, Tracker? tracker) => tracker switch
    {
        null => UnknownRate.NotTracked,
        { SnapshotNumber: < 2 } => UnknownRate.NoTwoSnapshots,
        _ when Read(device.Id) is { ChangedBytes: null, Time: not null } record && record.Generation == tracker.Generation => UnknownRate.SnapshotsTooClose,
        _ => UnknownRate.NotNoted,
    };

    /// <summary>Notes how much of the devices of a snapshot, taken just now, changed since their last one. What cannot be noted is left out.</summary>
    public static void Note(BlksnapDriver driver, IReadOnlyCollection<DeviceId> devices, DateTime taken)
    {
        try
        {
            foreach (Tracker tracker in driver.GetTrackers().Where(tracker => devices.Contains(tracker.Device)))
            {
                ChangeRateRecord? last = Read(tracker.Device);
                ChangeRateRecord record = new() { Generation = tracker.Generation, SnapshotNumber = tracker.SnapshotNumber, TakeTime = taken };
                if (last is not null
                    && last.Generation == tracker.Generation
                    && last.SnapshotNumber + 1 == tracker.SnapshotNumber)
                {
                    record = record with { Time = taken - last.TakeTime };
                    if (record.Time >= s_shortest)
                    {
                        int blocks = driver.ReadCbtMap(tracker.Device, tracker.BlockCount).AsSpan().Count(tracker.SnapshotNumber);
                        record = record with { ChangedBytes = Math.Min(blocks * tracker.BlockSize, tracker.Size) };
                    }
                }

                Write(tracker.Device, record);
            }
        }
        catch (Exception e) when (e is BlksnapException or IOException or UnauthorizedAccessException)
        {
            // An estimate less; the snapshot is there.
        }
    }

    private static ChangeRateRecord? Read(DeviceId device)
    {
        try
        {
            using FileStream stream = File.OpenRead(PathOf(device));
            return JsonSerializer.Deserialize(stream, ChangeRateJson.Default.ChangeRateRecord);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private static void Write(DeviceId device, ChangeRateRecord record)
    {
        string path = PathOf(device);
        _ = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string fresh = path + ".new";
        using (FileStream stream = File.Create(fresh))
        {
            JsonSerializer.Serialize(stream, record, ChangeRateJson.Default.ChangeRateRecord);
        }

        File.Move(fresh, path, overwrite: true);
    }

    private static string PathOf(DeviceId device) => Path.Combine(
        RuntimeRecord.Folder, "rates", string.Create(CultureInfo.InvariantCulture, $"{device.Major}-{device.Minor}.json"));
}

/// <summary>What a take leaves behind about a device.</summary>
internal sealed record ChangeRateRecord
{
    public required Guid Generation { get; init; }

    public required byte SnapshotNumber { get; init; }

    /// <summary>UTC.</summary>
    public required DateTime TakeTime { get; init; }

    /// <summary>Bytes in blocks that changed since the take before; null if that was not known, or too short ago.</summary>
    public long? ChangedBytes { get; init; }

    /// <summary>Time since the take before; null if that was not known.</summary>
    public TimeSpan? Time { get; init; }
}

/// <summary>Serialisation without reflection, which costs start-up time.</summary>
[JsonSerializable(typeof(ChangeRateRecord))]
internal sealed partial class ChangeRateJson : JsonSerializerContext;
