// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap;

/// <summary>State, times and storage figures of a snapshot, as the status extension gives them.</summary>
public sealed record SnapshotStatus
{
    /// <summary>State.</summary>
    public required SnapshotState State { get; init; }

    /// <summary>Error number (positive) that lost the first image; 0 if none is lost.</summary>
    public required int Error { get; init; }

    /// <summary>Local time of the creation.</summary>
    public required DateTime CreationTime { get; init; }

    /// <summary>Local time of the take; null if not taken yet.</summary>
    public required DateTime? TakeTime { get; init; }

    /// <summary>How long the take kept file systems frozen.</summary>
    public required TimeSpan FrozenTime { get; init; }

    /// <summary>Bytes given to the difference storage.</summary>
    public required long StorageCapacity { get; init; }

    /// <summary>Bytes of it in use.</summary>
    public required long StorageUsed { get; init; }

    /// <summary>Bytes that low-space events have asked for so far.</summary>
    public required long StorageRequested { get; init; }

    /// <summary>The next low-space event comes when this many bytes are free.</summary>
    public required long LowSpaceMark { get; init; }

    /// <summary>Number of devices.</summary>
    public required int DeviceCount { get; init; }

    /// <summary>Number of storage ranges.</summary>
    public required int RangeCount { get; init; }
}

/// <content>Extension requests. Where the driver does not announce one, the method says so by its result and sends nothing.</content>
public sealed partial class BlksnapDriver
{
    /// <summary>State, times and storage figures of a snapshot. Extension request SNAPSHOT_STATUS.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="status">The answer.</param>
    /// <returns>False if the driver does not have the extension.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public bool TryGetStatus(Guid id, [NotNullWhen(true)] out SnapshotStatus? status)
    {
        status = null;
        if (!Info.Capabilities.HasFlag(DriverCapabilities.SnapshotStatus))
        {
            return false;
        }

        BlkSnapSnapshotStatus answer = new() { Id = id };
        Send(RequestNames.SnapshotStatus, Requests.SnapshotStatus, ref answer, id.ToString());
        status = new SnapshotStatus
        {
            State = (SnapshotState)answer.State,
            Error = answer.Error,
            CreationTime = ToLocalTime(answer.CreateTime),
            TakeTime = answer.TakeTime == 0 ? null : ToLocalTime(answer.TakeTime),
            FrozenTime = TimeSpan.FromTicks((long)(answer.FrozenNs / 100)),
            StorageCapacity = Sectors.ToBytes(answer.StorageCapacity),
            StorageUsed = Sectors.ToBytes(answer.StorageFilled),
            StorageRequested = Sectors.ToBytes(answer.StorageRequested),
            LowSpaceMark = Sectors.ToBytes(answer.LowSpaceMark),
            DeviceCount = (int)answer.DeviceCount,
            RangeCount = (int)answer.RangeCount,
        };
        return true;
    }

    /// <summary>State of each device of a snapshot. Extension request SNAPSHOT_COLLECT_DEVICES.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="devices">The devices in the order of the creation.</param>
    /// <returns>False if the driver does not have the extension.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public unsafe bool TryGetDeviceStatus(Guid id, [NotNullWhen(true)] out IReadOnlyList<SnapshotDevice>? devices)
    {
        devices = null;
        if (!Info.Capabilities.HasFlag(DriverCapabilities.DeviceStatus))
        {
            return false;
        }

        BlkSnapDeviceStatus[] entries = new BlkSnapDeviceStatus[8];
        for (int attempt = 1; ; attempt++)
        {
            fixed (BlkSnapDeviceStatus* address = entries)
            {
                BlkSnapSnapshotCollectDevices argument = new() { Id = id, Count = (uint)entries.Length, Devices = (ulong)address };
                int result = TrySend(Requests.SnapshotCollectDevices, ref argument);
                if (result >= 0)
                {
                    devices = [.. entries.Take((int)argument.Count).Select(entry => ToDevice(id, entry))];
                    return true;
                }

                if (result != -Errno.ENOBUFS || attempt == CollectAttempts)
                {
                    throw DriverErrors.Create(RequestNames.SnapshotCollectDevices, -result, id.ToString());
                }

                entries = new BlkSnapDeviceStatus[Math.Max(argument.Count, entries.Length) + 1];
            }
        }
    }

    /// <summary>The ranges of the difference storage in the order of their use. Extension request SNAPSHOT_COLLECT_STORAGE.</summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="ranges">The ranges.</param>
    /// <returns>False if the driver does not have the extension.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public unsafe bool TryGetStorageRanges(Guid id, [NotNullWhen(true)] out IReadOnlyList<DiffStorageRange>? ranges)
    {
        ranges = null;
        if (!Info.Capabilities.HasFlag(DriverCapabilities.StorageRanges))
        {
            return false;
        }

        BlkSnapStorageRange[] entries = new BlkSnapStorageRange[64];
        for (int attempt = 1; ; attempt++)
        {
            fixed (BlkSnapStorageRange* address = entries)
            {
                BlkSnapSnapshotCollectStorage argument = new() { Id = id, Count = (uint)entries.Length, Ranges = (ulong)address };
                int result = TrySend(Requests.SnapshotCollectStorage, ref argument);
                if (result >= 0)
                {
                    ranges = [.. entries.Take((int)argument.Count).Select(entry => ToRange(id, entry))];
                    return true;
                }

                if (result != -Errno.ENOBUFS || attempt == CollectAttempts)
                {
                    throw DriverErrors.Create(RequestNames.SnapshotCollectStorage, -result, id.ToString());
                }

                entries = new BlkSnapStorageRange[Math.Max(argument.Count, entries.Length) + 1];
            }
        }
    }

    /// <summary>
    /// Has the kernel keep a storage file as it is until the snapshot ends. Extension request SNAPSHOT_HOLD_FILE.
    /// Hold first, map the extents second, append them third.
    /// </summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="file">The file, open for reading only.</param>
    /// <param name="path">Name of the file, for the exception.</param>
    /// <returns>False if the driver does not have the extension.</returns>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.SnapshotNotFound"/>, <see cref="ErrorIds.StorageFileBusy"/>, <see cref="ErrorIds.StorageUnsupportedType"/>.
    /// </exception>
    internal bool TryHoldFile(Guid id, FileDescriptor file, string path)
    {
        if (!Info.Capabilities.HasFlag(DriverCapabilities.HoldFile))
        {
            return false;
        }

        BlkSnapSnapshotHoldFile argument = new() { Id = id, Fd = file.Number };
        int result = TrySend(Requests.SnapshotHoldFile, ref argument);
        GC.KeepAlive(file);
        return result >= 0
            ? true
            : throw DriverErrors.Create(RequestNames.SnapshotHoldFile, -result, result == -Errno.ESRCH ? id.ToString() : path);
    }

    /// <summary>
    /// Says when a snapshot asks for more storage, from now on and whatever is appended. If no more is free already, it asks at once.
    /// Extension request SNAPSHOT_SET_LOW_SPACE.
    /// </summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="bytes">The event comes when so many bytes are free; 0 for the usual mark of the driver.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.ExtensionMissing"/>, <see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public void SetLowSpaceMark(Guid id, long bytes)
    {
        CheckLowSpaceMark();
        BlkSnapSnapshotSetLowSpace argument = new() { Id = id, Sectors = (ulong)bytes >> Sectors.Shift };
        Send(RequestNames.SnapshotSetLowSpace, Requests.SnapshotSetLowSpace, ref argument, id.ToString());
    }

    /// <summary>Throws if the driver does not have the extension that <see cref="SetLowSpaceMark"/> needs.</summary>
    internal void CheckLowSpaceMark()
    {
        if (!Info.Capabilities.HasFlag(DriverCapabilities.SetLowSpaceMark))
        {
            throw new BlksnapException(
                ErrorIds.ExtensionMissing,
                "The loaded module decides itself when it asks for more storage; the mark cannot be set.",
                RequestNames.SnapshotSetLowSpace,
                Errno.EOPNOTSUPP,
                Info.Node);
        }
    }

    private static SnapshotDevice ToDevice(Guid id, BlkSnapDeviceStatus entry) => new()
    {
        SnapshotId = id,
        DevicePath = BlockDevices.PathOf(entry.OrigDevId),
        Device = entry.OrigDevId,
        ImagePath = entry.ImageDevId == DeviceId.None ? null : BlockDevices.PathOf(entry.ImageDevId),
        Freeze = (FreezeVerdict)entry.Freeze,
        FreezeError = entry.FreezeError,
        Error = entry.Error,
        CopyUnit = entry.UnitSize,
        CopiedBytes = Sectors.ToBytes(entry.Copied),
        ImageReadBytes = Sectors.ToBytes(entry.ImageRead),
    };

    private static DiffStorageRange ToRange(Guid id, BlkSnapStorageRange entry) => new()
    {
        SnapshotId = id,
        DevicePath = BlockDevices.PathOf(entry.DevId),
        Device = entry.DevId,
        Offset = Sectors.ToBytes(entry.SectorOffset),
        Length = Sectors.ToBytes(entry.SectorCount),
        Used = Sectors.ToBytes(entry.SectorFilled),
    };

    private static DateTime ToLocalTime(long nanoseconds)
        => DateTime.UnixEpoch.AddTicks(nanoseconds / 100).ToLocalTime();
}
