// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Unit.Cmdlets;

/// <summary>What Tab offers.</summary>
public sealed class CompletionTests : CmdletTest
{
    [Fact]
    public void Devices_are_offered_with_what_one_chooses_them_by()
    {
        Driver.ChangeDevice(First.Id, device => device with { FileSystem = "ext4" });
        Driver.AddDevice("/dev/probed", 8 * MiB, content: "xfs", change: device => device with { Holders = ["dm-0"], IsPartition = true });
        Take("/dev/fake1");
        IReadOnlyList<CompletionResult> offers = Engine.Complete("New-BlkSnapshot -DevicePath ");
        Assert.Equal(["/dev/fake0", "/dev/fake1", "/dev/probed", "/dev/store"], offers.Select(offer => offer.CompletionText));
        Assert.Equal(
            ["64 MiB, ext4, mounted on /srv/data, Fake Disk", "32 MiB, tracked", "8 MiB, xfs, part of dm-0, partition", "256 MiB"],
            offers.Select(offer => offer.ToolTip));
    }

    [Fact]
    public void Images_are_offered_where_one_can_use_them()
    {
        Take("/dev/fake1");
        CompletionResult image = Assert.Single(Engine.Complete("Get-ChangedBlocks /dev/blksnap-image"));
        Assert.Equal("32 MiB, image of /dev/fake1", image.ToolTip);
        Assert.DoesNotContain(Engine.Complete("New-BlkSnapshot /dev/blksnap-image"), offer => offer.ToolTip.Contains("image of", StringComparison.Ordinal));
    }

    [Fact]
    public void A_device_that_does_not_answer_keeps_nobody_waiting()
    {
        using ManualResetEventSlim never = new();
        using IDisposable slow = BlockDevices.Use(new SlowDevices(Driver, never));
        Assert.Equal("256 MiB", Assert.Single(Engine.Complete("New-BlkSnapshot /dev/store")).ToolTip);
        never.Set();
    }

    [Theory]
    [InlineData("New-BlkSnapshot /dev/fake1")]
    [InlineData("New-BlkSnapshot fake1")]
    [InlineData("Get-BlkTracker /dev/fake1")]
    [InlineData("Get-ChangedBlocks -DevicePath '/dev/fake1")]
    [InlineData("Get-BlkSnapshot -Device fake1")]
    public void Devices_are_found_by_path_and_by_name(string line) =>
        Assert.Equal("/dev/fake1", Assert.Single(Engine.Complete(line)).CompletionText);

    [Fact]
    public void Storage_is_offered_on_devices_that_nobody_has_mounted()
    {
        IEnumerable<string> offers = Engine.Complete("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/").Select(offer => offer.CompletionText);
        Assert.Equal(["/dev/fake1", "/dev/store"], offers);
    }

    [Theory]
    [InlineData("", "/dev/fake1,/dev/store")]
    [InlineData("sto", "/dev/store")]
    [InlineData("'sto", "/dev/store")]
    [InlineData("/missing/folder/", "")]
    public void Storage_is_offered_before_there_is_a_path(string word, string expected)
    {
        IEnumerable<string> offers = Engine.Complete("New-BlkSnapshot /dev/fake0 -DiffStorage " + word).Select(offer => offer.CompletionText);
        Assert.Equal(expected, string.Join(',', offers));
    }

    [Fact]
    public void Storage_is_offered_in_files_and_directories()
    {
        Directory.CreateDirectory(Path.Combine(Driver.RuntimeFolder, "offer-folder"));
        File.WriteAllText(Path.Combine(Driver.RuntimeFolder, "offer-file"), "12345");
        IReadOnlyList<CompletionResult> offers = Engine.Complete($"Add-DiffStorage -Path {Driver.RuntimeFolder}/offer-f");
        Assert.Equal(
            [$"{Driver.RuntimeFolder}/offer-file", $"{Driver.RuntimeFolder}/offer-folder/"],
            offers.Select(offer => offer.CompletionText));
        Assert.Equal("file, 5 B", offers[0].ToolTip);
        Assert.Matches("^directory, .* free on ", offers[1].ToolTip);
    }

    [Theory]
    [InlineData("./")]
    [InlineData("../here/")]
    [InlineData("~/")]
    public void Storage_is_offered_where_the_session_is(string folder)
    {
        string here = Directory.CreateDirectory(Path.Combine(Driver.RuntimeFolder, "here")).FullName;
        Directory.CreateDirectory(Path.Combine(here, "offer-folder"));
        File.WriteAllText(Path.Combine(here, "offer-file"), "12345");
        Engine.Runspace.SessionStateProxy.Path.SetLocation(here);
        Engine.Runspace.SessionStateProxy.Provider.GetOne("FileSystem").Home = here;
        IReadOnlyList<CompletionResult> offers = Engine.Complete($"Add-DiffStorage -Path {folder}offer");
        Assert.Equal([folder + "offer-file", folder + "offer-folder/"], offers.Select(offer => offer.CompletionText));
        Assert.Equal("file, 5 B", offers[0].ToolTip);
        Assert.Matches("^directory, .* free on ", offers[1].ToolTip);
    }

    [Theory]
    [InlineData("Remove-BlkSnapshot ")]
    [InlineData("Get-BlkSnapshot -Id ")]
    [InlineData("Add-DiffStorage -SnapshotId ")]
    [InlineData("Wait-BlkSnapshotEvent ")]
    public void Snapshots_are_offered_with_their_devices_and_use(string line)
    {
        Snapshot snapshot = Take();
        CompletionResult offer = Assert.Single(Engine.Complete(line));
        Assert.Equal(snapshot.Id.ToString(), offer.CompletionText);
        Assert.Matches("^/dev/fake0, Taken, [0-9]+ (ms|s|min) old, 0 B of 256 MiB storage used \\(0 %\\)$", offer.ToolTip);
    }

    [Fact]
    public void Names_of_events_are_offered_with_their_meaning()
    {
        IReadOnlyList<CompletionResult> offers = Engine.Complete("Register-BlkSnapshotEvent -EventName ");
        Assert.Equal(["All", "LowSpace", "Corrupted"], offers.Select(offer => offer.CompletionText));
        Assert.All(offers, offer => Assert.NotEqual(offer.CompletionText, offer.ToolTip));
        Assert.Equal("Corrupted", Assert.Single(Engine.Complete("Register-BlkSnapshotEvent -EventName cor")).CompletionText);
    }

    [Fact]
    public void Paths_with_special_characters_are_quoted()
    {
        Driver.AddDevice("/dev/odd name's", MiB);
        Assert.Equal("'/dev/odd name''s'", Assert.Single(Engine.Complete("Get-BlkTracker odd")).CompletionText);
    }

    [Fact]
    public void Without_a_driver_nothing_is_offered_and_nothing_is_said()
    {
        Replace(SimulatedFlavor.Absent);
        Assert.DoesNotContain(Engine.Complete("Remove-BlkSnapshot -Id "), offer => Guid.TryParse(offer.CompletionText, out _));
        Assert.Empty(Run("$Error").Ok().Output);
    }

    [Fact]
    public void Without_a_driver_devices_are_offered_all_the_same()
    {
        Replace(SimulatedFlavor.Absent);
        Assert.Equal("256 MiB", Assert.Single(Engine.Complete("New-BlkSnapshot /dev/store")).ToolTip);
        Assert.Empty(Run("$Error").Ok().Output);
    }

    /// <summary>Devices whose contents cannot be read in time.</summary>
    private sealed class SlowDevices(IBlockDeviceSource devices, ManualResetEventSlim answer) : IBlockDeviceSource
    {
        public BlockDevice? FromPath(string path) => devices.FromPath(path);

        public BlockDevice? FromId(DeviceId id) => devices.FromId(id);

        public IEnumerable<BlockDevice> All() => devices.All();

        public string? ProbeContent(BlockDevice device)
        {
            answer.Wait();
            return "late";
        }
    }
}
