// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Cmdlets;

/// <summary>Get-DiffStorage and Add-DiffStorage.</summary>
public sealed class DiffStorageTests : CmdletTest
{
    private const string Unknown = "11111111-2222-3333-4444-555555555555";

    [Fact]
    public void Use_and_place_of_the_storage_are_shown()
    {
        Snapshot snapshot = Take(storage: "/dev/store:16MiB+64MiB");
        Driver.Write(First.Id, 0, MiB);

        DiffStorage storage = Run($"Get-DiffStorage {snapshot.Id}").Ok().Single<DiffStorage>();
        Assert.Equal(snapshot.Id, storage.SnapshotId);
        Assert.Equal(64 * MiB, storage.Capacity);
        Assert.Equal(MiB, storage.Used);
        Assert.Equal(63 * MiB, storage.Free);
        DiffStorageRange range = Assert.Single(storage.Ranges);
        Assert.Equal(("/dev/store", 16 * MiB, 64 * MiB), (range.DevicePath, range.Offset, range.Length));
        Assert.Equal(snapshot.Id, Run("Get-BlkSnapshot | Get-DiffStorage").Ok().Single<DiffStorage>().SnapshotId);
    }

    [Fact]
    public void Storage_of_an_unknown_snapshot_is_an_error() =>
        Run($"Get-DiffStorage {Unknown}").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);

    [Fact]
    public void Storage_is_added_without_output()
    {
        Take(storage: "/dev/store:0+32MiB");
        Assert.Empty(Run("Get-BlkSnapshot | Add-DiffStorage -Path /dev/store:32MiB+32MiB, /dev/store:64MiB+32MiB").Ok().Output);
        Assert.Equal(96 * MiB, Run("Get-DiffStorage").Ok().Single<DiffStorage>().Capacity);
    }

    [Fact]
    public void Added_ranges_are_put_out_with_PassThru()
    {
        Snapshot snapshot = Take(storage: "/dev/store:0+32MiB");
        DiffStorageRange range = Run($"Add-DiffStorage {snapshot.Id} /dev/store:64MiB+32MiB -PassThru").Ok().Single<DiffStorageRange>();
        Assert.Equal(snapshot.Id, range.SnapshotId);
        Assert.Equal((64 * MiB, 32 * MiB), (range.Offset, range.Length));
    }

    [Fact]
    public void Adding_with_WhatIf_sends_nothing_that_changes_state()
    {
        Snapshot snapshot = Take(storage: "/dev/store:0+32MiB");
        int before = Driver.MutatingRequests.Count;
        Assert.Empty(Run($"Add-DiffStorage {snapshot.Id} /dev/store:64MiB+32MiB -WhatIf").Ok().Output);
        Assert.Equal(before, Driver.MutatingRequests.Count);
    }

    [Fact]
    public void Adding_to_an_unknown_snapshot_is_an_error() =>
        Run($"Add-DiffStorage {Unknown} /dev/store").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);

    [Fact]
    public void A_place_that_is_refused_is_an_error_of_that_place_and_the_next_one_is_added()
    {
        Snapshot snapshot = Take(storage: "/dev/store:0+32MiB");
        EngineResult result = Run($"Add-DiffStorage {snapshot.Id} /dev/store:16MiB+32MiB, /dev/store:32MiB+32MiB -PassThru");
        ErrorRecord error = result.Error("StorageOverlap", ErrorCategory.ResourceBusy);
        Assert.Equal("/dev/store:16MiB+32MiB", error.TargetObject);
        Assert.Contains("/dev/store", error.ErrorDetails.Message, StringComparison.Ordinal);
        Assert.Equal(32 * MiB, result.Single<DiffStorageRange>().Offset);
    }

    [Fact]
    public void A_device_in_use_needs_Force()
    {
        Snapshot snapshot = Take();
        Driver.AddDevice("/dev/used", 64 * MiB, change: device => device with { MountPoints = ["/srv/used"] });
        Run($"Add-DiffStorage {snapshot.Id} /dev/used").Error("StorageInUse", ErrorCategory.ResourceBusy);
    }

    [Fact]
    public void A_range_of_a_device_of_the_snapshot_needs_Force_already_when_it_is_asked_what_would_be_done()
    {
        Run("New-BlkSnapshot /dev/fake1 -DiffStorage /dev/fake1:0+8MiB -WhatIf").Error("StorageInUse", ErrorCategory.ResourceBusy);
        Snapshot snapshot = Take("/dev/fake1", "/dev/store:0+32MiB");
        Run($"Add-DiffStorage {snapshot.Id} /dev/fake1:0+8MiB -WhatIf").Error("StorageInUse", ErrorCategory.ResourceBusy);
        Run($"Add-DiffStorage {snapshot.Id} /dev/fake1:0+8MiB").Error("StorageInUse", ErrorCategory.ResourceBusy);
        Assert.Equal(32 * MiB, Run("Get-DiffStorage").Ok().Single<DiffStorage>().Capacity);
        Run($"Add-DiffStorage {snapshot.Id} /dev/fake1:0+8MiB -Force").Ok();
        Assert.Equal(40 * MiB, Run("Get-DiffStorage").Ok().Single<DiffStorage>().Capacity);
    }

    [Theory]
    [InlineData("/dev/store:0+1.5MiB")]
    [InlineData("store:0-1MB")]
    [InlineData("store:+1MB")]
    [InlineData("store:0")]
    public void A_mistyped_range_is_no_file(string text)
    {
        Snapshot snapshot = Take("/dev/fake0", "/dev/store:0+32MiB");
        foreach (string size in new[] { string.Empty, "Size 1MB" })
        {
            ErrorRecord error = Run($"Add-DiffStorage {snapshot.Id} '{text}' {(size.Length > 0 ? "-" + size : size)}")
                .Error("StorageInvalid", ErrorCategory.InvalidArgument);
            Assert.Contains("/dev/sdb:1GiB+4GiB", error.Exception.Message, StringComparison.Ordinal);
            Run($"New-BlkSnapshot /dev/fake1 -DiffStorage '{text}' {(size.Length > 0 ? "-DiffStorage" + size : size)}")
                .Error("StorageInvalid", ErrorCategory.InvalidArgument);
        }
    }

    [Fact]
    public void A_read_only_device_is_refused()
    {
        Snapshot snapshot = Take();
        Driver.AddDevice("/dev/locked", 64 * MiB, change: device => device with { IsReadOnly = true });
        Run($"Add-DiffStorage {snapshot.Id} /dev/locked").Error("StorageReadOnly", ErrorCategory.WriteError);
    }
}
