// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap;

/// <summary>A device of a snapshot and its image.</summary>
/// <param name="Original">The device.</param>
/// <param name="Image">Its image; <see cref="DeviceId.None"/> if it could not be made.</param>
public readonly record struct ImagePair(DeviceId Original, DeviceId Image);

/// <content>Requests about snapshots.</content>
public sealed partial class BlksnapDriver
{
    /// <summary>Makes a snapshot object; nothing is taken yet. Request SNAPSHOT_CREATE. Devices become tracked.</summary>
    /// <param name="devices">The devices, each once.</param>
    /// <returns>Id of the snapshot.</returns>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.DeviceInUse"/>, <see cref="ErrorIds.DeviceNotFound"/>, <see cref="ErrorIds.DeviceNotSupported"/>;
    /// EINVAL if a device is listed twice.
    /// </exception>
    public unsafe Guid CreateSnapshot(IReadOnlyList<DeviceId> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        DeviceId[] array = [.. devices];
        fixed (DeviceId* address = array)
        {
            BlkSnapSnapshotCreate argument = new() { Count = (uint)array.Length, DevIdArray = (ulong)address };
            Send(RequestNames.SnapshotCreate, Requests.SnapshotCreate, ref argument, string.Join(", ", array));
            return argument.Id;
        }
    }

    /// <summary>Ends a snapshot; its images vanish. Request SNAPSHOT_DESTROY.</summary>
    /// <param name="id">The snapshot.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public void DestroySnapshot(Guid id)
    {
        BlkSnapSnapshotDestroy argument = new() { Id = id };
        Send(RequestNames.SnapshotDestroy, Requests.SnapshotDestroy, ref argument, id.ToString());
    }

    /// <summary>The instant that the images show. Request SNAPSHOT_TAKE.</summary>
    /// <param name="id">A snapshot that was not taken yet and has storage.</param>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.SnapshotNotFound"/>; EALREADY taken before, EFAULT no storage, ETIMEDOUT I/O in flight would not drain,
    /// ENODEV no devices. Other drivers destroy the snapshot when the take fails.
    /// </exception>
    public void TakeSnapshot(Guid id)
    {
        BlkSnapSnapshotTake argument = new() { Id = id };
        Send(RequestNames.SnapshotTake, Requests.SnapshotTake, ref argument, id.ToString());
    }

    /// <summary>Gives ranges of a device to the difference storage. Request SNAPSHOT_APPEND_STORAGE; before or after the take.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="device">The device that the ranges lie on.</param>
    /// <param name="ranges">Ranges in bytes, multiples of 512.</param>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.SnapshotNotFound"/>, <see cref="ErrorIds.StorageUnaligned"/>, <see cref="ErrorIds.StorageOutOfRange"/>,
    /// <see cref="ErrorIds.StorageOverlap"/>, <see cref="ErrorIds.StorageReadOnly"/>.
    /// </exception>
    public unsafe void AppendStorage(Guid id, DeviceId device, IReadOnlyList<ByteRange> ranges)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        if (ranges.Any(range => range.Offset % Sectors.Size != 0 || range.Length % Sectors.Size != 0))
        {
            throw DriverErrors.Create(RequestNames.SnapshotAppendStorage, Errno.EINVAL, device.ToString());
        }

        BlkSnapBlockRange[] array = [.. ranges.Select(Sectors.Cover)];
        fixed (BlkSnapBlockRange* address = array)
        {
            BlkSnapSnapshotAppendStorage argument = new()
            {
                Id = id,
                DevId = device,
                Count = (uint)array.Length,
                Ranges = (ulong)address,
            };
            int result = TrySend(Requests.SnapshotAppendStorage, ref argument);
            if (result < 0)
            {
                string target = result == -Errno.ESRCH ? id.ToString() : device.ToString();
                throw DriverErrors.Create(RequestNames.SnapshotAppendStorage, -result, target);
            }
        }
    }

    /// <summary>The ids of all snapshots. Request SNAPSHOT_COLLECT.</summary>
    /// <returns>The ids in the order of their creation.</returns>
    /// <exception cref="BlksnapException">The request failed.</exception>
    public unsafe IReadOnlyList<Guid> GetSnapshotIds()
    {
        for (int attempt = 1; ; attempt++)
        {
            BlkSnapSnapshotCollect argument = default;
            Send(RequestNames.SnapshotCollect, Requests.SnapshotCollect, ref argument, null);
            if (argument.Count == 0)
            {
                return [];
            }

            BlkSnapUuid[] ids = new BlkSnapUuid[argument.Count + 1];
            fixed (BlkSnapUuid* address = ids)
            {
                argument.Count = (uint)ids.Length;
                argument.Ids = (ulong)address;
                int result = TrySend(Requests.SnapshotCollect, ref argument);
                if (result >= 0)
                {
                    return [.. ids.Take((int)Math.Min(argument.Count, ids.Length)).Select(id => (Guid)id)];
                }

                if (result is not (-Errno.ENODATA or -Errno.ENOBUFS) || attempt == CollectAttempts)
                {
                    throw DriverErrors.Create(RequestNames.SnapshotCollect, -result, null);
                }
            }
        }
    }

    /// <summary>The devices of a snapshot with their images. Request SNAPSHOT_COLLECT_IMAGES.</summary>
    /// <param name="id">The snapshot.</param>
    /// <returns>In the order of the creation; null if the snapshot was not taken yet.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public unsafe IReadOnlyList<ImagePair>? GetImages(Guid id)
    {
        for (int attempt = 1; ; attempt++)
        {
            BlkSnapSnapshotCollectImages argument = new() { Id = id };
            int result = TrySend(Requests.SnapshotCollectImages, ref argument);
            if (result == -Errno.ENODEV)
            {
                return null;
            }

            if (result >= 0 && argument.Count > 0)
            {
                BlkSnapImageInfo[] images = new BlkSnapImageInfo[argument.Count];
                fixed (BlkSnapImageInfo* address = images)
                {
                    argument.ImageInfoArray = (ulong)address;
                    result = TrySend(Requests.SnapshotCollectImages, ref argument);
                    if (result >= 0)
                    {
                        return
                        [
                            .. images.Take((int)Math.Min(argument.Count, images.Length))
                                .Select(image => new ImagePair(image.OrigDevId, image.ImageDevId)),
                        ];
                    }
                }
            }

            if (result >= 0)
            {
                return [];
            }

            if (result == -Errno.ENODEV)
            {
                return null;
            }

            if (result is not (-Errno.ENODATA or -Errno.ENOBUFS) || attempt == CollectAttempts)
            {
                throw DriverErrors.Create(RequestNames.SnapshotCollectImages, -result, id.ToString());
            }
        }
    }
}
