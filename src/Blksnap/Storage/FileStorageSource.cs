// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Tmds.Linux;

namespace Blksnap.Storage;

/// <summary>A file as storage: one that is there, one to be made, or one without a name in a folder.</summary>
internal sealed class FileStorageSource : DiffStorageSource
{
    private readonly string _path;
    private readonly BlockDevice _device;
    private readonly long _length;
    private readonly bool _isFolder;
    private readonly bool _made;

    // Since when all of its blocks are its own; null of one that has yet to get some.
    private readonly DateTime? _since;
    private string? _madePath;

    private FileStorageSource(string path, BlockDevice device, long length, bool isFolder, bool exists, DateTime? since = null)
    {
        _path = path;
        _device = device;
        _length = length;
        _isFolder = isFolder;
        _made = !exists;
        _since = since;
    }

    public static FileStorageSource Resolve(BlksnapDriver driver, string path, long? length, IReadOnlyCollection<DeviceId> origins)
    {
        FileStorageSource source = Resolve(path, length, DefaultFileLength(driver.Info));
        CheckNotAbove(source._device, path, origins);
        HeldDevices.Check(driver, source._device, path, source._since);
        return source;
    }

    /// <summary>A file without a name in a folder, which has to be there.</summary>
    public static FileStorageSource ResolveFolder(BlksnapDriver driver, string path, long length, IReadOnlyCollection<DeviceId> origins)
        => Directory.Exists(path)
            ? Resolve(driver, Path.GetFullPath(path), length, origins)
            : throw NotFound(path, $"{path} is not a directory that exists.");

    private static FileStorageSource Resolve(string path, long? length, long defaultLength)
    {
        if (Directory.Exists(path))
        {
            return new FileStorageSource(path, StorageFile.DeviceOf(path), Aligned(length ?? defaultLength, path), isFolder: true, exists: false);
        }

        if (File.Exists(path))
        {
            // A symbolic link stays one, so the flag is set on, and the extents are those of, the file itself.
            string target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            if (!StorageFile.IsRegular(target))
            {
                throw new BlksnapException(
                    ErrorIds.StorageUnsupportedType,
                    $"{path} is neither a regular file, a directory nor a block device.",
                    string.Empty,
                    Errno.EINVAL,
                    path);
            }

            BlockDevice device = StorageFile.DeviceOf(target);
            FileInfo file = new(target);
            long usable = Aligned(length ?? file.Length, path);
            CheckExtents(target, Math.Min(usable, file.Length / device.LogicalBlockSize * device.LogicalBlockSize));
            DateTime? since = usable <= file.Length ? StorageFile.ChangeTimeOf(target) : null;
            return new FileStorageSource(target, device, usable, isFolder: false, exists: true, since);
        }

        // A device that does not exist is a typing mistake, not a file to be made.
        string? folder = Path.GetDirectoryName(path);
        if (length is null || !Directory.Exists(folder) || path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            throw NotFound(path, $"{path} does not exist. A file is made if its folder exists and a size is given.");
        }

        return new FileStorageSource(path, StorageFile.DeviceOf(folder), Aligned(length.Value, path), isFolder: false, exists: false);
    }

    public override PlannedStorage Describe() => new(
        _path,
        _isFolder ? PlannedStorageKind.TemporaryFile : _made ? PlannedStorageKind.NewFile : PlannedStorageKind.File,
        _length);

    public override IReadOnlyList<DiffStorageRange> Attach(BlksnapDriver driver, Guid id, StorageKeeper keeper, CancellationToken cancellation = default)
    {
        using FileDescriptor file = Open(cancellation);
        return Attach(driver, id, keeper, file);
    }

    /// <summary>Makes the file of a folder, and looks at all that may be wrong with it, so that only to attach it is left.</summary>
    /// <returns>What is nobody's yet.</returns>
    public PreparedStorage Prepare()
    {
        FileDescriptor file = Open(CancellationToken.None);
        try
        {
            StorageFile.CheckNotRealtime(file, _path);
            _ = FileExtents.Map(file, _path, _length);
            return new PreparedStorage(this, file, _length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Gives the file to a snapshot.</summary>
    internal IReadOnlyList<DiffStorageRange> Attach(BlksnapDriver driver, Guid id, StorageKeeper keeper, FileDescriptor file)
    {
        bool hasName = !_isFolder || !driver.Info.Capabilities.HasFlag(DriverCapabilities.HoldFile);
        string path = _path;
        if (_isFolder && hasName)
        {
            // Where no driver holds it, it has to be found again.
            path = Path.Combine(_path, keeper.NextFileName());
            StorageFile.Link(file, path);
        }

        _madePath = _made && hasName ? path : null;
        IReadOnlyList<DiffStorageRange> ranges;
        try
        {
            // Hold first: from then on the extents cannot change any more.
            if (!driver.TryHoldFile(id, file, path))
            {
                keeper.Protect(file, path, _made);
            }

            StorageFile.CheckNotRealtime(file, path);
            List<ByteRange> extents = FileExtents.Map(file, path, _length);
            ranges = Append(driver, id, _device, extents, hasName ? path : null);
        }
        catch (BlksnapException e) when (MayHaveAdded(driver.Info, e))
        {
            // The snapshot may write there: the file goes with it, and no sooner.
            throw;
        }
        catch
        {
            keeper.Release(path);
            Discard();
            throw;
        }

        // From here on the file is the snapshot's, whether that can be noted or not.
        keeper.Record(ranges);
        return ranges;
    }

    public override void Discard()
    {
        try
        {
            if (_madePath is { } path)
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The kernel holds the file until the snapshot ends. It is the failure behind this that the user has to hear of.
        }
    }

    private FileDescriptor Open(CancellationToken cancellation)
    {
        if (_made)
        {
            return StorageFile.Make(_path, hasName: !_isFolder, _length, cancellation);
        }

        StorageFile.Extend(_path, _length, cancellation);
        return FileDescriptor.Open(_path, LibC.O_RDONLY | LibC.O_CLOEXEC, "StorageOpen");
    }

    private static void CheckExtents(string path, long length)
    {
        using FileDescriptor file = FileDescriptor.Open(path, LibC.O_RDONLY | LibC.O_CLOEXEC, "StorageOpen");
        StorageFile.CheckNotRealtime(file, path);
        FileExtents.Map(file, path, length);
    }

    // Whole pages: the end of a file that fills no block belongs to it only in part.
    private static long Aligned(long length, string path)
    {
        const long page = 4096;
        long aligned = length / page * page;
        return aligned > 0
            ? aligned
            : throw new BlksnapException(
                ErrorIds.StorageTooSmall, $"{path}: difference storage of {length} bytes is less than a page.", string.Empty, Errno.ENOSPC, path);
    }
}
