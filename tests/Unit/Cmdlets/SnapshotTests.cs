// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Cmdlets;

/// <summary>Get-BlkSnapshot, Get-BlkSnapshotImage and Remove-BlkSnapshot.</summary>
public sealed class SnapshotTests : CmdletTest
{
    private const string Unknown = "11111111-2222-3333-4444-555555555555";

    private (Snapshot One, Snapshot Two) TakeTwo() =>
        (Take("/dev/fake0", "/dev/store:0+64MiB"), Take("/dev/fake1", "/dev/store:64MiB+64MiB"));

    [Fact]
    public void All_snapshots_are_listed()
    {
        (Snapshot one, Snapshot two) = TakeTwo();
        Assert.Equal([one.Id, two.Id], Run("Get-BlkSnapshot").Ok().All<Snapshot>().Select(snapshot => snapshot.Id));
    }

    [Fact]
    public void Nothing_is_listed_when_there_is_none() => Assert.Empty(Run("Get-BlkSnapshot").Ok().Output);

    [Fact]
    public void A_snapshot_is_found_by_id_by_device_and_by_both()
    {
        (Snapshot one, Snapshot two) = TakeTwo();
        Assert.Equal(two.Id, Run($"Get-BlkSnapshot {two.Id}").Ok().Single<Snapshot>().Id);
        Assert.Equal(one.Id, Run("Get-BlkSnapshot -DevicePath /dev/fake0").Ok().Single<Snapshot>().Id);
        Assert.Empty(Run($"Get-BlkSnapshot {two.Id} -DevicePath /dev/fake0").Ok().Output);
        Assert.Equal(two.Id, Run("Get-BlkSnapshot -DevicePath /dev/fake1 | Get-BlkSnapshot").Ok().Single<Snapshot>().Id);
    }

    [Fact]
    public void An_unknown_id_is_an_error_of_that_id()
    {
        Snapshot snapshot = Take();
        EngineResult result = Run($"Get-BlkSnapshot {Unknown}, {snapshot.Id}");
        ErrorRecord error = result.Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);
        Assert.Equal(new Guid(Unknown), error.TargetObject);
        Assert.Equal(snapshot.Id, result.Single<Snapshot>().Id);
    }

    /// <summary>A variable without a value is a mistake, and must not become everything there is: what is listed may be removed next.</summary>
    [Theory]
    [InlineData("Get-BlkSnapshot -Id $nothing", "ParameterArgumentValidationError")]
    [InlineData("Get-BlkSnapshot $nothing", "ParameterArgumentValidationError")]
    [InlineData("Get-BlkSnapshot -DevicePath $nothing", "DeviceNotFound")]
    [InlineData("$nothing | Get-BlkSnapshot", null)]
    [InlineData("[pscustomobject]@{ Id = $null } | Get-BlkSnapshot", null)]
    [InlineData("[pscustomobject]@{ DevicePath = $null } | Get-BlkSnapshot", "DeviceNotFound")]
    [InlineData("Get-BlkSnapshotImage $nothing", "ParameterArgumentValidationError")]
    [InlineData("Get-DiffStorage $nothing", "ParameterArgumentValidationError")]
    [InlineData("Get-BlkTracker $nothing", "ParameterArgumentValidationError")]
    [InlineData("[pscustomobject]@{ DevicePath = $null } | Get-BlkTracker", null)]
    [InlineData("Watch-BlkSnapshot $nothing -Timeout 0", "ParameterArgumentValidationError")]
    [InlineData("Get-DiffStorageAutoExtend $nothing", "ParameterArgumentValidationError")]
    public void Null_does_not_stand_for_all(string command, string? id)
    {
        Take();
        EngineResult result = Run(command);
        Assert.Empty(result.Output);
        ErrorRecord error = Assert.Single(result.Errors);
        if (id is not null)
        {
            Assert.StartsWith(id, error.FullyQualifiedErrorId, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_empty_list_stands_for_none() => Assert.Empty(Run("Get-BlkSnapshot -Id @()").Ok().Output);

    [Fact]
    public void An_event_without_a_device_leads_to_its_snapshot()
    {
        Snapshot snapshot = Take();
        Assert.Equal(snapshot.Id, Run("Get-BlkSnapshot | Wait-BlkSnapshotEvent -Timeout 10 | Get-BlkSnapshot").Ok().Single<Snapshot>().Id);
    }

    [Fact]
    public void A_missing_device_is_an_error()
    {
        Take();
        EngineResult result = Run("Get-BlkSnapshot -DevicePath /dev/missing");
        result.Error("DeviceNotFound", ErrorCategory.ObjectNotFound);
        Assert.Empty(result.Output);
    }

    [Fact]
    public void Images_are_those_of_all_snapshots_of_one_or_of_a_device()
    {
        Snapshot snapshot = Take("/dev/fake0, /dev/fake1");
        Assert.Equal(2, Run("Get-BlkSnapshotImage").Ok().Output.Count);
        Assert.Equal(2, Run($"Get-BlkSnapshotImage {snapshot.Id}").Ok().Output.Count);
        Assert.Equal(2, Run("Get-BlkSnapshot | Get-BlkSnapshotImage").Ok().Output.Count);

        SnapshotImage image = Run("Get-BlkSnapshotImage -DevicePath /dev/fake1").Ok().Single<SnapshotImage>();
        Assert.Equal(snapshot.Id, image.SnapshotId);
        Assert.Equal("/dev/fake1", image.DevicePath);
        Assert.Equal("/dev/blksnap-image1", image.ImagePath);
        Assert.Equal(32 * MiB, image.Size);
    }

    [Fact]
    public void Images_of_an_unknown_snapshot_are_an_error() =>
        Run($"Get-BlkSnapshotImage {Unknown}").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);

    [Fact]
    public void A_snapshot_is_removed_by_id_or_by_pipeline()
    {
        (Snapshot one, Snapshot two) = TakeTwo();
        Assert.Empty(Run($"Remove-BlkSnapshot {one.Id}").Ok().Output);
        Assert.Equal(two.Id, Assert.Single(Driver.Snapshots).Id);
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Assert.Empty(Driver.Snapshots);
    }

    [Fact]
    public void An_image_leads_to_its_snapshot()
    {
        TakeTwo();
        Run("Get-BlkSnapshotImage -DevicePath /dev/fake1 | Remove-BlkSnapshot").Ok();
        Assert.Equal(First.Id, Assert.Single(Assert.Single(Driver.Snapshots).Devices).Original);
    }

    [Fact]
    public void Removing_with_WhatIf_sends_nothing_that_changes_state()
    {
        Take();
        int before = Driver.MutatingRequests.Count;
        Run("Get-BlkSnapshot | Remove-BlkSnapshot -WhatIf").Ok();
        Assert.Equal(before, Driver.MutatingRequests.Count);
    }

    [Fact]
    public void Removing_an_unknown_snapshot_is_an_error_and_the_others_go()
    {
        Snapshot snapshot = Take();
        Run($"Remove-BlkSnapshot {Unknown}, {snapshot.Id}").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);
        Assert.Empty(Driver.Snapshots);
    }

    [Fact]
    public void A_snapshot_with_a_mounted_image_stays_without_Force()
    {
        Snapshot snapshot = Take();
        Driver.ChangeDevice(snapshot.Images[0].ImageDevice, device => device with { MountPoints = ["/mnt/image"] });
        ErrorRecord error = Run($"Remove-BlkSnapshot {snapshot.Id}").Error("ImageMounted", ErrorCategory.ResourceBusy);
        Assert.Contains("/mnt/image", error.ErrorDetails.Message, StringComparison.Ordinal);
        Assert.Single(Driver.Snapshots);

        Run($"Remove-BlkSnapshot {snapshot.Id} -Force").Ok();
        Assert.Empty(Driver.Snapshots);
    }
}
