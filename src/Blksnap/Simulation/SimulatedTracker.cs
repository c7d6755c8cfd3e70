// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Simulation;

/// <summary>Change map of one device: one byte per block, the number of the epoch in which it was last written.</summary>
internal sealed class SimulatedTracker
{
    public const int BlockSize = 65536;

    private byte _active = 1;

    public SimulatedTracker(DeviceId device, long size)
    {
        Device = device;
        Size = size;
        WriteMap = new byte[(size + BlockSize - 1) / BlockSize];
        ReadMap = new byte[WriteMap.Length];
    }

    public DeviceId Device { get; }

    public long Size { get; set; }

    public byte[] WriteMap { get; private set; }

    public byte[] ReadMap { get; private set; }

    public Guid Generation { get; private set; } = Guid.NewGuid();

    /// <summary>Number of the last snapshot taken.</summary>
    public byte Previous { get; private set; }

    public void Write(long offset, long length)
    {
        for (long block = offset / BlockSize; block * BlockSize < offset + length; block++)
        {
            WriteMap[block] = _active;
        }
    }

    /// <summary>Whether sectors can be marked: some, and none beyond the end.</summary>
    public bool Contains(ulong sector, ulong count)
        => count != 0 && count <= (ulong)Size / 512 && sector <= ((ulong)Size / 512) - count;

    /// <summary>Marks sectors in both maps.</summary>
    public void MarkDirty(ulong sector, ulong count)
    {
        for (ulong block = sector * 512 / BlockSize; block * BlockSize < (sector + count) * 512; block++)
        {
            WriteMap[block] = _active;
            ReadMap[block] = Previous;
        }
    }

    /// <summary>What a take does to the map. A device that changed its size begins a new generation, and so do numbers that are used up.</summary>
    /// <param name="asModule">As this project's module does: the first map of the new generation says that everything changed.</param>
    public void Switch(bool asModule)
    {
        int blocks = (int)((Size + BlockSize - 1) / BlockSize);
        if (blocks != WriteMap.Length)
        {
            WriteMap = new byte[blocks];
            Generation = Guid.NewGuid();
            _active = 1;
        }

        if (_active < byte.MaxValue)
        {
            ReadMap = (byte[])WriteMap.Clone();
            Previous = _active++;
            return;
        }

        Generation = Guid.NewGuid();
        ReadMap = asModule ? [.. Enumerable.Repeat((byte)1, blocks)] : (byte[])WriteMap.Clone();
        Previous = asModule ? (byte)1 : byte.MaxValue;
        _active = (byte)(asModule ? 2 : 1);
        Array.Clear(WriteMap);
    }
}
