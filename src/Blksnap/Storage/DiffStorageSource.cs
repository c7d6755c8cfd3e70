// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;

namespace Blksnap.Storage;

/// <summary>A storage that was checked and can be given to a snapshot.</summary>
internal abstract class DiffStorageSource
{
    /// <summary>Bytes of a file that is made where nobody says how much, if the driver does not say what it asks for either.</summary>
    private const long DefaultLength = 1L << 30;

    private const string StorageMinimumParameter = "diff_storage_minimum";
    private const string ChunkShiftParameter = "chunk_minimum_shift";
    private const int DefaultChunkShift = 18;

    /// <summary>Checks a storage without changing anything.</summary>
    /// <param name="spec">What the user named.</param>
    /// <param name="driver">The driver.</param>
    /// <param name="force">Use devices that carry a file system or are mounted, and ranges of devices of the snapshot.</param>
    /// <param name="origins">Devices of the snapshot, which cannot be storage as a whole.</param>
    /// <exception cref="BlksnapException">A storage error id.</exception>
    public static DiffStorageSource Resolve(DiffStorageSpec spec, BlksnapDriver driver, bool force, IReadOnlyCollection<DeviceId> origins)
    {
        if (BlockDevices.TryFromPath(spec.Path) is { } device)
        {
            DeviceStorageSource source = DeviceStorageSource.Resolve(spec, device, force, origins);
            if (!force)
            {
                HeldDevices.Check(driver, device, device.Path, since: null);
            }

            return source;
        }

        if (spec.Offset is not null)
        {
            throw NotFound(spec.Path, $"{spec.Path} is no block device, and only a block device has ranges.");
        }

        string path = Path.GetFullPath(spec.Path);
        return FileStorageSource.Resolve(driver, path, spec.Length, origins);
    }

    /// <summary>What <see cref="Attach"/> would take or make.</summary>
    public abstract PlannedStorage Describe();

    /// <summary>
    /// Gives the storage to a snapshot. If that fails, whatever this step made is gone again, except a named file that the kernel holds already:
    /// that one can be removed by <see cref="Discard"/> once the snapshot ended. A file that the driver may have taken a part of stays recorded.
    /// </summary>
    /// <param name="driver">The driver.</param>
    /// <param name="id">The snapshot.</param>
    /// <param name="keeper">Keeps the files where the driver does not.</param>
    /// <param name="cancellation">Honoured as long as the driver has nothing of it.</param>
    /// <returns>The ranges that were added.</returns>
    public abstract IReadOnlyList<DiffStorageRange> Attach(BlksnapDriver driver, Guid id, StorageKeeper keeper, CancellationToken cancellation = default);

    /// <summary>Whether the storage leaves something unused at the ends of its device.</summary>
    public virtual bool HasMargins => false;

    /// <summary>
    /// Overwrites what the storage leaves unused at the ends of its device, so that the device is seen to be empty the next time. That it
    /// cannot be done is no error: then the next use of the device asks for force.
    /// </summary>
    /// <param name="used">Storage of all snapshots; nothing of it is touched.</param>
    public virtual void ClearMargins(IReadOnlyCollection<DiffStorageRange> used)
    {
    }

    /// <summary>Removes what <see cref="Attach"/> made beside the snapshot, after that was destroyed.</summary>
    public virtual void Discard()
    {
    }

    /// <summary>Refuses storage on a device that is made of one of the snapshot: keeping a block would be a write that has to be kept first.</summary>
    protected static void CheckNotAbove(BlockDevice device, string path, IReadOnlyCollection<DeviceId> origins)
    {
        if (DeviceStack.FindBelow(device, origins) is { } origin)
        {
            string place = path == device.Path ? path : $"{path} lies on {device.Path}, which";
            throw new BlksnapException(
                ErrorIds.StorageAboveOrigin,
                $"{place} is made of {origin.Path}, a device of the same snapshot, and cannot be its difference storage.",
                string.Empty,
                Errno.EINVAL,
                path);
        }
    }

    protected static BlksnapException NotFound(string path, string message)
        => new(ErrorIds.StorageNotFound, message, string.Empty, Errno.ENOENT, path);

    /// <summary>Appends ranges and says what was added.</summary>
    protected static IReadOnlyList<DiffStorageRange> Append(
        BlksnapDriver driver, Guid id, BlockDevice device, IReadOnlyList<ByteRange> ranges, string? filePath)
    {
        IReadOnlyList<ByteRange> usable = Usable(ranges, driver.Info, device);
        if (usable.Count == 0)
        {
            throw new BlksnapException(
                ErrorIds.StorageTooSmall,
                $"Nothing of {filePath ?? device.Path} is usable as difference storage: its pieces are too small.",
                string.Empty,
                Errno.ENOSPC,
                filePath ?? device.Path);
        }

        try
        {
            driver.AppendStorage(id, device.Id, usable);
        }
        catch (BlksnapException e) when (MayHaveAdded(driver.Info, e))
        {
            throw new BlksnapException(
                e.ErrorId,
                $"{e.Message} The snapshot may use a part of {filePath ?? device.Path} until it ends.",
                e.Request,
                e.Errno,
                e.Target,
                e);
        }

        return
        [
            .. usable.Select(range => new DiffStorageRange
            {
                SnapshotId = id,
                DevicePath = device.Path,
                Device = device.Id,
                Offset = range.Offset,
                Length = range.Length,
                FilePath = filePath,
            }),
        ];
    }

    /// <summary>
    /// Whether a snapshot may use a part of ranges that it was refused: drivers without extensions add one after the other, and keep those that
    /// went well. What is wrong with the request, the snapshot or the device shows before the first.
    /// </summary>
    internal static bool MayHaveAdded(DriverInfo info, BlksnapException failure)
        => !info.HasExtensions
            && failure.Request == RequestNames.SnapshotAppendStorage
            && failure.Errno is not (Errno.ESRCH or Errno.EINVAL or Errno.ENODATA
                or Errno.ENXIO or Errno.ENODEV or Errno.ENOENT or Errno.EPERM or Errno.EACCES or Errno.EROFS or Errno.EBUSY);

    /// <summary>
    /// What a driver can use of ranges. Drivers without extensions check nothing: they lose the snapshot later when a range is not aligned to
    /// pages, and never use one that is shorter than a chunk.
    /// </summary>
    internal static IReadOnlyList<ByteRange> Usable(IReadOnlyList<ByteRange> ranges, DriverInfo info, BlockDevice device)
    {
        return Usable(ranges, info, device, Environment.SystemPageSize);
    }

    internal static IReadOnlyList<ByteRange> Usable(IReadOnlyList<ByteRange> ranges, DriverInfo info, BlockDevice device, int pageSize)
    {
        int alignment = info.HasExtensions ? device.LogicalBlockSize : Math.Max(pageSize, device.LogicalBlockSize);
        long minimum = info.HasExtensions
            ? alignment
            : 1L << (int)Math.Clamp(Parameter(info, ChunkShiftParameter) ?? DefaultChunkShift, 12, 40);
        List<ByteRange> usable = [];
        foreach (ByteRange range in ranges)
        {
            long start = (range.Offset + alignment - 1) / alignment * alignment;
            long end = range.End / alignment * alignment;
            if (end - start >= minimum)
            {
                usable.Add(new ByteRange(start, end - start));
            }
        }

        return usable;
    }

    /// <summary>Bytes of a file that is made where nobody says how much: what the driver asks for at a time.</summary>
    internal static long DefaultFileLength(DriverInfo info)
        => Parameter(info, StorageMinimumParameter) is long sectors and > 0 ? sectors << Sectors.Shift : DefaultLength;

    private static long? Parameter(DriverInfo info, string name)
        => info.Parameters.TryGetValue(name, out string? text) && long.TryParse(text, out long value) ? value : null;
}
