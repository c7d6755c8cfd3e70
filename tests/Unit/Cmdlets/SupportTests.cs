// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Simulation;
using Blksnap.Support;
using Unit.Library;

namespace Unit.Cmdlets;

/// <summary>Test-BlkSnapshotSupport, and the sentences that solve a first-time user's mistakes.</summary>
public sealed class SupportTests : CmdletTest
{
    private readonly FakeMachine _machine = new();

    public override void Dispose()
    {
        _machine.Dispose();
        base.Dispose();
    }

    private IReadOnlyList<SupportCheck> Checks() => Run("Test-BlkSnapshotSupport").Ok().All<SupportCheck>();

    private SupportCheck Check(string name) => Checks().Single(check => check.Name == name);

    private void Finds(string name, SupportResult result, params string[] words)
    {
        SupportCheck check = Check(name);
        Assert.Equal(result, check.Result);
        Assert.All(words, word => Assert.Contains(word, check.Message + ' ' + check.NextStep, StringComparison.Ordinal));
        Assert.Equal(result == SupportResult.Passed, check.NextStep.Length == 0);
        Assert.Equal(result != SupportResult.Failed, Run("Test-BlkSnapshotSupport -Quiet").Ok().Single<bool>());
    }

    [Fact]
    public void A_machine_with_everything_passes_every_check()
    {
        IReadOnlyList<SupportCheck> checks = Checks();
        Assert.All(checks, check => Assert.Equal(SupportResult.Passed, check.Result));
        Assert.Equal(
            ["Kernel", "Architecture", "FunctionTracer", "Privileges", "OtherModules", "SecureBoot", "KernelModule", "ControlDevice", "Extensions"],
            checks.Select(check => check.Name));
        Assert.True(Run("Test-BlkSnapshotSupport -Quiet").Ok().Single<bool>());
        Assert.Empty(Driver.MutatingRequests);
        Assert.Equal(0, Driver.OpenChannels);
    }

    [Fact]
    public void In_a_simulation_the_machine_does_not_matter()
    {
        string[] names = [.. Checks().Select(check => check.Name)];
        _machine.Unload("veeamblksnap");
        _machine.Write("/proc/sys/kernel/osrelease", "4.19.0\n");
        _machine.Write("/proc/sys/kernel/arch", "i686\n");
        _machine.Write("/proc/sys/kernel/ftrace_enabled", "0\n");
        _machine.Write("/proc/self/status", "CapEff:\t0000000000000000\n");
        _machine.Write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");

        IReadOnlyList<SupportCheck> checks = Run("Use-BlkSimulation { Test-BlkSnapshotSupport }").Ok().All<SupportCheck>();
        Assert.Equal(names, checks.Select(check => check.Name));
        Assert.All(checks, check => Assert.Equal((SupportResult.Passed, string.Empty), (check.Result, check.NextStep)));
        Assert.All(checks.SkipLast(2), check => Assert.StartsWith("Simulated", check.Message, StringComparison.Ordinal));
        Assert.True(Run("Use-BlkSimulation { Test-BlkSnapshotSupport -Quiet }").Ok().Single<bool>());
        Assert.False(Run("Test-BlkSnapshotSupport -Quiet").Ok().Single<bool>());
    }

    [Fact]
    public void An_untested_kernel_is_a_warning()
    {
        _machine.Write("/proc/sys/kernel/osrelease", "6.18.1\n");
        Assert.Equal(SupportResult.Warning, Check("Kernel").Result);
    }

    [Fact]
    public void A_kernel_without_function_tracer_fails()
    {
        _machine.Delete("/proc/sys/kernel/ftrace_enabled");
        Finds("FunctionTracer", SupportResult.Failed, "CONFIG_DYNAMIC_FTRACE");
    }

    [Fact]
    public void A_function_tracer_that_is_off_fails()
    {
        _machine.Write("/proc/sys/kernel/ftrace_enabled", "0\n");
        Finds("FunctionTracer", SupportResult.Failed, "sysctl kernel.ftrace_enabled=1");
    }

    [Fact]
    public void Without_the_capability_it_fails()
    {
        _machine.Write("/proc/self/status", "CapEff:\t0000000000000000\n");
        Finds("Privileges", SupportResult.Failed, "sudo pwsh");
    }

    [Fact]
    public void Another_architecture_fails()
    {
        _machine.Write("/proc/sys/kernel/arch", "i686\n");
        Finds("Architecture", SupportResult.Failed, "64-bit");
    }

    [Fact]
    public void Secure_boot_says_how_to_sign()
    {
        _machine.Unload();
        _machine.WriteBytes("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", 6, 0, 0, 0, 1);
        _machine.Write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
        SupportCheck check = Check("SecureBoot");
        Assert.Equal(SupportResult.Warning, check.Result);
        Assert.Contains("Secure Boot is on", check.Message, StringComparison.Ordinal);
        Assert.Contains("mokutil --import", check.NextStep, StringComparison.Ordinal);

        // Where nobody may look into lockdown, the firmware's word counts.
        _machine.Delete("/sys/kernel/security/lockdown");
        Assert.Equal(SupportResult.Warning, Check("SecureBoot").Result);
    }

    [Fact]
    public void An_installed_module_has_to_be_loaded()
    {
        _machine.Unload();
        Finds("KernelModule", SupportResult.Failed, "modprobe blksnap");
    }

    [Fact]
    public void A_missing_module_has_to_be_built_and_headers_installed()
    {
        _machine.Unload();
        _machine.Write($"/lib/modules/{FakeMachine.Release}/modules.dep", "kernel/fs/ext4/ext4.ko.xz:\n");
        Finds("KernelModule", SupportResult.Failed, "dkms");
        Assert.DoesNotContain("headers", Check("KernelModule").NextStep, StringComparison.Ordinal);
        _machine.Delete($"/lib/modules/{FakeMachine.Release}/build/Makefile");
        _machine.Write("/proc/sys/kernel/osrelease", "6.12.1-other\n");
        Finds("KernelModule", SupportResult.Failed, "linux-headers", "6.12.1-other");
    }

    [Fact]
    public void A_driver_without_extensions_is_a_warning()
    {
        Replace(SimulatedFlavor.Upstream);
        Finds("Extensions", SupportResult.Warning);
    }

    [Fact]
    public void Live_patches_are_a_warning()
    {
        _machine.Write("/sys/kernel/livepatch/livepatch_1/enabled", "1\n");
        Finds("OtherModules", SupportResult.Warning, "livepatch_1");
    }

    [Fact]
    public void Without_a_driver_the_control_device_fails()
    {
        Replace(SimulatedFlavor.Absent);
        Finds("ControlDevice", SupportResult.Failed, "not loaded");
    }

    // From here on: what a cmdlet says to somebody who did not ask for checks.
    [Fact]
    public void Module_not_loaded()
    {
        Replace(SimulatedFlavor.Absent);
        _machine.Unload();
        Solves("Get-BlkSnapshot", "DriverNotFound", "modprobe blksnap", "kernel module is not loaded");
    }

    [Fact]
    public void Module_loaded_and_no_node()
    {
        Replace(SimulatedFlavor.Absent);
        Solves("Get-BlkSnapshot", "DriverNotFound", "mknod /dev/blksnap", "--device /dev/blksnap");
    }

    [Fact]
    public void Secure_boot_refuses_the_module()
    {
        Replace(SimulatedFlavor.Absent);
        _machine.Unload();
        _machine.Write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
        Solves("Get-BlkSnapshot", "DriverNotFound", "Key was rejected by service", "mokutil --import", "modprobe blksnap");
    }

    [Fact]
    public void Veeams_driver_is_loaded()
    {
        Replace(SimulatedFlavor.Absent);
        _machine.Unload("veeamblksnap", "bdevfilter");
        Solves("Get-BlkSnapshot", "DriverNotFound", "rmmod veeamblksnap bdevfilter", "veeamservice");
        Replace(SimulatedFlavor.Own);
        Driver.FailRequest(5, Blksnap.Abi.Errno.EBUSY);
        Solves("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store", "BlockLayerHooked", "bdevfilter", "Test-BlkSnapshotSupport");
    }

    [Fact]
    public void Another_generation_answers()
    {
        Replace(SimulatedFlavor.Generation2);
        Solves("Get-BlkSnapshot", "UnsupportedGeneration", "Generation 1", "rmmod", "2.0.0.0");
    }

    [Fact]
    public void Not_root()
    {
        Replace(SimulatedFlavor.NoPermission);
        Solves("Get-BlkSnapshot", "DriverAccessDenied", "sudo pwsh");
    }

    [Fact]
    public void Storage_on_the_snapshotted_device() =>
        Solves("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/fake0", "StorageInUse", "device of the same snapshot", "name a directory on it");

    [Fact]
    public void Storage_too_small()
    {
        Replace(SimulatedFlavor.Reference);
        Solves("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store:0+4096", "StorageTooSmall", "-DiffStorageSize");
    }

    [Fact]
    public void Whole_disk_instead_of_partition()
    {
        Blksnap.Devices.BlockDevice disk = Driver.AddDevice("/dev/disk", 64 * MiB);
        Blksnap.Devices.BlockDevice partition = Driver.AddDevice("/dev/disk1", 32 * MiB, change: device => device with { IsPartition = true, Disk = disk.Id });
        Driver.ChangeDevice(disk.Id, device => device with { Partitions = [partition.Id] });
        EngineResult result = Run("New-BlkSnapshot /dev/disk1 -DiffStorage /dev/store; Get-ChangedBlocks /dev/disk");
        Assert.Contains("Tracked is /dev/disk1", Assert.Single(result.Errors).ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Run("Get-BlkSnapshot | Remove-BlkSnapshot -Confirm:$false").Ok();
        Run("New-BlkSnapshot /dev/disk -DiffStorage /dev/store -WarningVariable warning -WarningAction SilentlyContinue; $global:told = \"$warning\"").Ok();
        Assert.Contains("name the partition: /dev/disk1", Engine.Variable("told")!.ToString(), StringComparison.Ordinal);
    }

    private void Solves(string command, string id, params string[] words)
    {
        ErrorRecord error = Assert.Single(Run(command).Errors);
        Assert.StartsWith(id + ",", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.All(words, word => Assert.Contains(word, error.ErrorDetails.Message + ' ' + error.ErrorDetails.RecommendedAction, StringComparison.Ordinal));
    }
}
