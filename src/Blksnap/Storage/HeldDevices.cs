// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;

namespace Blksnap.Storage;

/// <summary>
/// Devices that taken snapshots hold. A write to difference storage is not kept from their images, so storage on such a device may only have
/// blocks that were its own at the take: those that a file gets afterwards may have been freed since, and be what the image still shows.
/// </summary>
internal static class HeldDevices
{
    // Times of files are those of the last tick of the kernel's clock.
    private static readonly TimeSpan s_clockTick = TimeSpan.FromMilliseconds(100);

    /// <summary>Refuses storage that would overwrite what an image shows. Requests: those of reading the snapshots.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="device">What the storage lies on.</param>
    /// <param name="path">What the user named.</param>
    /// <param name="since">Since when all of its blocks are its own; null if it has yet to get them.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.StorageAfterTake"/>.</exception>
    public static void Check(BlksnapDriver driver, BlockDevice device, string path, DateTime? since)
    {
        SnapshotReader reader = new(driver);
        foreach (Guid id in driver.GetSnapshotIds())
        {
            try
            {
                if (reader.ReadDevices(id).Any(held => IsOn(device, [held.Device])) && !IsSafe(since, reader.Read(id)))
                {
                    throw Refused(device, path, $"which snapshot {id} holds: blocks that it got since the take may be what the image still shows.");
                }
            }
            catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
            {
                // It ended between the list and the look.
            }
        }
    }

    /// <summary>Refuses a directory in which files are to be made after the take of some devices.</summary>
    /// <param name="device">What the directory lies on.</param>
    /// <param name="path">The directory.</param>
    /// <param name="origins">The devices.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.StorageAfterTake"/>.</exception>
    public static void CheckOrigins(BlockDevice device, string path, IReadOnlyCollection<DeviceId> origins)
    {
        if (IsOn(device, origins))
        {
            throw Refused(
                device, path, "a device of the snapshot: files that are made there after the take may get blocks that the image still shows.");
        }
    }

    /// <summary>Whether what a storage overwrites was its own at a take. Where one image is lost, those of other devices may still be read.</summary>
    internal static bool IsSafe(DateTime? since, Snapshot snapshot)
        => snapshot.State == SnapshotState.Created
            || (since is { } start && snapshot.TakeTime is { } take && start.ToUniversalTime() + s_clockTick < take.ToUniversalTime());

    private static bool IsOn(BlockDevice device, IReadOnlyCollection<DeviceId> others)
        => others.Contains(device.Id) || others.Select(BlockDevices.TryFromId).OfType<BlockDevice>().Any(other => DeviceStack.Share(device, other));

    private static BlksnapException Refused(BlockDevice device, string path, string reason)
        => new(
            ErrorIds.StorageAfterTake,
            path == device.Path ? $"{path} is, or shares its blocks with, a device of a snapshot." : $"{path} lies on {device.Path}, {reason}",
            string.Empty,
            Errno.EBUSY,
            path);
}
