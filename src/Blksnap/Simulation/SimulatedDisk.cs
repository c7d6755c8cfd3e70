// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Simulation;

/// <summary>
/// A disk of a <see cref="BlkSimulation"/>. Its content is the file at its path, for anybody to read. Writes have to come through
/// <see cref="Write"/>: what is written to the file in another way is in images, but no change that a tracker knows of.
/// </summary>
public sealed class SimulatedDisk
{
    private readonly SimulatedDriver _driver;
    private readonly DeviceId _id;

    internal SimulatedDisk(SimulatedDriver driver, BlockDevice device)
    {
        _driver = driver;
        _id = device.Id;
        DevicePath = device.Path;
        Name = device.Name;
    }

    /// <summary>Path of the disk, which the cmdlets take for a block device.</summary>
    public string DevicePath { get; }

    /// <summary>Name of the disk; the cmdlets take <c>/dev/</c> and this name for the disk too.</summary>
    public string Name { get; }

    /// <summary>Bytes; 0 when the disk is gone.</summary>
    public long Size => _driver.FromId(_id)?.Size ?? 0;

    /// <summary>Whether the disk is there.</summary>
    public bool IsPresent => _driver.FromId(_id) is not null;

    internal DeviceId Id => _id;

    /// <summary>
    /// Writes as a file system on the disk would: tracked, and the old content kept for the snapshot that holds the disk.
    /// </summary>
    /// <param name="offset">Bytes from the start of the disk.</param>
    /// <param name="data">What to write.</param>
    /// <exception cref="BlksnapException"><c>SimulatedWrite,ERRNO</c>: ENOSPC beyond the end, ENXIO the disk is gone, EROFS.</exception>
    public void Write(long offset, byte[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        int errno = _driver.Write(_id, offset, data);
        if (errno != 0)
        {
            throw new BlksnapException("SimulatedWrite", errno, DevicePath);
        }
    }

    /// <summary>Reads what is on the disk now.</summary>
    /// <param name="offset">Bytes from the start of the disk.</param>
    /// <param name="count">Bytes.</param>
    /// <returns>So many bytes, or less at the end of the disk.</returns>
    /// <exception cref="IOException">The disk is gone.</exception>
    public byte[] Read(long offset, int count)
    {
        byte[] data = new byte[count];
        using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(DevicePath, share: FileShare.ReadWrite);
        return data[..RandomAccess.Read(file, data, offset)];
    }

    /// <summary>Gives the disk another size; a new generation of its map of changes begins with the next snapshot.</summary>
    /// <param name="size">Bytes, a multiple of 512.</param>
    /// <exception cref="BlksnapException"><c>SimulatedResize,ENXIO</c>: the disk is gone.</exception>
    public void Resize(long size)
    {
        if (!IsPresent)
        {
            throw new BlksnapException("SimulatedResize", Errno.ENXIO, DevicePath);
        }

        _driver.Resize(_id, size);
    }

    /// <summary>The path.</summary>
    /// <returns><see cref="DevicePath"/>.</returns>
    public override string ToString() => DevicePath;
}
