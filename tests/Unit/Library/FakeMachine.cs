// SPDX-License-Identifier: MIT
using Blksnap.Support;

namespace Unit.Library;

/// <summary>The files of a machine on which everything is as it has to be, until one is changed.</summary>
internal sealed class FakeMachine : IDisposable
{
    public const string Release = "6.12.57+deb12-amd64";

    private readonly string _root = Directory.CreateTempSubdirectory("blksnap-machine-").FullName;
    private readonly IDisposable _use;

    public FakeMachine()
    {
        Write("/proc/sys/kernel/osrelease", Release + "\n");
        Write("/proc/sys/kernel/arch", "x86_64\n");
        Write("/proc/sys/kernel/ftrace_enabled", "1\n");
        Write("/proc/modules", "ext4 1024 1 - Live 0x0\nblksnap 98304 0 - Live 0x0 (OE)\n");
        Write("/proc/self/status", "Name:\tpwsh\nCapEff:\t000001ffffffffff\n");
        Write("/sys/module/blksnap/version", "0.1.0\n");
        Write("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
        Write($"/boot/config-{Release}", "CONFIG_DYNAMIC_FTRACE=y\n");
        Write($"/lib/modules/{Release}/modules.dep", "updates/dkms/blksnap.ko.xz:\n");
        Write($"/lib/modules/{Release}/build/Makefile", string.Empty);
        _use = MachineSupport.UseRoot(_root);
    }

    public void Write(string path, string text)
    {
        string file = _root + path;
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    public void WriteBytes(string path, params byte[] bytes)
    {
        Write(path, string.Empty);
        File.WriteAllBytes(_root + path, bytes);
    }

    public void Delete(string path) => File.Delete(_root + path);

    /// <summary>The module is not loaded.</summary>
    public void Unload(params string[] others) =>
        Write("/proc/modules", string.Concat(others.Prepend("ext4").Select(name => $"{name} 1024 1 - Live 0x0\n")));

    public void Dispose()
    {
        _use.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
