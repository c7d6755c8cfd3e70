// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text.Json;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Tracking;
using BlksnapPS;

namespace Unit.Cmdlets;

/// <summary>Get-ChangedBlocks and Add-ChangedBlocks.</summary>
public sealed class ChangedBlocksTests : CmdletTest
{
    private const long Block = SimulatedTracker.BlockSize;

    /// <summary>Two snapshots of both devices; in between blocks 2, 3 and 10 of the first and block 7 of the second change.</summary>
    private void TakeTwoWithChanges()
    {
        Take("/dev/fake0, /dev/fake1");
        Run("$before = Get-BlkSnapshot; $tokens = $before.Images.ChangeToken; $trackers = Get-BlkTracker").Ok();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Driver.Write(First.Id, 2 * Block, 2 * Block);
        Driver.Write(First.Id, (10 * Block) + 5, 1);
        Driver.Write(Second.Id, 7 * Block, 1);
        Take("/dev/fake0, /dev/fake1");
    }

    private static (string Path, long Offset, long Length) Flat(ChangedRange range) => (range.DevicePath, range.Offset, range.Length);

    [Fact]
    public void Changes_since_a_token_are_merged_ranges_of_bytes()
    {
        TakeTwoWithChanges();
        Assert.Equal(
            [("/dev/fake0", 2 * Block, 2 * Block), ("/dev/fake0", 10 * Block, Block)],
            Run("Get-ChangedBlocks /dev/fake0 -Since $tokens[0]").Ok().All<ChangedRange>().Select(Flat));
    }

    [Fact]
    public void Every_device_of_a_snapshot_is_compared_with_its_own_token()
    {
        TakeTwoWithChanges();
        (string, long, long)[] expected =
        [
            ("/dev/fake0", 2 * Block, 2 * Block), ("/dev/fake0", 10 * Block, Block), ("/dev/fake1", 7 * Block, Block),
        ];
        Assert.Equal(expected, Run("Get-BlkSnapshot | Get-ChangedBlocks -Since $tokens").Ok().All<ChangedRange>().Select(Flat));
        Assert.Equal(expected, Run("Get-ChangedBlocks -Id (Get-BlkSnapshot).Id -Since $tokens").Ok().All<ChangedRange>().Select(Flat));
        Assert.Equal(expected, Run("Get-BlkTracker | Get-ChangedBlocks -Since $tokens").Ok().All<ChangedRange>().Select(Flat));
    }

    [Theory]
    [InlineData("-Since $tokens")]
    [InlineData("-Since ([string]$tokens[0])")]
    [InlineData("-Since $before.Images")]
    [InlineData("-Since $before")]
    [InlineData("-Since $trackers")]
    [InlineData("-Since $trackers[0].SnapshotNumber -Generation $trackers[0].Generation")]
    [InlineData("-Since ([string]$trackers[0].SnapshotNumber) -Generation $trackers[0].Generation.ToString()")]
    [InlineData("-Since @{ Generation = $tokens[0].Generation; SnapshotNumber = $tokens[0].SnapshotNumber }")]
    [InlineData("-Since ([pscustomobject]@{ Generation = $tokens[0].Generation.ToString(); SnapshotNumber = [long]$tokens[0].SnapshotNumber; Size = $null })")]
    [InlineData("-Since ([pscustomobject]@{ ChangeToken = [string]$tokens[0] })")]
    public void A_token_may_have_been_stored_in_any_form(string arguments)
    {
        TakeTwoWithChanges();
        Assert.Equal(2, Run("Get-ChangedBlocks /dev/fake0 " + arguments).Ok().Output.Count);
    }

    [Theory]
    [InlineData("$before")]
    [InlineData("$before.Images")]
    [InlineData("$tokens")]
    [InlineData("$trackers")]
    public void A_token_survives_CLIXML_whole(string stored)
    {
        TakeTwoWithChanges();
        object? kept = Run($", ({stored})").Ok().Output.Single();
        Engine.With("kept", PSSerializer.Deserialize(PSSerializer.Serialize(kept, 3)));
        Assert.Equal(2, Run("Get-ChangedBlocks /dev/fake0 -Since $kept").Ok().Output.Count);
        using (SystemBoot.Use(Guid.NewGuid()))
        {
            Run("Get-ChangedBlocks /dev/fake0 -Since $kept").Error("ChangedBlocksReboot", ErrorCategory.InvalidData);
        }
    }

    [Fact]
    public void A_token_survives_JSON_whole()
    {
        TakeTwoWithChanges();
        ChangeToken token = Run("$tokens[0]").Ok().Single<ChangeToken>();

        // What ConvertFrom-Json makes of it: texts, and whole numbers of 64 bits.
        PSObject kept = new();
        foreach (JsonProperty property in JsonSerializer.SerializeToElement(token).EnumerateObject())
        {
            kept.Properties.Add(new PSNoteProperty(
                property.Name, property.Value.ValueKind == JsonValueKind.Number ? property.Value.GetInt64() : property.Value.GetString()));
        }

        Engine.With("kept", kept);
        Assert.Equal(2, Run("Get-ChangedBlocks /dev/fake0 -Since $kept").Ok().Output.Count);
        Assert.Equal(token, Assert.Single(ChangeTokenArgument.Read([kept], null)));
    }

    [Theory]
    [InlineData("$tokens[0]", "")]
    [InlineData("$tokens", "")]
    [InlineData("$before", " -Depth 5")]
    [InlineData("$before.Images", "")]
    [InlineData("$trackers", "")]
    [InlineData("[string]$tokens[0]", " -AsArray")]
    [InlineData("@{ generation = $tokens[0].Generation; snapshotNumber = $tokens[0].SnapshotNumber; more = $true }", " -Compress")]
    public void A_token_may_be_a_text_of_JSON(string stored, string form)
    {
        TakeTwoWithChanges();
        using Engine engine = new(withCoreCommands: true);
        foreach (string name in new[] { "before", "tokens", "trackers" })
        {
            engine.With(name, Engine.Variable(name));
        }

        Assert.Equal(2, engine.Run($"Get-ChangedBlocks /dev/fake0 -Since ({stored} | ConvertTo-Json{form})").Ok().Output.Count);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("[null]")]
    [InlineData("[[true]]")]
    [InlineData("{\"Images\":[null]}")]
    [InlineData("{\"Generation\":\"GUID\"}")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":1,}")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":1} 2")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":1,\"SnapshotNumber\":2}")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":1.5}")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":true}")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":256}")]
    [InlineData("{\"Generation\":7,\"SnapshotNumber\":1}")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":1,\"Size\":\"many\"}")]
    [InlineData("{\"Generation\":\"GUID\",\"SnapshotNumber\":1,\"DevicePath\":[\"/dev/fake0\"]}")]
    public void A_text_of_JSON_that_is_no_token_ends_the_pipeline(string text)
    {
        Take();
        Engine.With("text", text.Replace("GUID", Guid.NewGuid().ToString(), StringComparison.Ordinal));
        EngineResult result = Run("Get-ChangedBlocks /dev/fake0 -Since $text");
        result.Error("ChangeTokenInvalid", ErrorCategory.InvalidArgument);
        Assert.True(result.IsTerminated);
    }

    [Fact]
    public void A_text_of_JSON_that_was_read_in_lines_is_told_so()
    {
        Take();
        ErrorRecord error = Run("Get-ChangedBlocks /dev/fake0 -Since '{', '  \"Generation\": 1', '}'").Error("ChangeTokenInvalid", ErrorCategory.InvalidArgument);
        Assert.Contains("Get-Content -Raw", error.ErrorDetails.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-MergeGap 1MB")]
    [InlineData("-Minimum 1MB")]
    public void The_map_itself_has_no_ranges_to_merge_or_widen(string more)
    {
        Take();
        Run($"Get-ChangedBlocks /dev/fake0 -Raw {more}").Error("RawAndRanges", ErrorCategory.InvalidArgument);
    }

    [Fact]
    public void A_generation_is_that_of_the_token_or_an_error()
    {
        TakeTwoWithChanges();
        Assert.Single(Run("Get-ChangedBlocks /dev/fake1 -Since $tokens[1] -Generation $tokens[1].Generation").Ok().Output);
        Run($"Get-ChangedBlocks /dev/fake1 -Since $tokens[1] -Generation {Guid.NewGuid()}").Error("ChangeTokenInvalid", ErrorCategory.InvalidArgument);
        Run($"Get-ChangedBlocks /dev/fake1 -Generation {Guid.NewGuid()}").Error("ChangeTokenInvalid", ErrorCategory.InvalidArgument);
    }

    [Fact]
    public void An_image_stands_for_its_device()
    {
        TakeTwoWithChanges();
        string image = Run("Get-BlkSnapshotImage -DevicePath /dev/fake1").Ok().Single<SnapshotImage>().ImagePath;
        Assert.Equal(7 * Block, Run($"Get-ChangedBlocks {image} -Since $tokens[1]").Ok().Single<ChangedRange>().Offset);
    }

    [Fact]
    public void Ranges_that_are_close_become_one_with_MergeGap()
    {
        TakeTwoWithChanges();
        ChangedRange range = Run("Get-ChangedBlocks /dev/fake0 -Since $tokens[0] -MergeGap 1MB").Ok().Single<ChangedRange>();
        Assert.Equal((2 * Block, 9 * Block), (range.Offset, range.Length));
    }

    [Fact]
    public void Short_ranges_are_widened_with_Minimum()
    {
        TakeTwoWithChanges();
        Assert.Equal(
            [("/dev/fake0", 2 * Block, 3 * Block), ("/dev/fake0", 10 * Block, 3 * Block)],
            Run($"Get-ChangedBlocks /dev/fake0 -Since $tokens -Minimum {3 * Block}").Ok().All<ChangedRange>().Select(Flat));
    }

    [Fact]
    public void Ranges_come_one_by_one_and_end_with_the_pipeline()
    {
        TakeTwoWithChanges();
        Assert.Single(Run("do { Get-ChangedBlocks /dev/fake0 -Since $tokens | ForEach-Object { $_; break } } while ($false)").Ok().Output);
        Assert.Equal(0, Driver.OpenChannels);
    }

    [Fact]
    public void Raw_does_not_hide_a_broken_chain()
    {
        TakeTwoWithChanges();
        Assert.NotEmpty(Run("Get-ChangedBlocks /dev/fake0 -Since $tokens -Raw").Ok().Single<byte[]>());
        Run("Get-ChangedBlocks /dev/fake0 -Since $tokens[1] -Raw").Error("ChangedBlocksOtherDevice", ErrorCategory.InvalidData);
    }

    [Fact]
    public void Raw_is_the_map_as_one_array()
    {
        TakeTwoWithChanges();
        byte[] map = Run("Get-ChangedBlocks /dev/fake0 -Raw").Ok().Single<byte[]>();
        Assert.Equal(64 * MiB / Block, map.Length);
        Assert.Equal([2, 3, 10], Enumerable.Range(0, map.Length).Where(index => map[index] != 0));
    }

    [Theory]
    [InlineData("Remove-BlkTracker /dev/fake0", "ChangedBlocksGeneration")]
    [InlineData("$token = $token.ToString() -replace 'size=\\d+', 'size=4096'", "ChangedBlocksResized")]
    [InlineData("$token = $token.ToString() -replace 'number=\\d+', 'number=200'", "ChangedBlocksNumberWrap")]
    [InlineData("$token = $token.ToString() -replace 'boot=[^;]+', \"boot=$([guid]::NewGuid())\"", "ChangedBlocksReboot")]
    [InlineData("$token = $token.ToString() -replace 'device=[^;]+', 'device=8:1'", "ChangedBlocksOtherDevice")]
    public void A_broken_chain_asks_for_a_full_backup_and_says_why(string breakIt, string id)
    {
        Take();
        Run("$token = (Get-BlkSnapshot).Images.ChangeToken; Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Run(breakIt).Ok();
        Take();
        EngineResult result = Run("Get-ChangedBlocks /dev/fake0 -Since $token");
        ErrorRecord error = result.Error(id, ErrorCategory.InvalidData);
        Assert.Contains("full backup", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("full backup", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("-Since 1")]
    [InlineData("-Since 'yesterday'")]
    [InlineData("-Since @{ Generation = 'x' }")]
    [InlineData("-Since @{ Generation = [guid]::NewGuid() }")]
    [InlineData("-Since @{ Generation = [guid]::NewGuid(); SnapshotNumber = 0 }")]
    [InlineData("-Since @{ Generation = [guid]::NewGuid(); SnapshotNumber = 1; Size = 'many' }")]
    [InlineData("-Since @{ Generation = [guid]::NewGuid(); SnapshotNumber = 1; Device = 'sda' }")]
    [InlineData("-Since @{ ChangeToken = 'x' }")]
    [InlineData("-Since @{ Images = @() }")]
    public void A_token_that_is_none_ends_the_pipeline(string arguments)
    {
        Take();
        EngineResult result = Run("Get-ChangedBlocks /dev/fake0 " + arguments);
        result.Error("ChangeTokenInvalid", ErrorCategory.InvalidArgument);
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
        Run("$changes = Get-ChangedBlocks /dev/fake0 -Since $tokens[0]; $now = Get-BlkTracker /dev/fake0").Ok();
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
        ErrorRecord error = Run("Add-ChangedBlocks /dev/fake0 -Offset 65MB -Length 512").Error("TrackerMarkDirtyBlocks,EINVAL", ErrorCategory.InvalidArgument);
        Assert.Contains("/dev/fake0", error.ErrorDetails.Message, StringComparison.Ordinal);
        Run("Add-ChangedBlocks /dev/fake0 ([long]::MaxValue) 4096").Error("TrackerMarkDirtyBlocks,EINVAL", ErrorCategory.InvalidArgument);
        Run("Add-ChangedBlocks /dev/fake1 -Offset 0 -Length 512").Error("TrackerNotFound", ErrorCategory.ObjectNotFound);
        Run("Add-ChangedBlocks /dev/missing -Offset 0 -Length 512").Error("DeviceNotFound", ErrorCategory.ObjectNotFound);
    }
}
