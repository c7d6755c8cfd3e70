// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using Blksnap.Devices;

namespace BlksnapPS;

/// <summary>
/// Turns what users have at hand into paths of devices and files: items from <c>Get-Item</c>, provider paths,
/// paths relative to the current location, and the bare kernel names that <c>lsblk</c> prints, those of ranges included.
/// </summary>
/// <remarks>
/// The binder calls this for every pipeline object, also for those that another parameter set or a
/// property is going to bind; anything unknown is therefore handed back as it is and never refused.
/// </remarks>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class DevicePathTransformationAttribute : ArgumentTransformationAttribute
{
    private const string ProviderSeparator = "::";

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (PathOf(value) is { } single)
        {
            return new[] { Resolve(engineIntrinsics, single) };
        }

        if (value is not IEnumerable list || value is IDictionary)
        {
            return inputData;
        }

        List<string> paths = [];
        foreach (object? element in list)
        {
            if (PathOf(element is PSObject inner ? inner.BaseObject : element) is not { } path)
            {
                return inputData;
            }

            paths.Add(Resolve(engineIntrinsics, path));
        }

        return paths.Count == 0 ? inputData : paths.ToArray();
    }

    private static string? PathOf(object? value) => value switch
    {
        string text when text.Length > 0 => text,
        FileSystemInfo file => file.FullName,
        _ => null,
    };

    private static string Resolve(EngineIntrinsics engine, string path)
    {
        // Get-Item gives "Microsoft.PowerShell.Core\FileSystem::/dev/vda".
        int separator = path.IndexOf(ProviderSeparator, StringComparison.Ordinal);
        if (separator >= 0)
        {
            path = path[(separator + ProviderSeparator.Length)..];
        }

        if (path.StartsWith('/'))
        {
            return path;
        }

        string device = "/dev/" + path;
        string local = LocalPath(engine, path);
        if (path.Contains('/') || File.Exists(local))
        {
            return local;
        }

        // Of a range such as sdb:1GiB+4GiB, what is before the colon is the name.
        int range = path.IndexOf(':', StringComparison.Ordinal);
        return BlockDevices.TryFromPath(range > 0 ? "/dev/" + path[..range] : device) is not null ? device : local;
    }

    private static string LocalPath(EngineIntrinsics engine, string path)
    {
        try
        {
            return engine.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path);
        }
        catch (RuntimeException)
        {
            // No such drive, or a provider without files: the device is then reported as not found.
            return path;
        }
    }
}
