// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Devices;

/// <summary>Where block devices are looked up.</summary>
public interface IBlockDeviceSource
{
    /// <summary>The device behind a path, through symbolic links; null if there is none.</summary>
    /// <param name="path">For example <c>/dev/disk/by-label/data</c>.</param>
    BlockDevice? FromPath(string path);

    /// <summary>The device with a number; null if there is none.</summary>
    /// <param name="id">Major and minor number.</param>
    BlockDevice? FromId(DeviceId id);

    /// <summary>All block devices.</summary>
    IEnumerable<BlockDevice> All();

    /// <summary>
    /// What the first bytes of a device show: <c>ext4</c>, <c>xfs</c>, <c>crypto_LUKS</c>, <c>gpt</c> and so on, in the terms of blkid(8);
    /// null if nothing known is on it or it cannot be read.
    /// </summary>
    /// <param name="device">The device.</param>
    string? ProbeContent(BlockDevice device);
}

/// <summary>The block devices of this system.</summary>
public static class BlockDevices
{
    private static volatile IBlockDeviceSource s_source = new SystemBlockDevices();

    /// <summary>The device behind a path.</summary>
    /// <param name="path">A device node or a symbolic link to one.</param>
    /// <returns>The device.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.DeviceNotFound"/>.</exception>
    public static BlockDevice FromPath(string path)
        => s_source.FromPath(path) ?? throw new BlksnapException(
            ErrorIds.DeviceNotFound,
            File.Exists(path) || Directory.Exists(path) ? $"{path} is not a block device." : $"There is no block device {path}.",
            string.Empty,
            Errno.ENXIO,
            path);

    /// <summary>The device behind a path; null if there is none.</summary>
    /// <param name="path">A device node or a symbolic link to one.</param>
    /// <returns>The device, or null.</returns>
    public static BlockDevice? TryFromPath(string path) => s_source.FromPath(path);

    /// <summary>The device with a number; null if there is none.</summary>
    /// <param name="id">Major and minor number.</param>
    /// <returns>The device, or null.</returns>
    public static BlockDevice? TryFromId(DeviceId id) => s_source.FromId(id);

    /// <summary>All block devices of the system.</summary>
    /// <returns>The devices.</returns>
    public static IReadOnlyList<BlockDevice> All() => [.. s_source.All()];

    /// <summary>The path of a device; <c>major:minor</c> if it is gone.</summary>
    /// <param name="id">Major and minor number.</param>
    /// <returns>For example <c>/dev/vda1</c>.</returns>
    public static string PathOf(DeviceId id) => s_source.FromId(id)?.Path ?? id.ToString();

    /// <inheritdoc cref="IBlockDeviceSource.ProbeContent"/>
    public static string? ProbeContent(BlockDevice device) => s_source.ProbeContent(device);

    /// <summary>Has devices looked up elsewhere, for tests and simulations, until the returned object is disposed.</summary>
    /// <param name="source">Where to look.</param>
    /// <returns>Disposing it brings the previous source back.</returns>
    public static IDisposable Use(IBlockDeviceSource source)
    {
        IBlockDeviceSource previous = s_source;
        s_source = source;
        return new Restore(previous);
    }

    private sealed class Restore(IBlockDeviceSource previous) : IDisposable
    {
        private IBlockDeviceSource? _previous = previous;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _previous, null) is { } source)
            {
                s_source = source;
            }
        }
    }
}
