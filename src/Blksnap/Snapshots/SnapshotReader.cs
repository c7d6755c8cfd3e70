// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Storage;

namespace Blksnap.Snapshots;

/// <summary>Puts together what is known of a snapshot: from the extensions, or from generation 1 and the record beside it.</summary>
internal sealed class SnapshotReader(BlksnapDriver driver)
{
    public Snapshot Read(Guid id)
    {
        RuntimeRecord? record = driver.Info.HasExtensions ? null : RuntimeRecord.Find(id);
        IReadOnlyList<ImagePair>? pairs = driver.GetImages(id);
        IReadOnlyList<SnapshotDevice> devices = ReadDevices(id, pairs, record);
        IReadOnlyList<Tracker> trackers = pairs is null ? [] : driver.GetTrackers();

        // After the trackers: a snapshot that is there now held its devices all the time, so their last number is its own.
        if (!driver.TryGetStatus(id, out SnapshotStatus? status))
        {
            _ = driver.GetImages(id);
        }

        return new Snapshot
        {
            Id = id,
            State = status?.State ?? (pairs is null ? SnapshotState.Created : SnapshotState.Taken),
            DevicePath = [.. devices.Select(device => device.DevicePath)],
            Devices = devices,
            Images = [.. (pairs ?? []).Where(pair => pair.Image != DeviceId.None).Select(pair => ToImage(id, pair, trackers))],
            CreationTime = status?.CreationTime ?? record?.CreationTime?.ToLocalTime(),
            TakeTime = status is not null ? status.TakeTime : record?.TakeTime?.ToLocalTime(),
            FrozenTime = status?.FrozenTime,
            StorageCapacity = status?.StorageCapacity ?? record?.Ranges.Sum(range => range.Length),
            StorageUsed = status?.StorageUsed,
            StorageRequested = status?.StorageRequested,
            Error = status?.Error,
        };
    }

    public IReadOnlyList<SnapshotDevice> ReadDevices(Guid id)
        => ReadDevices(id, driver.GetImages(id), driver.Info.HasExtensions ? null : RuntimeRecord.Find(id));

    public DiffStorage ReadStorage(Guid id)
    {
        if (driver.TryGetStatus(id, out SnapshotStatus? status))
        {
            return new DiffStorage
            {
                SnapshotId = id,
                Capacity = status.StorageCapacity,
                Used = status.StorageUsed,
                Requested = status.StorageRequested,
                LowSpaceMark = status.LowSpaceMark,
                Ranges = driver.TryGetStorageRanges(id, out IReadOnlyList<DiffStorageRange>? ranges) ? ranges : [],
            };
        }

        // Nothing else in generation 1 says whether there is such a snapshot.
        _ = driver.GetImages(id);
        RuntimeRecord? record = RuntimeRecord.Find(id);
        return new DiffStorage
        {
            SnapshotId = id,
            Capacity = record?.Ranges.Sum(range => range.Length),
            Ranges =
            [
                .. (record?.Ranges ?? []).Select(range => new DiffStorageRange
                {
                    SnapshotId = id,
                    DevicePath = BlockDevices.PathOf(range.Device),
                    Device = range.Device,
                    Offset = range.Offset,
                    Length = range.Length,
                    FilePath = range.FilePath,
                }),
            ],
        };
    }

    private IReadOnlyList<SnapshotDevice> ReadDevices(Guid id, IReadOnlyList<ImagePair>? pairs, RuntimeRecord? record)
    {
        if (driver.TryGetDeviceStatus(id, out IReadOnlyList<SnapshotDevice>? devices))
        {
            return devices;
        }

        IEnumerable<ImagePair> known = pairs ?? [.. (record?.Devices ?? []).Select(device => new ImagePair(device, DeviceId.None))];
        return
        [
            .. known.Select(pair => new SnapshotDevice
            {
                SnapshotId = id,
                DevicePath = BlockDevices.PathOf(pair.Original),
                Device = pair.Original,
                ImagePath = pair.Image == DeviceId.None ? null : BlockDevices.PathOf(pair.Image),
            }),
        ];
    }

    private static SnapshotImage ToImage(Guid id, ImagePair pair, IReadOnlyList<Tracker> trackers)
    {
        BlockDevice? image = BlockDevices.TryFromId(pair.Image);
        return new SnapshotImage
        {
            SnapshotId = id,
            DevicePath = BlockDevices.PathOf(pair.Original),
            ImagePath = image?.Path ?? pair.Image.ToString(),
            Size = image?.Size ?? 0,
            Major = pair.Image.Major,
            Minor = pair.Image.Minor,
            OriginalDevice = pair.Original,
            ChangeToken = trackers
                .Where(tracker => tracker.Device == pair.Original)
                .Select(tracker => (tracker with { DevicePath = BlockDevices.PathOf(pair.Original) }).ChangeToken)
                .FirstOrDefault(),
        };
    }
}
