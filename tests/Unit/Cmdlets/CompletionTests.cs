// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Unit.Fake;

namespace Unit.Cmdlets;

/// <summary>What Tab offers.</summary>
public sealed class CompletionTests : CmdletTest
{
    [Fact]
    public void Devices_are_offered_with_size_model_and_use()
    {
        IReadOnlyList<CompletionResult> offers = Engine.Complete("New-BlkSnapshot -DevicePath ");
        Assert.Equal(["/dev/fake0", "/dev/fake1", "/dev/store"], offers.Select(offer => offer.CompletionText));
        Assert.Equal("64 MiB, Fake Disk, mounted on /srv/data", offers[0].ToolTip);
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

    [Fact]
    public void Storage_is_offered_in_files_and_directories()
    {
        Directory.CreateDirectory(Path.Combine(Driver.RuntimeFolder, "offer-folder"));
        File.WriteAllText(Path.Combine(Driver.RuntimeFolder, "offer-file"), "12345");
        IReadOnlyList<CompletionResult> offers = Engine.Complete($"Add-DiffStorage -Path {Driver.RuntimeFolder}/offer-f");
        Assert.Equal(
            [$"{Driver.RuntimeFolder}/offer-file", $"{Driver.RuntimeFolder}/offer-folder/"],
            offers.Select(offer => offer.CompletionText));
        Assert.Equal("5 B", offers[0].ToolTip);
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
        Assert.StartsWith("/dev/fake0, Taken, taken ", offer.ToolTip, StringComparison.Ordinal);
        Assert.EndsWith("0 % of the storage used", offer.ToolTip, StringComparison.Ordinal);
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
        Replace(FakeFlavor.Absent);
        Assert.DoesNotContain(Engine.Complete("Remove-BlkSnapshot -Id "), offer => Guid.TryParse(offer.CompletionText, out _));
        Assert.Empty(Run("$Error").Ok().Output);
    }
}
