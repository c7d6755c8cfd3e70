// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Support;

/// <summary>What the files of a machine under /proc, /sys, /boot and /lib/modules tell, below a root of one's choice.</summary>
internal sealed class MachineFiles(string root)
{
    private const int SysAdmin = 21;

    /// <summary>Release of the running kernel, for example <c>6.12.57+deb12-amd64</c>.</summary>
    public string KernelRelease => Read("/proc/sys/kernel/osrelease") ?? string.Empty;

    /// <summary>Machine name of the kernel, for example <c>x86_64</c>.</summary>
    public string Architecture => Read("/proc/sys/kernel/arch")
        ?? (RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.X64 ? "x86_64" : "aarch64");

    /// <summary>Whether the function tracer is on; null if the kernel has none.</summary>
    public bool? FunctionTracer => Read("/proc/sys/kernel/ftrace_enabled") switch
    {
        null => null,
        "0" => false,
        _ => true,
    };

    /// <summary>Names of the loaded kernel modules.</summary>
    public IReadOnlyList<string> LoadedModules =>
        [.. (Read("/proc/modules") ?? string.Empty).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0])];

    /// <summary>Names of the live patches in the kernel.</summary>
    public IReadOnlyList<string> LivePatches
    {
        get
        {
            string folder = root + "/sys/kernel/livepatch";
            return Directory.Exists(folder) ? [.. Directory.EnumerateDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)] : [];
        }
    }

    /// <summary>Whether this process has CAP_SYS_ADMIN; null if it cannot be found out.</summary>
    public bool? IsAdministrator
    {
        get
        {
            string? line = Read("/proc/self/status")?.Split('\n').FirstOrDefault(line => line.StartsWith("CapEff:", StringComparison.Ordinal));
            return line is not null && ulong.TryParse(line[7..].Trim(), System.Globalization.NumberStyles.HexNumber, null, out ulong capabilities)
                ? (capabilities >> SysAdmin & 1) != 0
                : null;
        }
    }

    /// <summary>Whether the firmware boots signed programs only; null if there is no such firmware.</summary>
    public bool? SecureBoot
    {
        get
        {
            try
            {
                // Four bytes of attributes, then the value.
                byte[] variable = File.ReadAllBytes(root + "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
                return variable.Length > 4 && variable[4] == 1;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Whether the kernel loads signed modules only.</summary>
    public bool SignaturesEnforced
        => Read("/sys/module/module/parameters/sig_enforce") == "Y"
            || (Read("/sys/kernel/security/lockdown") is { } lockdown
                ? !lockdown.Contains("[none]", StringComparison.Ordinal)
                : SecureBoot == true);

    /// <summary>Whether a module file for the running kernel is installed.</summary>
    public bool HasModule(string name)
    {
        string folder = $"{root}/lib/modules/{KernelRelease}";
        return (Read($"/lib/modules/{KernelRelease}/modules.dep") ?? string.Empty).Split('\n')
                .Any(line => Path.GetFileName(line.Split(':')[0]).StartsWith(name + ".ko", StringComparison.Ordinal))
            || new[] { "updates", "updates/dkms", "extra" }.Any(place =>
                Directory.Exists($"{folder}/{place}") && Directory.EnumerateFiles($"{folder}/{place}", name + ".ko*").Any());
    }

    /// <summary>Whether modules can be built for the running kernel.</summary>
    public bool HasKernelHeaders => Directory.Exists($"{root}/lib/modules/{KernelRelease}/build");

    /// <summary>Version of a loaded module; null if it has none.</summary>
    public string? ModuleVersion(string name) => Read($"/sys/module/{name}/version");

    /// <summary>A setting of the running kernel's configuration, <c>n</c> if it is not set; null if there is no configuration to be read.</summary>
    public string? Configuration(string name)
    {
        string? text = Read($"/boot/config-{KernelRelease}") ?? Read($"/lib/modules/{KernelRelease}/build/.config");
        return text is null
            ? null
            : text.Split('\n').FirstOrDefault(line => line.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..] ?? "n";
    }

    private string? Read(string path)
    {
        try
        {
            return File.ReadAllText(root + path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
