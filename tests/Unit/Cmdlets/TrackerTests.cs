// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Cmdlets;

/// <summary>Get-BlkTracker and Remove-BlkTracker.</summary>
public sealed class TrackerTests : CmdletTest
{
    [Fact]
    public void Tracked_devices_are_listed()
    {
        Assert.Empty(Run("Get-BlkTracker").Ok().Output);
        Take("/dev/fake0, /dev/fake1");
        IReadOnlyList<Tracker> trackers = Run("Get-BlkTracker").Ok().All<Tracker>();
        Assert.Equal(["/dev/fake0", "/dev/fake1"], trackers.Select(tracker => tracker.DevicePath));
        Assert.Equal(1, trackers[0].SnapshotNumber);
        Assert.Equal((64 * MiB, (long)SimulatedTracker.BlockSize), (trackers[0].Size, trackers[0].BlockSize));
        Assert.True(trackers[0].Present);
    }

    [Fact]
    public void A_device_is_looked_up_by_path_and_by_pipeline()
    {
        Take("/dev/fake0, /dev/fake1");
        Assert.Equal("/dev/fake1", Run("Get-BlkTracker /dev/fake1").Ok().Single<Tracker>().DevicePath);
        Assert.Equal(2, Run("Get-BlkSnapshot | Get-BlkTracker").Ok().Output.Count);
    }

    [Fact]
    public void A_device_that_is_not_tracked_is_an_error()
    {
        Run("Get-BlkTracker /dev/fake0").Error("TrackerNotFound", ErrorCategory.ObjectNotFound);
        Run("Remove-BlkTracker /dev/fake0").Error("TrackerNotFound", ErrorCategory.ObjectNotFound);
        Run("Get-BlkTracker /dev/missing").Error("DeviceNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void A_tracker_is_removed_by_pipeline()
    {
        Take("/dev/fake0, /dev/fake1");
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Run("Get-BlkTracker /dev/fake0 | Remove-BlkTracker").Ok();
        Assert.Equal(Second.Id, Assert.Single(Driver.Trackers).Key);
    }

    [Fact]
    public void A_tracker_of_a_device_that_is_gone_is_removed_by_its_number()
    {
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Driver.RemoveDevice(First.Id);
        Tracker gone = Run("Get-BlkTracker").Ok().Single<Tracker>();
        Assert.False(gone.Present);
        Assert.Equal(First.Id.ToString(), gone.DevicePath);
        Run("Get-BlkTracker | Where-Object Present -eq $false | Remove-BlkTracker").Ok();
        Assert.Empty(Driver.Trackers);
    }

    [Fact]
    public void A_tracker_in_a_snapshot_stays()
    {
        Take();
        ErrorRecord error = Run("Remove-BlkTracker /dev/fake0").Error("TrackerRemove,EBUSY", ErrorCategory.ResourceBusy);
        Assert.Contains("/dev/fake0", error.ErrorDetails.Message, StringComparison.Ordinal);
        Assert.Contains("/dev/fake0", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Single(Driver.Trackers);
    }

    [Fact]
    public void Removing_with_WhatIf_sends_nothing_that_changes_state()
    {
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        int before = Driver.MutatingRequests.Count;
        Run("Get-BlkTracker | Remove-BlkTracker -WhatIf").Ok();
        Assert.Equal(before, Driver.MutatingRequests.Count);
    }
}
