// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Cmdlets;

public sealed class NewBlkSnapshotTests : CmdletTest
{
    [Fact]
    public void Storage_may_be_a_range_of_a_bare_name()
    {
        Snapshot snapshot = Take("fake0", "store:16MiB+64MiB");
        Run($"Add-DiffStorage {snapshot.Id} store:96MiB+1MiB").Ok();
        IReadOnlyList<DiffStorageRange> ranges = Run("(Get-DiffStorage).Ranges").Ok().All<DiffStorageRange>();
        Assert.Equal([("/dev/store", 16 * MiB, 64 * MiB), ("/dev/store", 96 * MiB, MiB)], ranges.Select(range => (range.DevicePath, range.Offset, range.Length)));
        Run("New-BlkSnapshot fake1 -DiffStorage missing:0+1MiB").Error("StorageNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void A_snapshot_is_made_given_storage_and_taken()
    {
        Snapshot snapshot = Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store").Ok().Single<Snapshot>();

        Assert.Equal(SnapshotState.Taken, snapshot.State);
        Assert.Equal(["/dev/fake0"], snapshot.DevicePath);
        Assert.Equal((256 * MiB) - (2 * 128 * 1024), snapshot.StorageCapacity);
        Assert.Equal("/dev/blksnap-image0", Assert.Single(snapshot.Images).ImagePath);
        Assert.Equal(FreezeVerdict.Frozen, Assert.Single(snapshot.Devices).Freeze);
        Assert.Equal([5, 7, 8], Driver.MutatingRequests.Select(request => request.Number));
        Assert.Equal(0, Driver.OpenChannels);
    }

    [Fact]
    public void All_devices_of_a_pipeline_become_one_snapshot()
    {
        Engine.With("paths", new object[] { "/dev/fake0", "/dev/fake1" });
        Snapshot snapshot = Run("$paths | New-BlkSnapshot -DiffStorage /dev/store").Ok().Single<Snapshot>();
        Assert.Equal(["/dev/fake0", "/dev/fake1"], snapshot.DevicePath);
        Assert.Single(Driver.Snapshots);
    }

    [Fact]
    public void Files_as_Get_Item_gives_them_are_taken_by_their_path()
    {
        Engine.With("item", new FileInfo("/dev/fake0"));
        Assert.Equal(["/dev/fake0"], Run("$item | New-BlkSnapshot -DiffStorage /dev/store").Ok().Single<Snapshot>().DevicePath);
    }

    [Theory]
    [InlineData("@{ PSPath = 'Microsoft.PowerShell.Core\\FileSystem::/dev/fake1' }")]
    [InlineData("@{ path = '/dev/fake1' }")]
    [InlineData("@{ name = 'fake1'; size = '32M' }")]
    [InlineData("@{ FullName = '/dev/fake1' }")]
    [InlineData("@{ device = '/dev/fake1' }")]
    public void Objects_are_taken_by_their_properties(string properties)
    {
        Snapshot snapshot = Run($"[pscustomobject]{properties} | New-BlkSnapshot -DiffStorage /dev/store").Ok().Single<Snapshot>();
        Assert.Equal(["/dev/fake1"], snapshot.DevicePath);
    }

    [Fact]
    public void A_device_that_comes_twice_is_in_the_snapshot_once()
    {
        Assert.Single(Run("'/dev/fake0', 'fake0' | New-BlkSnapshot -DiffStorage /dev/store").Ok().Single<Snapshot>().DevicePath);
    }

    [Fact]
    public void Lists_of_the_snapshot_are_lists_to_scripts_too()
    {
        Take("/dev/fake0, /dev/fake1");
        Assert.Equal("/dev/fake1", Run("(Get-BlkSnapshot).DevicePath[1]").Ok().Single<string>());
        Assert.Equal("/dev/fake1", Run("(Get-BlkSnapshot).Devices[1].DevicePath").Ok().Single<string>());
        Assert.Equal("/dev/blksnap-image1", Run("(Get-BlkSnapshot).Images[1].ImagePath").Ok().Single<string>());
        Assert.Equal("/dev/store", Run("(Get-DiffStorage).Ranges[0].DevicePath").Ok().Single<string>());
    }

    [Fact]
    public void WhatIf_sends_nothing_that_changes_state()
    {
        Assert.Empty(Run("New-BlkSnapshot /dev/fake0, /dev/fake1 -DiffStorage /dev/store -WhatIf").Ok().Output);
        Assert.Empty(Driver.MutatingRequests);
    }

    [Fact]
    public void WhatIf_tells_what_would_fail()
    {
        Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/missing -WhatIf").Error("StorageNotFound", ErrorCategory.ObjectNotFound);
        Assert.Empty(Driver.MutatingRequests);
    }

    [Fact]
    public void A_missing_device_is_an_error_of_that_device_and_there_is_no_snapshot_of_the_rest()
    {
        EngineResult result = Run("New-BlkSnapshot /dev/fake0, /dev/missing -DiffStorage /dev/store");
        ErrorRecord error = result.Error("DeviceNotFound", ErrorCategory.ObjectNotFound);
        Assert.Equal("/dev/missing", error.TargetObject);
        Assert.False(result.IsTerminated);
        Assert.Empty(result.Output);
        Assert.Empty(Driver.MutatingRequests);
    }

    [Fact]
    public void A_device_in_another_snapshot_is_refused_and_nothing_stays()
    {
        Take(storage: "/dev/store:0+64MiB");
        Run("New-BlkSnapshot /dev/fake1, /dev/fake0 -DiffStorage /dev/store:64MiB+64MiB").Error("DeviceInUse", ErrorCategory.ResourceExists);
        Assert.Single(Driver.Snapshots);
    }

    [Fact]
    public void Storage_with_a_file_system_needs_Force()
    {
        Driver.AddDevice("/dev/used", 64 * MiB, content: "ext4");
        Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/used").Error("StorageInUse", ErrorCategory.ResourceBusy);
        Assert.Empty(Driver.Snapshots);
        Assert.Single(Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/used -Force").Ok().Output);
    }

    [Theory]
    [InlineData("/dev/store:0+64TiB", "StorageOutOfRange", ErrorCategory.LimitsExceeded)]
    [InlineData("/dev/store:0+0", "StorageInvalid", ErrorCategory.InvalidArgument)]
    [InlineData("/dev/null", "StorageUnsupportedType", ErrorCategory.InvalidType)]
    [InlineData("/no/such/place", "StorageNotFound", ErrorCategory.ObjectNotFound)]
    public void Storage_that_cannot_be_is_refused(string storage, string id, ErrorCategory category)
    {
        Run($"New-BlkSnapshot /dev/fake0 -DiffStorage '{storage}'").Error(id, category);
        Assert.Empty(Driver.Snapshots);
    }

    [Fact]
    public void A_take_that_fails_leaves_no_snapshot()
    {
        Driver.FailRequest(8, Errno.ETIMEDOUT);
        ErrorRecord error = Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store").Error("SnapshotTake,ETIMEDOUT", ErrorCategory.OperationTimeout);
        Assert.Equal("SnapshotTake,ETIMEDOUT,BlksnapPS.Commands.NewBlkSnapshotCommand", error.FullyQualifiedErrorId);
        Assert.Empty(Driver.Snapshots);
    }

    [Fact]
    public void A_user_without_the_right_is_told_how_to_get_it()
    {
        Driver.FailRequest(5, Errno.EPERM);
        ErrorRecord error = Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store").Error("DriverAccessDenied", ErrorCategory.PermissionDenied);
        Assert.Contains("sudo", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void The_mark_for_more_storage_can_be_set()
    {
        Snapshot snapshot = Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store:0+16MiB -LowSpaceMark 12MB").Ok().Single<Snapshot>();
        Assert.Equal([5, 7, 68, 8], Driver.MutatingRequests.Select(request => request.Number));
        Assert.Equal(12 * MiB, Run("(Get-DiffStorage).LowSpaceMark").Ok().Single<long>());
        Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok().Single<SnapshotEvent>();
        Driver.Write(First.Id, 0, 4 * MiB);
        Assert.Equal(12 * MiB, Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok().Single<SnapshotEvent>().Free);

        // It stays whatever is added.
        Run("Get-BlkSnapshot | Add-DiffStorage -Path /dev/store:16MiB+64MiB").Ok();
        Assert.Equal(12 * MiB, Run("(Get-DiffStorage).LowSpaceMark").Ok().Single<long>());
    }

    [Fact]
    public void A_driver_that_cannot_set_the_mark_is_told_so_before_anything_is_made()
    {
        Driver.Extensions = 0xFUL << 32;
        Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store -LowSpaceMark 12MB").Error("ExtensionMissing", ErrorCategory.NotImplemented);
        Assert.Empty(Driver.MutatingRequests);
        Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store").Ok();
    }
}
