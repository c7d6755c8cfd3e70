// SPDX-License-Identifier: MIT
namespace Model;

/// <summary>What a step does.</summary>
public enum Operation
{
    Create,
    Append,
    Take,
    Write,
    Destroy,
    ReadMap,
    ReadImage,
    Status,
    Event,
    Mark,
    RemoveTracker,
    List,
}

/// <summary>
/// One step of a sequence. It names snapshots by a slot and devices by their place, so that it means something whichever of the steps
/// before it are left out.
/// </summary>
/// <param name="Operation">What is done.</param>
/// <param name="Slot">Slot of the snapshot.</param>
/// <param name="Device">Place of the device; for Create a bit for each.</param>
/// <param name="Start">First block, of <see cref="Reference.BlockSize"/> bytes.</param>
/// <param name="Count">Blocks.</param>
/// <param name="Value">The byte that is written.</param>
public sealed record Step(Operation Operation, int Slot = 0, int Device = 0, int Start = 0, int Count = 0, byte Value = 0)
{
    /// <summary>A random sequence.</summary>
    public static Step[] Sequence(Random random, int length)
        => [.. Enumerable.Range(0, length).Select(_ => Next(random))];

    public override string ToString() => Operation switch
    {
        Operation.Create => $"Create snapshot {Slot} of devices {string.Join(" and ", Enumerable.Range(0, Reference.DeviceCount).Where(i => (Device & (1 << i)) != 0))}",
        Operation.Append => $"Append blocks {Start}+{Count} to snapshot {Slot}",
        Operation.Write => $"Write {Value} to blocks {Start}+{Count} of device {Device}",
        Operation.Mark => $"Mark blocks {Start}+{Count} of device {Device}",
        Operation.ReadMap or Operation.RemoveTracker => $"{Operation} of device {Device}",
        Operation.ReadImage => $"ReadImage of device {Device} in snapshot {Slot}",
        Operation.List => "List",
        _ => $"{Operation} snapshot {Slot}",
    };

    private static Step Next(Random random)
    {
        int slot = random.Next(Reference.SlotCount);
        int device = random.Next(Reference.DeviceCount);
        return random.Next(100) switch
        {
            < 10 => new(Operation.Create, slot, random.Next(1, 1 << Reference.DeviceCount)),
            < 22 => new(Operation.Append, slot, Start: random.Next(0, 60) * 16, Count: Length(random)),
            < 34 => new(Operation.Take, slot),
            < 60 => new(Operation.Write, 0, device, random.Next(Reference.DeviceBlocks - 64), random.Next(1, 64), (byte)random.Next(1, 256)),
            < 64 => new(Operation.Destroy, slot),
            < 71 => new(Operation.ReadMap, 0, device),
            < 81 => new(Operation.ReadImage, slot, device),
            < 86 => new(Operation.Status, slot),
            < 92 => new(Operation.Event, slot),
            < 96 => new(Operation.Mark, 0, device, random.Next(Reference.DeviceBlocks - 40), random.Next(1, 40)),
            < 98 => new(Operation.RemoveTracker, 0, device),
            _ => new(Operation.List),
        };
    }

    // Nothing at all, and more than any device has, among lengths that are soon used up.
    private static int Length(Random random) => random.Next(12) switch
    {
        0 => 0,
        1 => int.MaxValue / Reference.BlockSectors,
        _ => random.Next(1, 96),
    };
}
