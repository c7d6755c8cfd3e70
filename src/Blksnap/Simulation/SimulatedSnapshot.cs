// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Microsoft.Win32.SafeHandles;

namespace Blksnap.Simulation;

/// <summary>A range of difference storage, in sectors.</summary>
internal sealed record SimulatedRange(DeviceId Device, ulong Offset, ulong Count)
{
    public ulong Filled { get; set; }

    public bool Overlaps(SimulatedRange other)
        => Device == other.Device && Offset < other.Offset + other.Count && other.Offset < Offset + Count;
}

/// <summary>A device of a snapshot.</summary>
internal sealed class SimulatedSnapshotDevice(DeviceId original)
{
    public DeviceId Original { get; } = original;

    public DeviceId Image { get; set; }

    public uint Freeze { get; set; }

    public int FreezeError { get; set; }

    public int Error { get; set; }

    public ulong CopiedSectors { get; set; }

    /// <summary>Units that were copied.</summary>
    public HashSet<long> CopiedUnits { get; } = [];
}

/// <summary>An event as the driver queues it.</summary>
internal sealed record SimulatedEvent(uint Code, long TimeLabel, byte[] Data);

/// <summary>A snapshot in the simulated driver.</summary>
internal sealed class SimulatedSnapshot(Guid id, IEnumerable<DeviceId> devices)
{
    public Guid Id { get; } = id;

    public List<SimulatedSnapshotDevice> Devices { get; } = [.. devices.Select(device => new SimulatedSnapshotDevice(device))];

    public List<SimulatedRange> Ranges { get; } = [];

    /// <summary>What /proc says about each file that is held.</summary>
    public List<string> HeldFiles { get; } = [];

    /// <summary>The same files, open: one without a name is there as long as the snapshot.</summary>
    public List<SafeFileHandle> OpenFiles { get; } = [];

    public Queue<SimulatedEvent> Events { get; } = new();

    public bool IsTaken { get; set; }

    public bool IsDestroyed { get; set; }

    /// <summary>Other drivers: the list of snapshots, and those who wait for events.</summary>
    public int References { get; set; } = 1;

    public DateTime CreateTime { get; } = DateTime.UtcNow;

    public DateTime? TakeTime { get; set; }

    /// <summary>How long the take keeps file systems frozen.</summary>
    public TimeSpan FrozenTime { get; set; } = TimeSpan.FromMilliseconds(5);

    public ulong RequestedSectors { get; set; }

    public ulong LowSpaceMark { get; set; }

    /// <summary>The mark that was set; 0 if none was.</summary>
    public ulong FixedLowSpaceMark { get; set; }

    public bool LowSpaceReported { get; set; }

    public ulong Capacity => Ranges.Aggregate(0UL, (sum, range) => sum + range.Count);

    public ulong Filled => Ranges.Aggregate(0UL, (sum, range) => sum + range.Filled);

    public bool IsCorrupted => Devices.Exists(device => device.Error != 0);

    public void ReleaseFiles()
    {
        OpenFiles.ForEach(file => file.Dispose());
        OpenFiles.Clear();
        HeldFiles.Clear();
    }

    /// <summary>Takes sectors from the storage; false if there are not enough.</summary>
    public bool Allocate(ulong sectors)
    {
        SimulatedRange? range = Ranges.Find(candidate => candidate.Count - candidate.Filled >= sectors);
        if (range is null)
        {
            return false;
        }

        range.Filled += sectors;
        return true;
    }

    /// <summary>As other drivers do: from one range after the other, and what is left of a range is wasted if it is too little.</summary>
    public bool AllocateInOrder(ulong sectors)
    {
        foreach (SimulatedRange range in Ranges.Where(candidate => candidate.Filled < candidate.Count))
        {
            if (range.Count - range.Filled >= sectors)
            {
                range.Filled += sectors;
                return true;
            }

            range.Filled = range.Count;
        }

        return false;
    }
}
