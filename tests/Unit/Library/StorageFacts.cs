// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Storage;
using Tmds.Linux;

namespace Unit.Library;

/// <summary>A folder whose files have extents on a block device.</summary>
internal static class ExtentFolder
{
    private static readonly Lazy<string?> s_root = new(static () =>
        new[] { Path.GetTempPath(), AppContext.BaseDirectory, "/var/tmp" }.FirstOrDefault(IsSuitable));

    /// <summary>Null if there is none here.</summary>
    public static string? Root => s_root.Value;

    /// <summary>A fresh folder that goes with the returned object.</summary>
    public static TemporaryFolder Create() => new(Directory.CreateDirectory(Path.Combine(Root!, "blksnap-" + Guid.NewGuid().ToString("N"))).FullName);

    /// <summary>Whether files in a folder have extents on a block device.</summary>
    public static bool IsSuitable(string folder)
    {
        try
        {
            _ = StorageFile.DeviceOf(folder);
            return true;
        }
        catch (BlksnapException)
        {
            return false;
        }
    }
}

/// <summary>A folder that is deleted with everything in it.</summary>
internal sealed class TemporaryFolder(string path) : IDisposable
{
    public string Path => path;

    public string File(string name) => System.IO.Path.Combine(path, name);

    public void Dispose() => Directory.Delete(path, recursive: true);
}

/// <summary>A test that needs <see cref="ExtentFolder"/>.</summary>
internal sealed class ExtentFactAttribute : FactAttribute
{
    public ExtentFactAttribute()
    {
        if (ExtentFolder.Root is null)
        {
            Skip = "no temporary folder on ext2/3/4 or xfs with its block device in sight";
        }
    }
}

/// <summary>A test that needs <see cref="ExtentFolder"/> and may set the immutable flag there.</summary>
internal sealed class ImmutableFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> s_allowed = new(static () =>
    {
        if (ExtentFolder.Root is null)
        {
            return false;
        }

        using TemporaryFolder folder = ExtentFolder.Create();
        string path = folder.File("probe");
        File.WriteAllText(path, "probe");
        try
        {
            using (FileDescriptor file = FileDescriptor.Open(path, LibC.O_RDONLY | LibC.O_CLOEXEC, "Probe"))
            {
                StorageFile.Protect(file, path);
            }

            StorageFile.Release(new RecordedFile(path, Made: true, Protected: true));
            return true;
        }
        catch (BlksnapException)
        {
            return false;
        }
    });

    public ImmutableFactAttribute()
    {
        if (!s_allowed.Value)
        {
            Skip = "the immutable flag may not be set here (needs CAP_LINUX_IMMUTABLE)";
        }
    }
}
