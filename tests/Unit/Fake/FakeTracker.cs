// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Unit.Fake;

/// <summary>Change map of one device: one byte per block, the number of the epoch in which it was last written.</summary>
internal sealed class FakeTracker
{
    public const int BlockSize = 65536;

    private byte _active = 1;

    public FakeTracker(DeviceId device, long size)
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

    /// <summary>Marks sectors in both maps; false if they lie beyond the end.</summary>
    public bool MarkDirty(ulong sector, ulong count)
    {
        ulong end = (sector + count) * 512;
        if (count == 0 || end > (ulong)WriteMap.Length * BlockSize)
        {
            return false;
        }

        for (ulong block = sector * 512 / BlockSize; block * BlockSize < end; block++)
        {
            WriteMap[block] = _active;
            ReadMap[block] = Previous;
        }

        return true;
    }

    /// <summary>What a take does to the map; after 255 a new generation begins, as does one when the device changed its size.</summary>
    public void Switch()
    {
        int blocks = (int)((Size + BlockSize - 1) / BlockSize);
        if (blocks != WriteMap.Length)
        {
            WriteMap = new byte[blocks];
            Generation = Guid.NewGuid();
            _active = 1;
        }

        ReadMap = (byte[])WriteMap.Clone();
        Previous = _active;
        if (_active == 255)
        {
            Array.Clear(WriteMap);
            Generation = Guid.NewGuid();
            _active = 1;
        }
        else
        {
            _active++;
        }
    }
}
