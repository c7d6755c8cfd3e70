// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Unit.Fake;

/// <summary>A range of difference storage, in sectors.</summary>
internal sealed record FakeRange(DeviceId Device, ulong Offset, ulong Count)
{
    public ulong Filled { get; set; }

    public bool Overlaps(FakeRange other)
        => Device == other.Device && Offset < other.Offset + other.Count && other.Offset < Offset + Count;
}

/// <summary>A device of a snapshot.</summary>
internal sealed class FakeSnapshotDevice(DeviceId original)
{
    public DeviceId Original { get; } = original;

    public DeviceId Image { get; set; }

    public uint Freeze { get; set; }

    public int FreezeError { get; set; }

    public int Error { get; set; }

    public ulong CopiedSectors { get; set; }

    /// <summary>Units of 4096 bytes that were copied.</summary>
    public HashSet<long> CopiedUnits { get; } = [];
}

/// <summary>An event as the driver queues it.</summary>
internal sealed record FakeEvent(uint Code, long TimeLabel, byte[] Data);

/// <summary>A snapshot in the fake driver.</summary>
internal sealed class FakeSnapshot(Guid id, IEnumerable<DeviceId> devices)
{
    public Guid Id { get; } = id;

    public List<FakeSnapshotDevice> Devices { get; } = [.. devices.Select(device => new FakeSnapshotDevice(device))];

    public List<FakeRange> Ranges { get; } = [];

    /// <summary>What /proc says about each file that is held.</summary>
    public List<string> HeldFiles { get; } = [];

    public Queue<FakeEvent> Events { get; } = new();

    public bool IsTaken { get; set; }

    public bool IsDestroyed { get; set; }

    public DateTime CreateTime { get; } = DateTime.UtcNow;

    public DateTime? TakeTime { get; set; }

    public ulong RequestedSectors { get; set; }

    public ulong LowSpaceMark { get; set; }

    public bool LowSpaceReported { get; set; }

    public ulong Capacity => Ranges.Aggregate(0UL, (sum, range) => sum + range.Count);

    public ulong Filled => Ranges.Aggregate(0UL, (sum, range) => sum + range.Filled);

    public bool IsCorrupted => Devices.Exists(device => device.Error != 0);

    /// <summary>Takes sectors from the storage; false if there are not enough.</summary>
    public bool Allocate(ulong sectors)
    {
        FakeRange? range = Ranges.Find(candidate => candidate.Count - candidate.Filled >= sectors);
        if (range is null)
        {
            return false;
        }

        range.Filled += sectors;
        return true;
    }
}
