// SPDX-License-Identifier: MIT
using System.Text;
using Blksnap.Abi;

namespace Blksnap;

/// <summary>Finds out who answers on a channel before anything else is sent to it.</summary>
internal static unsafe class DriverIdentification
{
    /// <summary>
    /// Requests VERSION, and only if that says generation 1, MOD: other generations give the same numbers other meanings.
    /// </summary>
    public static DriverInfo Identify(IControlChannel channel)
    {
        BlkSnapVersion version = default;
        int result = channel.Ioctl(Requests.VersionProbe, (nint)(&version));
        if (result == -Errno.ENOTTY)
        {
            throw new BlksnapException(
                ErrorIds.UnsupportedGeneration,
                $"What answers at {channel.Node} does not know the VERSION request, so it is no blksnap driver.",
                RequestNames.Version,
                Errno.ENOTTY,
                channel.Node);
        }

        if (result < 0)
        {
            throw DriverErrors.Create(RequestNames.Version, -result, channel.Node);
        }

        Version abi = new(version.Major, version.Minor, version.Revision, version.Build);
        if (version.Major != 1)
        {
            throw new BlksnapException(
                ErrorIds.UnsupportedGeneration,
                $"The driver at {channel.Node} speaks version {abi} of the interface; generation 1 is needed.",
                RequestNames.Version,
                0,
                channel.Node);
        }

        BlkSnapMod mod = default;
        result = channel.Ioctl(Requests.Mod, (nint)(&mod));
        if (result < 0 && result != -Errno.ENOTTY)
        {
            throw DriverErrors.Create(RequestNames.Mod, -result, channel.Node);
        }

        bool known = result >= 0;
        string? kernelModule = FindKernelModule(channel.Node);
        return new DriverInfo
        {
            Node = channel.Node,
            AbiVersion = abi,
            ModuleName = known ? ReadName(mod) : null,
            ModuleVersion = kernelModule is null ? null : ReadText(Path.Combine(kernelModule, "version")),
            Capabilities = known ? (DriverCapabilities)mod.CompatibilityFlags : DriverCapabilities.None,
            Parameters = ReadParameters(kernelModule),
        };
    }

    private static string ReadName(BlkSnapMod mod)
    {
        ReadOnlySpan<byte> bytes = new(mod.Name, BlkSnapMod.NameLimit);
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    // The node is named after the module in every variant of generation 1.
    private static string? FindKernelModule(string node)
    {
        string path = Path.Combine("/sys/module", Path.GetFileName(node));
        return Directory.Exists(path) ? path : null;
    }

    private static SortedDictionary<string, string> ReadParameters(string? kernelModule)
    {
        SortedDictionary<string, string> parameters = new(StringComparer.Ordinal);
        string? folder = kernelModule is null ? null : Path.Combine(kernelModule, "parameters");
        if (folder is not null && Directory.Exists(folder))
        {
            foreach (string file in Directory.EnumerateFiles(folder))
            {
                if (ReadText(file) is { } value)
                {
                    parameters[Path.GetFileName(file)] = value;
                }
            }
        }

        return parameters;
    }

    private static string? ReadText(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
