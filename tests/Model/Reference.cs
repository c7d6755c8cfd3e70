// SPDX-License-Identifier: MIT
using System.Globalization;

namespace Model;

/// <summary>
/// What a driver should answer, in the simplest form: contents as one byte a block, copies as sets. It knows nothing of chunks, files or locks.
/// The answers are texts, so that they can be compared and printed.
/// </summary>
public sealed class Reference(long storageBlocks)
{
    public const int DeviceCount = 2;
    public const int SlotCount = 3;

    /// <summary>Bytes of a block: the unit of copies, and of writes here.</summary>
    public const int BlockSize = 4096;
    public const int BlockSectors = BlockSize / 512;

    /// <summary>Blocks at the start of each device that are used.</summary>
    public const int DeviceBlocks = 1024;

    /// <summary>Blocks that have one byte in the map of changes.</summary>
    public const int MapBlocks = 16;

    private const long StorageMinimum = 2097152 / BlockSectors;

    private readonly byte[][] _content = [.. Enumerable.Range(0, DeviceCount).Select(_ => new byte[DeviceBlocks])];
    private readonly Tracker?[] _trackers = new Tracker?[DeviceCount];
    private readonly Snapshot?[] _slots = new Snapshot?[SlotCount];

    public string Do(Step step) => step.Operation switch
    {
        Operation.Create => Create(step),
        Operation.Append => Append(step),
        Operation.Take => Take(step),
        Operation.Write => Write(step),
        Operation.Destroy => Destroy(step),
        Operation.ReadMap => ReadMap(step),
        Operation.ReadImage => ReadImage(step),
        Operation.Status => _slots[step.Slot]?.Status() ?? "ESRCH",
        Operation.Event => Event(step),
        Operation.Mark => Mark(step),
        Operation.RemoveTracker => RemoveTracker(step),
        _ => List(),
    };

    /// <summary>Whether the slot has a snapshot; then it is not made again.</summary>
    public bool IsUsed(int slot) => _slots[slot] is not null;

    private Snapshot? Holder(int device) => Array.Find(_slots, snapshot => snapshot is not null && snapshot.Devices.Contains(device));

    private string Create(Step step)
    {
        int[] devices = [.. Enumerable.Range(0, DeviceCount).Where(i => (step.Device & (1 << i)) != 0)];
        if (devices.Any(device => Holder(device) is not null))
        {
            return "EALREADY";
        }

        foreach (int device in devices)
        {
            _trackers[device] ??= new Tracker();
        }

        _slots[step.Slot] = new Snapshot(devices);
        return "ok";
    }

    private string Append(Step step)
    {
        if (_slots[step.Slot] is not { } snapshot)
        {
            return "ESRCH";
        }

        if (step.Count == 0)
        {
            return "EINVAL";
        }

        long end = (long)step.Start + step.Count;
        if (end > storageBlocks)
        {
            return "ERANGE";
        }

        if (_slots.OfType<Snapshot>().SelectMany(other => other.Ranges).Any(range => step.Start < range.End && range.Start < end))
        {
            return "EBUSY";
        }

        snapshot.Ranges.Add((step.Start, end));
        snapshot.IsLow = false;
        snapshot.Mark = Math.Min(StorageMinimum / 2, (snapshot.Capacity - snapshot.Filled) / 2);
        return "ok";
    }

    private string Take(Step step)
    {
        if (_slots[step.Slot] is not { } snapshot)
        {
            return "ESRCH";
        }

        if (snapshot.Images is not null)
        {
            return "EALREADY";
        }

        if (snapshot.Capacity == 0)
        {
            _slots[step.Slot] = null;
            return "EFAULT";
        }

        snapshot.Images = [.. snapshot.Devices.Select(device => (byte[])_content[device].Clone())];
        foreach (int device in snapshot.Devices)
        {
            Tracker tracker = _trackers[device]!;
            tracker.Taken = (byte[])tracker.Map.Clone();
            tracker.Number++;
        }

        return "ok";
    }

    private string Write(Step step)
    {
        _content[step.Device].AsSpan(step.Start, step.Count).Fill(step.Value);
        _trackers[step.Device]?.Map.AsSpan(FirstMapBlock(step), MapLength(step)).Fill((byte)(_trackers[step.Device]!.Number + 1));
        if (Holder(step.Device) is { Images: not null } snapshot)
        {
            snapshot.Keep(step.Device, step.Start, step.Count);
        }

        return "ok";
    }

    private string Destroy(Step step)
    {
        bool present = _slots[step.Slot] is not null;
        _slots[step.Slot] = null;
        return present ? "ok" : "ENODEV";
    }

    private string ReadMap(Step step)
    {
        if (_trackers[step.Device] is not { } tracker)
        {
            return "ENODATA";
        }

        return Holder(step.Device) is { Images: not null } ? Convert.ToHexString(tracker.Taken) : "EPERM";
    }

    private string ReadImage(Step step)
    {
        if (_slots[step.Slot] is not { } snapshot)
        {
            return "ESRCH";
        }

        int index = Array.IndexOf(snapshot.Devices, step.Device);
        return snapshot.Images is null || index < 0 ? "no image" : snapshot.Lost.Contains(step.Device) ? "EIO" : Text(snapshot.Images[index]);
    }

    private string Event(Step step)
    {
        if (_slots[step.Slot] is not { } snapshot)
        {
            return "ESRCH";
        }

        return snapshot.Events.TryDequeue(out string? next) ? next : "none";
    }

    private string Mark(Step step)
    {
        if (_trackers[step.Device] is not { } tracker)
        {
            return "ENODEV";
        }

        tracker.Map.AsSpan(FirstMapBlock(step), MapLength(step)).Fill((byte)(tracker.Number + 1));
        tracker.Taken.AsSpan(FirstMapBlock(step), MapLength(step)).Fill((byte)tracker.Number);
        return "ok";
    }

    private string RemoveTracker(Step step)
    {
        if (_trackers[step.Device] is null)
        {
            return "ENODATA";
        }

        if (Holder(step.Device) is not null)
        {
            return "EBUSY";
        }

        _trackers[step.Device] = null;
        return "ok";
    }

    private string List() => string.Create(
        CultureInfo.InvariantCulture,
        $"{_slots.Count(snapshot => snapshot is not null)} snapshots, trackers {string.Join(' ', _trackers.Select(tracker => tracker?.Number ?? -1))}");

    /// <summary>A content as text: runs of equal blocks.</summary>
    public static string Text(ReadOnlySpan<byte> blocks)
    {
        List<string> runs = [];
        for (int start = 0, end; start < blocks.Length; start = end)
        {
            for (end = start + 1; end < blocks.Length && blocks[end] == blocks[start];)
            {
                end++;
            }

            runs.Add(string.Create(CultureInfo.InvariantCulture, $"{start}:{blocks[start]}"));
        }

        return string.Join(' ', runs);
    }

    private static int FirstMapBlock(Step step) => step.Start / MapBlocks;

    private static int MapLength(Step step) => ((step.Start + step.Count - 1) / MapBlocks) - FirstMapBlock(step) + 1;

    private sealed class Tracker
    {
        public byte[] Map { get; } = new byte[DeviceBlocks / MapBlocks];

        public byte[] Taken { get; set; } = new byte[DeviceBlocks / MapBlocks];

        public int Number { get; set; }
    }

    private sealed class Snapshot(int[] devices)
    {
        public int[] Devices { get; } = devices;

        public List<(long Start, long End)> Ranges { get; } = [];

        public byte[][]? Images { get; set; }

        public HashSet<int> Lost { get; } = [];

        public HashSet<(int Device, int Block)> Kept { get; } = [];

        public Queue<string> Events { get; } = new(["low"]);

        public long Mark { get; set; }

        public bool IsLow { get; set; }

        public long Capacity => Ranges.Sum(range => range.End - range.Start);

        public long Filled => Kept.Count;

        public string Status() => string.Create(
            CultureInfo.InvariantCulture,
            $"{(Lost.Count > 0 ? "Corrupted" : Images is null ? "Created" : "Taken")}, {Filled} of {Capacity} blocks");

        public void Keep(int device, int start, int count)
        {
            for (int block = start; block < start + count && !Lost.Contains(device); block++)
            {
                if (Kept.Contains((device, block)))
                {
                    continue;
                }

                if (Filled == Capacity)
                {
                    Lost.Add(device);
                    Events.Enqueue($"lost {device} ENOSPC");
                    return;
                }

                Kept.Add((device, block));
                if (!IsLow && Capacity - Filled <= Mark)
                {
                    IsLow = true;
                    Events.Enqueue("low");
                }
            }
        }
    }
}
