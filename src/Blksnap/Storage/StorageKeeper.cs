// SPDX-License-Identifier: MIT
using System.Globalization;
using Blksnap.Abi;

namespace Blksnap.Storage;

/// <summary>
/// Keeps, in a <see cref="RuntimeRecord"/>, what a driver without extensions does not: protection of storage files, and who they belong to.
/// With a driver that has the extensions there is nothing to keep, and no record is written.
/// </summary>
internal sealed class StorageKeeper
{
    private RuntimeRecord? _record;

    private StorageKeeper(RuntimeRecord? record) => _record = record;

    /// <summary>For a new snapshot.</summary>
    public static StorageKeeper Create(BlksnapDriver driver, Guid id, IReadOnlyList<DeviceId> devices)
    {
        if (driver.Info.HasExtensions)
        {
            return new StorageKeeper(null);
        }

        RuntimeRecord record = new() { Id = id, CreationTime = DateTime.UtcNow, Devices = devices };
        record.Save();
        return new StorageKeeper(record);
    }

    /// <summary>For a snapshot that is there, and that another program may have made.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="id">The snapshot.</param>
    /// <param name="read">Reads it, where that is needed.</param>
    public static StorageKeeper Open(BlksnapDriver driver, Guid id, Func<Guid, Snapshot> read)
    {
        if (RuntimeRecord.Find(id) is { } present)
        {
            return new StorageKeeper(present);
        }

        if (driver.Info.HasExtensions)
        {
            return new StorageKeeper(null);
        }

        Snapshot snapshot = read(id);
        RuntimeRecord record = new()
        {
            Id = id,
            Devices = [.. snapshot.Devices.Select(device => device.Device)],
            Images = RecordedImage.Identify([.. snapshot.Images.Select(image => image.ImageDevice)]),
        };
        record.Save();
        return new StorageKeeper(record);
    }

    /// <summary>For the end of a snapshot, as it was recorded.</summary>
    public static StorageKeeper Open(RuntimeRecord? record) => new(record);

    /// <summary>A name for the next file made for the snapshot.</summary>
    public string NextFileName()
        => string.Create(CultureInfo.InvariantCulture, $".blksnap-{_record?.Id}-{_record?.Files.Count ?? 0}");

    /// <summary>Protects a file. The record is written first, so that whatever happens somebody can release the file.</summary>
    public void Protect(FileDescriptor file, string path, bool made)
    {
        if (_record is null)
        {
            return;
        }

        Save(_record with { Files = [.. _record.Files, new RecordedFile(path, made, Protected: true)] });
        try
        {
            if (!StorageFile.Protect(file, path))
            {
                // It was protected before; leave it so.
                Save(_record with { Files = [.. _record.Files.SkipLast(1), new RecordedFile(path, made, Protected: false)] });
            }
        }
        catch
        {
            Save(_record with { Files = [.. _record.Files.SkipLast(1), new RecordedFile(path, made, Protected: false)] });
            throw;
        }
    }

    /// <summary>Notes ranges that were appended.</summary>
    public void Record(IReadOnlyList<DiffStorageRange> ranges)
    {
        if (_record is not null)
        {
            Save(_record with
            {
                Ranges = [.. _record.Ranges, .. ranges.Select(range => new RecordedRange(range.Device, range.Offset, range.Length, range.FilePath))],
            });
        }
    }

    /// <summary>Notes that the snapshot was taken.</summary>
    public void RecordTake(IReadOnlyList<DeviceId> images)
    {
        if (_record is not null)
        {
            Save(_record with { TakeTime = DateTime.UtcNow, Images = RecordedImage.Identify(images) });
        }
    }

    /// <summary>Releases one file whose storage was not used after all.</summary>
    public void Release(string path)
    {
        if (_record?.Files.LastOrDefault(file => file.Path == path) is { } file)
        {
            StorageFile.Release(file);
            Save(_record with { Files = [.. _record.Files.Where(other => other != file)] });
        }
    }

    /// <summary>Releases all files and forgets the snapshot, which has ended.</summary>
    public void ReleaseAll()
    {
        if (_record is not null)
        {
            foreach (RecordedFile file in _record.Files)
            {
                StorageFile.Release(file);
            }

            RuntimeRecord.Remove(_record.Id);
            _record = null;
        }
    }

    private void Save(RuntimeRecord record)
    {
        record.Save();
        _record = record;
    }
}
