// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Simulation;

namespace Blksnap.Support;

/// <summary>
/// Looks whether snapshots can be taken on this machine, and says what is missing. Changes nothing. In a simulation what the machine
/// has does not count, only the driver of the simulation.
/// </summary>
public static class MachineSupport
{
    private const string ModuleName = "blksnap";
    private const string OtherNode = "veeamblksnap";

    // Modules of other programs that hook the block layer where ours does, or as another driver under the same name.
    private static readonly string[] s_others = [OtherNode, "bdevfilter", "veeamsnap", "dattobd", "elastio_snap"];

    private static readonly string[] s_tested = ["6.1.", "6.12."];

    private static volatile string s_root = string.Empty;

    /// <summary>Has the files of a machine looked up below another folder until the returned object is disposed.</summary>
    internal static IDisposable UseRoot(string root)
    {
        string previous = s_root;
        s_root = root;
        return new Restore(previous);
    }

    /// <summary>All checks. The driver is opened and asked VERSION and MOD, nothing else.</summary>
    /// <returns>One entry for each condition, in the order in which they are best met.</returns>
    public static IEnumerable<SupportCheck> Check()
    {
        MachineFiles machine = new(s_root);
        bool isLoaded = machine.LoadedModules.Contains(ModuleName);

        // A script that asks first has to get as far in a simulation as everything else in it works: on any machine.
        IEnumerable<SupportCheck> checks = Machine(machine, isLoaded);
        if (BlkSimulation.Current is not null)
        {
            checks = checks.Select(check => Pass(check.Name, "Simulated: in a simulation nothing of this machine matters."));
        }

        foreach (SupportCheck check in checks.Concat(Driver(isLoaded)))
        {
            yield return check;
        }
    }

    /// <summary>What to do where no driver was found, as far as the machine tells.</summary>
    internal static string WhenNoDriver()
    {
        MachineFiles machine = new(s_root);
        if (machine.LoadedModules.Contains(ModuleName))
        {
            return "The module is loaded, but its node is missing. In a container, pass it in (\"--device /dev/blksnap\"); elsewhere "
                + "\"mknod /dev/blksnap c $(cat /sys/class/blksnap/major) 0\" makes it (\"modprobe blksnap\" need not be repeated).";
        }

        SupportCheck[] checks = [OtherModules(machine, false), Signatures(machine, false), KernelModule(machine, false)];
        return string.Join(' ', checks.Where(check => check.Result != SupportResult.Passed).Select(check => check.NextStep))
            + " Test-BlkSnapshotSupport tells more.";
    }

    private static IEnumerable<SupportCheck> Machine(MachineFiles machine, bool isLoaded)
    {
        yield return Kernel(machine);
        yield return Architecture(machine);
        yield return FunctionTracer(machine);
        yield return Privileges(machine);
        yield return OtherModules(machine, isLoaded);
        yield return Signatures(machine, isLoaded);
        yield return KernelModule(machine, isLoaded);
    }

    private static SupportCheck Kernel(MachineFiles machine)
    {
        string release = machine.KernelRelease;
        if (s_tested.Any(tested => release.StartsWith(tested, StringComparison.Ordinal)))
        {
            return Pass("Kernel", $"Linux {release}, a series that is tested.");
        }

        return Warn("Kernel", $"Linux {release}, which is not tested.",
            "Tested are the stock kernels 6.1 and 6.12 of Debian 12. Others near them may work: build the module, and try it on a machine that may crash.");
    }

    private static SupportCheck Architecture(MachineFiles machine) => machine.Architecture switch
    {
        "x86_64" => Pass("Architecture", "x86_64."),
        "aarch64" => Warn("Architecture", "aarch64, on which the module is built but not tested.", "Try it on a machine that may crash."),
        string other => Fail("Architecture", $"{other}, on which the cmdlets do not work.", "Use a 64-bit machine, x86-64 or arm64."),
    };

    private static SupportCheck FunctionTracer(MachineFiles machine)
    {
        if (machine.Configuration("CONFIG_DYNAMIC_FTRACE") == "n" || machine.FunctionTracer is null)
        {
            return Fail("FunctionTracer", "This kernel has no function tracer, by which the module sees writes.",
                "Boot a kernel with CONFIG_DYNAMIC_FTRACE, as those of the distributions have it.");
        }

        return machine.FunctionTracer == true
            ? Pass("FunctionTracer", "The function tracer is on.")
            : Fail("FunctionTracer", "The function tracer is switched off, so the module cannot see writes.", "Switch it on: sysctl kernel.ftrace_enabled=1.");
    }

    private static SupportCheck Privileges(MachineFiles machine) => machine.IsAdministrator switch
    {
        true => Pass("Privileges", "This process has CAP_SYS_ADMIN."),
        false => Fail("Privileges", "This process has not CAP_SYS_ADMIN, which snapshots need.",
            "Run PowerShell as root, for example: sudo pwsh. In a container, give it CAP_SYS_ADMIN and access to /dev/blksnap."),
        null => Warn("Privileges", "Whether this process has CAP_SYS_ADMIN cannot be found out.", "Run PowerShell as root, for example: sudo pwsh."),
    };

    private static SupportCheck OtherModules(MachineFiles machine, bool isLoaded)
    {
        string[] others = [.. machine.LoadedModules.Where(name => s_others.Contains(name))];
        IReadOnlyList<string> patches = machine.LivePatches;
        if (others.Length > 0)
        {
            bool veeam = others.Any(name => name.StartsWith("veeam", StringComparison.Ordinal) || name == "bdevfilter");
            string message = $"Loaded: {string.Join(", ", others)}, {(veeam ? "of Veeam's agent" : "of another snapshot program")}.";
            string remedy = veeam
                ? "Only one of the two can see the writes of the system. Stop the agent (\"systemctl stop veeamservice\"), unload its modules (\"rmmod "
                    + $"{string.Join(' ', others.OrderBy(name => name == "bdevfilter"))}\"), then load blksnap."
                : $"Only one of the two can see the writes of the system: unload it (\"rmmod {string.Join(' ', others)}\"), then load blksnap.";
            return isLoaded || !veeam ? Fail("OtherModules", message, remedy) : Warn("OtherModules", message, remedy);
        }

        return patches.Count > 0
            ? Warn("OtherModules", $"Live patches are in the kernel: {string.Join(", ", patches)}.",
                "If New-BlkSnapshot says BlockLayerHooked, one of them patches the function by which the module sees writes: disable it, or boot the patched kernel.")
            : Pass("OtherModules", "Nothing is loaded that competes for the writes of the system.");
    }

    private static SupportCheck Signatures(MachineFiles machine, bool isLoaded)
    {
        if (isLoaded)
        {
            return Pass("SecureBoot", "The module is loaded, so the kernel accepts it.");
        }

        if (machine.SignaturesEnforced)
        {
            return Warn("SecureBoot", $"The kernel loads signed modules only{(machine.SecureBoot == true ? " (Secure Boot is on)" : string.Empty)}.",
                "Sign the module with a key of yours: enrol it once with \"mokutil --import <certificate>\" and a restart, sign with "
                + "\"/lib/modules/$(uname -r)/build/scripts/sign-file sha256 <key> <certificate> blksnap.ko\"; DKMS does that by itself with the key in /var/lib/dkms. "
                + "An unsigned one is refused with \"Key was rejected by service\".");
        }

        return Pass("SecureBoot", "The kernel loads modules without a signature.");
    }

    private static SupportCheck KernelModule(MachineFiles machine, bool isLoaded)
    {
        if (isLoaded)
        {
            string? version = machine.ModuleVersion(ModuleName);
            return Pass("KernelModule", version is null ? "blksnap is loaded." : $"blksnap {version} is loaded.");
        }

        if (machine.HasModule(ModuleName))
        {
            return Fail("KernelModule", "blksnap is installed for this kernel, but not loaded.",
                "Load it with \"modprobe blksnap\"; to have it loaded at each start: \"echo blksnap > /etc/modules-load.d/blksnap.conf\".");
        }

        return Fail("KernelModule", $"There is no blksnap module for Linux {machine.KernelRelease}.",
            (machine.HasKernelHeaders ? string.Empty : "Install the headers of the running kernel (Debian: apt-get install linux-headers-$(uname -r)). ")
            + "Build and install it from the folder kmod/ of this project, best with DKMS (\"dkms install blksnapps/<version>\"), then load it with \"modprobe blksnap\".");
    }

    private static IEnumerable<SupportCheck> Driver(bool isLoaded)
    {
        BlksnapException? failure = null;
        DriverInfo? info = null;
        try
        {
            using BlksnapDriver driver = BlksnapDriver.Open();
            info = driver.Info;
        }
        catch (BlksnapException e)
        {
            failure = e;
        }

        if (info is null)
        {
            string remedy = failure!.ErrorId != ErrorIds.DriverNotFound || isLoaded ? failure.NextStep : "Load the module, as the check KernelModule says.";
            yield return Fail("ControlDevice", failure.Message, remedy);
            yield break;
        }

        yield return Pass("ControlDevice", $"{info.Node} answers, version {info.AbiVersion} of the interface.");
        yield return info.HasExtensions
            ? Pass("Extensions", "The driver has all extensions of this project.")
            : Warn("Extensions", "The driver works, but does not tell how storage fills, nor what freezing came to, and keeps track of one snapshot only.",
                "Load the module of this project instead, for all features.");
    }

    private static SupportCheck Pass(string name, string message) => new() { Name = name, Result = SupportResult.Passed, Message = message };

    private static SupportCheck Warn(string name, string message, string nextStep)
        => new() { Name = name, Result = SupportResult.Warning, Message = message, NextStep = nextStep };

    private static SupportCheck Fail(string name, string message, string nextStep)
        => new() { Name = name, Result = SupportResult.Failed, Message = message, NextStep = nextStep };

    private sealed class Restore(string previous) : IDisposable
    {
        public void Dispose() => s_root = previous;
    }
}
