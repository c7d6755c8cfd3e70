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

    /// <summary>Overwrites a range of a device with zeroes, and waits until they are there.</summary>
    /// <param name="device">The device.</param>
    /// <param name="offset">Bytes from its start.</param>
    /// <param name="length">Bytes.</param>
    /// <returns>Whether it was done; a source need not be able to.</returns>
    bool Clear(BlockDevice device, long offset, long length) => false;
}

/// <summary>The block devices of this system.</summary>
public static class BlockDevices
{
    private static readonly Replaceable<IBlockDeviceSource> s_source = new(new SystemBlockDevices());

    /// <summary>The device behind a path.</summary>
    /// <param name="path">A device node or a symbolic link to one.</param>
    /// <returns>The device.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.DeviceNotFound"/>.</exception>
    public static BlockDevice FromPath(string path)
        => s_source.Value.FromPath(path) ?? throw new BlksnapException(
            ErrorIds.DeviceNotFound,
            File.Exists(path) || Directory.Exists(path) ? $"{path} is not a block device." : $"There is no block device {path}.",
            string.Empty,
            Errno.ENXIO,
            path);

    /// <summary>The device behind a path; null if there is none.</summary>
    /// <param name="path">A device node or a symbolic link to one.</param>
    /// <returns>The device, or null.</returns>
    public static BlockDevice? TryFromPath(string path) => s_source.Value.FromPath(path);

    /// <summary>The device with a number; null if there is none.</summary>
    /// <param name="id">Major and minor number.</param>
    /// <returns>The device, or null.</returns>
    public static BlockDevice? TryFromId(DeviceId id) => s_source.Value.FromId(id);

    /// <summary>All block devices of the system.</summary>
    /// <returns>The devices.</returns>
    public static IReadOnlyList<BlockDevice> All() => [.. s_source.Value.All()];

    /// <summary>The path of a device; <c>major:minor</c> if it is gone.</summary>
    /// <param name="id">Major and minor number.</param>
    /// <returns>For example <c>/dev/vda1</c>.</returns>
    public static string PathOf(DeviceId id) => s_source.Value.FromId(id)?.Path ?? id.ToString();

    /// <inheritdoc cref="IBlockDeviceSource.ProbeContent"/>
    public static string? ProbeContent(BlockDevice device) => s_source.Value.ProbeContent(device);

    /// <inheritdoc cref="IBlockDeviceSource.Clear"/>
    public static bool Clear(BlockDevice device, long offset, long length) => s_source.Value.Clear(device, offset, length);

    /// <summary>Has devices looked up elsewhere, for tests and simulations, until the returned object is disposed.</summary>
    /// <param name="source">Where to look.</param>
    /// <returns>Disposing it brings the previous source back.</returns>
    public static IDisposable Use(IBlockDeviceSource source) => s_source.Use(source);

    /// <summary>Where files lie, if that is not for the system to say.</summary>
    internal static IFileLayout? FileLayout => s_source.Value as IFileLayout;

    /// <summary>As <see cref="Use"/>, for the caller and the threads that it starts only.</summary>
    internal static IDisposable UseHere(IBlockDeviceSource source) => s_source.UseHere(source);
}
