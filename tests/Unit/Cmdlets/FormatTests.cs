// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Xml.Linq;
using Blksnap;
using Blksnap.Abi;
using BlksnapPS;
using Unit.Fake;

namespace Unit.Cmdlets;

/// <summary>The views: what the engine prints, and every expression of the format file.</summary>
public sealed class FormatTests : CmdletTest
{
    private static readonly XDocument s_file = XDocument.Load(Path.Combine(AppContext.BaseDirectory, "BlksnapPS.Format.ps1xml"));

    /// <summary>A command for each type that has views.</summary>
    public static TheoryData<string, string> Outputs { get; } = new()
    {
        { "Blksnap.DriverInfo", "Get-BlkSnapshotDriver" },
        { "Blksnap.Snapshot", "Get-BlkSnapshot" },
        { "Blksnap.SnapshotDevice", "(Get-BlkSnapshot).Devices" },
        { "Blksnap.SnapshotImage", "Get-BlkSnapshotImage" },
        { "Blksnap.DiffStorage", "Get-DiffStorage" },
        { "Blksnap.DiffStorageRange", "(Get-DiffStorage).Ranges" },
        { "Blksnap.Tracker", "Get-BlkTracker" },
        { "Blksnap.ChangedRange", "Get-ChangedBlocks /dev/fake0" },
        { "Blksnap.SnapshotEvent", "Get-BlkSnapshot | Wait-BlkSnapshotEvent -Timeout 10" },
    };

    private void Prepare()
    {
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Driver.Write(First.Id, 0, 4096);
        Take(storage: "/dev/store:16MiB+64MiB");
    }

    private static XElement View(string type, string control) => Assert.Single(
        s_file.Descendants("View"),
        view => view.Element("ViewSelectedBy")!.Element("TypeName")!.Value == type && view.Element(control) is not null);

    [Fact]
    public void Every_type_with_a_view_is_put_out_by_a_command() => Assert.Equal(
        Outputs.Select(row => (string)row[0]).Order(StringComparer.Ordinal),
        s_file.Descendants("TypeName").Select(name => name.Value).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Outputs))]
    public void Every_expression_of_table_and_list_works(string type, string command)
    {
        Prepare();
        PSObject item = Run(command).Ok().Output[0];
        Assert.Equal(type, item.BaseObject.GetType().FullName);
        Engine.With("item", item);
        foreach (XElement view in new[] { View(type, "TableControl"), View(type, "ListControl") })
        {
            Assert.All(view.Descendants("PropertyName"), name => Assert.NotNull(item.Properties[name.Value]));
            Assert.All(view.Descendants("ScriptBlock"), script =>
                Assert.Single(Run($"$item | ForEach-Object {{ {script.Value} }}").Ok().All<string>()));
        }
    }

    [Theory]
    [MemberData(nameof(Outputs))]
    public void The_table_has_as_many_columns_as_headers(string type, string command)
    {
        Assert.NotEmpty(command);
        XElement table = View(type, "TableControl");
        Assert.Equal(table.Descendants("TableColumnHeader").Count(), table.Descendants("TableColumnItem").Count());
    }

    [Theory]
    [InlineData("Get-BlkSnapshot", "Id State DevicePath Use Storage Taken", "Taken /dev/fake0 0 % 64 MiB")]
    [InlineData("Get-DiffStorage", "SnapshotId Capacity Used Free Use On", "64 MiB 0 B 64 MiB 0 % /dev/store")]
    [InlineData("(Get-DiffStorage).Ranges", "DevicePath Offset Length Used FilePath", "/dev/store 16777216 64 MiB 0 B")]
    [InlineData("Get-BlkTracker", "DevicePath Size BlockSize Snapshot Generation", "/dev/fake0 64 MiB 64 KiB 2")]
    [InlineData("Get-ChangedBlocks /dev/fake0", "DevicePath Offset Length Size", "/dev/fake0 0 65536 64 KiB")]
    public void The_engine_prints_the_table(string command, string header, string row)
    {
        Prepare();
        using Engine printing = new(columns: 160);
        string text = string.Join('\n', printing.Print(command).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))));
        Assert.Contains(header, text, StringComparison.Ordinal);
        Assert.Contains(row, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0L, "0 B")]
    [InlineData(1023L, "1023 B")]
    [InlineData(1024L, "1 KiB")]
    [InlineData(1536L, "1.5 KiB")]
    [InlineData(64L << 20, "64 MiB")]
    [InlineData(1234567890L, "1.15 GiB")]
    [InlineData(long.MaxValue, "8 EiB")]
    [InlineData(null, "")]
    public void Sizes_are_readable(long? bytes, string text) => Assert.Equal(text, DisplayText.Size(bytes));

    [Fact]
    public void Shares_are_per_cent_and_empty_where_unknown()
    {
        Assert.Equal("25 %", DisplayText.Share(1L, 4L));
        Assert.Equal(string.Empty, DisplayText.Share(null, 4L));
        Assert.Equal(string.Empty, DisplayText.Share(1L, 0L));
    }
}
