// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Storage;

/// <summary>A storage file of a snapshot that no driver holds.</summary>
/// <param name="Path">The file.</param>
/// <param name="Made">Whether it was made for the snapshot, and goes with it.</param>
/// <param name="Protected">Whether the immutable flag was set for the snapshot.</param>
internal sealed record RecordedFile(string Path, bool Made, bool Protected);

/// <summary>A range of storage.</summary>
internal sealed record RecordedRange(DeviceId Device, long Offset, long Length, string? FilePath);

/// <summary>An image, as it was after the take.</summary>
/// <param name="Device">Its number, which another image may have later.</param>
/// <param name="Sequence">Number of the disk, which no other has; null if the kernel gives none.</param>
internal sealed record RecordedImage(DeviceId Device, long? Sequence)
{
    /// <summary>Images as they are now, so that they are known again whatever number another one gets.</summary>
    public static IReadOnlyList<RecordedImage> Identify(IEnumerable<DeviceId> images)
        =>
        [
            .. images.Where(image => image != DeviceId.None)
                .Select(image => new RecordedImage(image, BlockDevices.TryFromId(image)?.DiskSequence)),
        ];
}

/// <summary>
/// What a driver without extensions cannot say about a snapshot: times, storage ranges, files to release. Kept under
/// <c>/run/blksnap/ID/</c>, so that any process can end the snapshot properly, and gone after a reboot as the snapshot is.
/// </summary>
internal sealed record RuntimeRecord
{
    private const string FileName = "record.json";

    private static readonly Replaceable<string> s_folder = new("/run/blksnap");

    public required Guid Id { get; init; }

    /// <summary>Null if the snapshot was made by another program.</summary>
    public DateTime? CreationTime { get; init; }

    public DateTime? TakeTime { get; init; }

    public required IReadOnlyList<DeviceId> Devices { get; init; }

    public IReadOnlyList<RecordedImage> Images { get; init; } = [];

    public IReadOnlyList<RecordedRange> Ranges { get; init; } = [];

    public IReadOnlyList<RecordedFile> Files { get; init; } = [];

    /// <summary>Where the records are kept.</summary>
    public static string Folder => s_folder.Value;

    /// <summary>Has records kept in another folder until the returned object is disposed.</summary>
    public static IDisposable UseFolder(string folder) => s_folder.Use(folder);

    /// <summary>As <see cref="UseFolder"/>, for the caller and the threads that it starts only.</summary>
    public static IDisposable UseFolderHere(string folder) => s_folder.UseHere(folder);

    /// <summary>The record of a snapshot; null if there is none.</summary>
    public static RuntimeRecord? Find(Guid id)
    {
        try
        {
            using FileStream stream = File.OpenRead(PathOf(id));
            return JsonSerializer.Deserialize(stream, RuntimeRecordJson.Default.RuntimeRecord);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes the record, the old one staying in place until the new one is complete.</summary>
    /// <exception cref="BlksnapException">The folder cannot be written.</exception>
    public void Save()
    {
        string path = PathOf(Id);
        try
        {
            _ = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            string fresh = path + ".new";
            using (FileStream stream = File.Create(fresh))
            {
                JsonSerializer.Serialize(stream, this, RuntimeRecordJson.Default.RuntimeRecord);
            }

            File.Move(fresh, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BlksnapException("RecordWrite,EIO", $"The record {path} cannot be written: {e.Message}", "RecordWrite", Errno.EIO, path, e);
        }
    }

    /// <summary>Removes the record of a snapshot, if there is one.</summary>
    public static void Remove(Guid id)
    {
        string folder = Path.GetDirectoryName(PathOf(id))!;
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string PathOf(Guid id) => Path.Combine(s_folder.Value, id.ToString(), FileName);
}

/// <summary>Serialisation without reflection, which costs start-up time.</summary>
[JsonSerializable(typeof(RuntimeRecord))]
[JsonSourceGenerationOptions(WriteIndented = true)]
internal sealed partial class RuntimeRecordJson : JsonSerializerContext;
