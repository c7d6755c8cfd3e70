// SPDX-License-Identifier: MIT
namespace Blksnap.Tracking;

/// <summary>The id that the kernel gives itself at its start; trackers live no longer than that.</summary>
internal static class SystemBoot
{
    private const string File = "/proc/sys/kernel/random/boot_id";

    private static readonly Lazy<Guid?> s_id = new(Read);
    private static Guid? s_other;

    /// <summary>The id; null where it cannot be read.</summary>
    public static Guid? Id => s_other ?? s_id.Value;

    /// <summary>Has this process believe in another start, for tests, until the returned object is disposed.</summary>
    public static IDisposable Use(Guid id)
    {
        s_other = id;
        return new Restore();
    }

    private static Guid? Read()
    {
        try
        {
            return Guid.TryParse(System.IO.File.ReadAllText(File).AsSpan().Trim(), out Guid id) ? id : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed class Restore : IDisposable
    {
        public void Dispose() => s_other = null;
    }
}
