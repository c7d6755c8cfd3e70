// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Unit.Fake;

namespace Unit.Cmdlets;

/// <summary>Get-ChangedBlocks and Add-ChangedBlocks.</summary>
public sealed class ChangedBlocksTests : CmdletTest
{
    private const long Block = FakeTracker.BlockSize;

    /// <summary>Two snapshots of both devices; in between blocks 2, 3 and 10 of the first and block 7 of the second change.</summary>
    private void TakeTwoWithChanges()
    {
        Take("/dev/fake0, /dev/fake1");
        Run("$marks = Get-BlkTracker").Ok();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Driver.Write(First.Id, 2 * Block, 2 * Block);
        Driver.Write(First.Id, (10 * Block) + 5, 1);
        Driver.Write(Second.Id, 7 * Block, 1);
        Take("/dev/fake0, /dev/fake1");
    }

    private static (string Path, long Offset, long Length) Flat(ChangedRange range) => (range.DevicePath, range.Offset, range.Length);

    [Fact]
    public void Changes_since_a_tracker_are_merged_ranges_of_bytes()
    {
        TakeTwoWithChanges();
        Assert.Equal(
            [("/dev/fake0", 2 * Block, 2 * Block), ("/dev/fake0", 10 * Block, Block)],
            Run("Get-ChangedBlocks /dev/fake0 -Since $marks[0]").Ok().All<ChangedRange>().Select(Flat));
    }

    [Fact]
    public void Every_device_of_a_snapshot_is_compared_with_its_own_mark()
    {
        TakeTwoWithChanges();
        (string, long, long)[] expected =
        [
            ("/dev/fake0", 2 * Block, 2 * Block), ("/dev/fake0", 10 * Block, Block), ("/dev/fake1", 7 * Block, Block),
        ];
        Assert.Equal(expected, Run("Get-BlkSnapshot | Get-ChangedBlocks -Since $marks").Ok().All<ChangedRange>().Select(Flat));
        Assert.Equal(expected, Run("Get-ChangedBlocks -Id (Get-BlkSnapshot).Id -Since $marks").Ok().All<ChangedRange>().Select(Flat));
        Assert.Equal(expected, Run("Get-BlkTracker | Get-ChangedBlocks -Since $marks").Ok().All<ChangedRange>().Select(Flat));
    }

    [Theory]
    [InlineData("-Since $marks[0].SnapshotNumber -Generation $marks[0].Generation")]
    [InlineData("-Since ([string]$marks[0].SnapshotNumber) -Generation $marks[0].Generation.ToString()")]
    [InlineData("-Since @{ Generation = $marks[0].Generation; SnapshotNumber = $marks[0].SnapshotNumber }")]
    [InlineData("-Since ([pscustomobject]@{ Generation = $marks[0].Generation.ToString(); SnapshotNumber = [long]$marks[0].SnapshotNumber })")]
    public void A_mark_may_have_been_stored_in_any_form(string arguments)
    {
        TakeTwoWithChanges();
        Assert.Equal(2, Run("Get-ChangedBlocks /dev/fake0 " + arguments).Ok().Output.Count);
    }

    [Fact]
    public void An_image_stands_for_its_device()
    {
        TakeTwoWithChanges();
        string image = Run("Get-BlkSnapshotImage -DevicePath /dev/fake1").Ok().Single<SnapshotImage>().ImagePath;
        Assert.Equal(7 * Block, Run($"Get-ChangedBlocks {image} -Since $marks[1]").Ok().Single<ChangedRange>().Offset);
    }

    [Fact]
    public void Ranges_that_are_close_become_one_with_MergeGap()
    {
        TakeTwoWithChanges();
        ChangedRange range = Run("Get-ChangedBlocks /dev/fake0 -Since $marks[0] -MergeGap 1MB").Ok().Single<ChangedRange>();
        Assert.Equal((2 * Block, 9 * Block), (range.Offset, range.Length));
    }

    [Fact]
    public void Raw_is_the_map_as_one_array()
    {
        TakeTwoWithChanges();
        byte[] map = Run("Get-ChangedBlocks /dev/fake0 -Raw").Ok().Single<byte[]>();
        Assert.Equal(64 * MiB / Block, map.Length);
        Assert.Equal([2, 3, 10], Enumerable.Range(0, map.Length).Where(index => map[index] != 0));
    }

    [Fact]
    public void Another_generation_asks_for_a_full_copy()
    {
        Take();
        Run("$marks = Get-BlkTracker").Ok();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot; Remove-BlkTracker /dev/fake0").Ok();
        Take();
        ErrorRecord error = Run("Get-ChangedBlocks /dev/fake0 -Since $marks").Error("ChangedBlocksGeneration", ErrorCategory.InvalidData);
        Assert.Contains("full copy", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-Since 1")]
    [InlineData("-Since 'yesterday'")]
    [InlineData("-Since @{ Generation = 'x' }")]
    public void A_mark_that_is_none_ends_the_pipeline(string arguments)
    {
        Take();
        EngineResult result = Run("Get-ChangedBlocks /dev/fake0 " + arguments);
        result.Error("InvalidMark", ErrorCategory.InvalidArgument);
        Assert.True(result.IsTerminated);
    }

    [Fact]
    public void A_device_without_snapshot_or_tracker_is_an_error_of_that_device()
    {
        Run("Get-ChangedBlocks /dev/fake0").Error("TrackerNotFound", ErrorCategory.ObjectNotFound);
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Run("Get-ChangedBlocks /dev/fake0").Error("DeviceNotInSnapshot", ErrorCategory.InvalidOperation);
        Run("Get-ChangedBlocks /dev/missing").Error("DeviceNotFound", ErrorCategory.ObjectNotFound);
        Run("Get-ChangedBlocks -Id 11111111-2222-3333-4444-555555555555").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void Ranges_are_marked_with_one_request_a_device()
    {
        TakeTwoWithChanges();
        Run("$changes = Get-ChangedBlocks /dev/fake0 -Since $marks[0]; $now = Get-BlkTracker /dev/fake0").Ok();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        int before = Driver.MutatingRequests.Count;

        Assert.Empty(Run("$changes | Add-ChangedBlocks").Ok().Output);
        Assert.Equal([4], Driver.MutatingRequests.Skip(before).Select(request => request.Number));

        Take();
        Assert.Equal(
            [("/dev/fake0", 2 * Block, 2 * Block), ("/dev/fake0", 10 * Block, Block)],
            Run("Get-ChangedBlocks /dev/fake0 -Since $now").Ok().All<ChangedRange>().Select(Flat));
    }

    [Fact]
    public void Marking_with_WhatIf_sends_nothing_that_changes_state()
    {
        Take();
        int before = Driver.MutatingRequests.Count;
        Run("Add-ChangedBlocks /dev/fake0 -Offset 0 -Length 512 -WhatIf").Ok();
        Assert.Equal(before, Driver.MutatingRequests.Count);
    }

    [Fact]
    public void Marking_is_refused_beyond_the_end_and_on_other_devices()
    {
        Take();
        Run("Add-ChangedBlocks /dev/fake0 -Offset 65MB -Length 512").Error("TrackerMarkDirtyBlocks,EINVAL", ErrorCategory.InvalidArgument);
        Run("Add-ChangedBlocks /dev/fake1 -Offset 0 -Length 512").Error("TrackerNotFound", ErrorCategory.ObjectNotFound);
        Run("Add-ChangedBlocks /dev/missing -Offset 0 -Length 512").Error("DeviceNotFound", ErrorCategory.ObjectNotFound);
    }
}
