// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Cmdlets;

/// <summary>Get-BlkSnapshotDriver, and what every command says when the driver cannot be used.</summary>
public sealed class DriverTests : CmdletTest
{
    private const string AnyId = "11111111-2222-3333-4444-555555555555";

    /// <summary>Each command with arguments that would do.</summary>
    public static TheoryData<string> Commands { get; } =
    [
        "Get-BlkSnapshotDriver",
        "New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store",
        "Get-BlkSnapshot",
        $"Remove-BlkSnapshot {AnyId}",
        "Get-BlkSnapshotImage",
        $"Add-DiffStorage {AnyId} /dev/store",
        "Get-DiffStorage",
        "Get-ChangedBlocks /dev/fake0",
        "Add-ChangedBlocks /dev/fake0 -Offset 0 -Length 512",
        "Get-BlkTracker",
        "Remove-BlkTracker /dev/fake0",
        $"Register-BlkSnapshotEvent {AnyId}",
        $"Wait-BlkSnapshotEvent {AnyId} -Timeout 1",
    ];

    [Fact]
    public void The_driver_tells_who_it_is()
    {
        DriverInfo info = Run("Get-BlkSnapshotDriver").Ok().Single<DriverInfo>();
        Assert.Equal(("/dev/blksnap", "blksnapps", new Version(1, 0, 0, 0)), (info.Node, info.ModuleName, info.AbiVersion));
        Assert.True(info.HasExtensions);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Without_a_driver_the_pipeline_ends(string command)
    {
        Replace(SimulatedFlavor.Absent);
        EngineResult result = Run(command);
        ErrorRecord error = result.Error("DriverNotFound", ErrorCategory.ObjectNotFound);
        Assert.True(result.IsTerminated);
        Assert.Contains("modprobe blksnap", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Without_the_right_to_open_it_the_pipeline_ends(string command)
    {
        Replace(SimulatedFlavor.NoPermission);
        EngineResult result = Run(command);
        ErrorRecord error = result.Error("DriverAccessDenied", ErrorCategory.PermissionDenied);
        Assert.True(result.IsTerminated);
        Assert.Contains("sudo", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_driver_of_another_generation_gets_no_request_but_VERSION(string command)
    {
        Replace(SimulatedFlavor.Generation2);
        EngineResult result = Run(command);
        result.Error("UnsupportedGeneration", ErrorCategory.NotImplemented);
        Assert.True(result.IsTerminated);
        Assert.Equal([0], Driver.RequestNumbers.Distinct());
    }

    [Fact]
    public void A_node_without_a_driver_and_a_stranger_behind_it_are_told_apart()
    {
        Replace(SimulatedFlavor.NodeOnly);
        Run("Get-BlkSnapshotDriver").Error("DriverNotFound", ErrorCategory.ObjectNotFound);
        Replace(SimulatedFlavor.Stranger);
        Run("Get-BlkSnapshotDriver").Error("UnsupportedGeneration", ErrorCategory.NotImplemented);
    }

    [Theory]
    [InlineData("Reference")]
    [InlineData("Upstream")]
    public void A_driver_without_extensions_does_the_main_job(string flavor)
    {
        Replace(Enum.Parse<SimulatedFlavor>(flavor));
        Snapshot snapshot = Take();
        Assert.Equal(["/dev/fake0"], snapshot.DevicePath);
        Assert.Null(snapshot.StorageUsed);
        Assert.Null(Assert.Single(snapshot.Devices).Freeze);
        Assert.Equal(snapshot.Id, Run("Get-BlkSnapshot").Ok().Single<Snapshot>().Id);
        Assert.Equal(snapshot.Id, Run("Get-DiffStorage").Ok().Single<DiffStorage>().SnapshotId);
        Assert.Empty(Run("Get-ChangedBlocks /dev/fake0").Ok().Output);
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Assert.Empty(Driver.Snapshots);
    }
}
