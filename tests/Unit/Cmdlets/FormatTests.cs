// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Xml.Linq;
using Blksnap;
using Blksnap.Abi;
using BlksnapPS;

namespace Unit.Cmdlets;

/// <summary>The views: what the engine prints, and every expression of the format file.</summary>
public sealed class FormatTests : CmdletTest
{
    private static readonly XElement[] s_views =
        [.. Directory.GetFiles(AppContext.BaseDirectory, "*.Format.ps1xml").SelectMany(file => XDocument.Load(file).Descendants("View"))];

    /// <summary>A command for each type that has views.</summary>
    public static TheoryData<string, string> Outputs { get; } = new()
    {
        { "Blksnap.DriverInfo", "Get-BlkSnapshotDriver" },
        { "Blksnap.Support.SupportCheck", "Test-BlkSnapshotSupport" },
        { "Blksnap.Snapshot", "Get-BlkSnapshot" },
        { "Blksnap.SnapshotDevice", "(Get-BlkSnapshot).Devices" },
        { "Blksnap.SnapshotImage", "Get-BlkSnapshotImage" },
        { "Blksnap.DiffStorage", "Get-DiffStorage" },
        { "Blksnap.DiffStorageRange", "(Get-DiffStorage).Ranges" },
        { "Blksnap.Tracker", "Get-BlkTracker" },
        { "Blksnap.ChangeToken", "(Get-BlkSnapshotImage).ChangeToken" },
        { "Blksnap.ChangedRange", "Get-ChangedBlocks /dev/fake0" },
        { "Blksnap.SnapshotEvent", "Get-BlkSnapshot | Wait-BlkSnapshotEvent -Timeout 10" },
        { "BlksnapPS.Events.SnapshotEventArgs", "[BlksnapPS.Events.SnapshotEventArgs]::new((Get-BlkSnapshot | Wait-BlkSnapshotEvent -Timeout 10))" },
        { "Blksnap.Simulation.SimulatedDisk", "Use-BlkSimulation { Add-BlkSimulationDisk sda }" },
        { "Blksnap.DiffStorageAutoExtend", "[Blksnap.DiffStorageAutoExtend]@{ SnapshotId = [guid]::NewGuid(); Directory = '/srv' }" },
    };

    private void Prepare()
    {
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Driver.Write(First.Id, 0, 4096);
        Take(storage: "/dev/store:16MiB+64MiB");
    }

    private static XElement View(string type, string control) => Assert.Single(
        s_views,
        view => view.Element("ViewSelectedBy")!.Elements("TypeName").Any(name => name.Value == type) && view.Element(control) is not null);

    [Fact]
    public void Every_type_with_a_view_is_put_out_by_a_command() => Assert.Equal(
        Outputs.Select(row => (string)row[0]).Order(StringComparer.Ordinal),
        s_views.Descendants("TypeName").Select(name => name.Value).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Outputs))]
    public void Every_expression_of_table_and_list_works(string type, string command)
    {
        Prepare();
        PSObject item = Run(command).Ok().Output[0];
        Assert.Equal(type, item.BaseObject.GetType().FullName);
        CheckExpressions(type, item);
    }

    [Theory]
    [MemberData(nameof(Outputs))]
    public void Objects_of_a_job_or_a_file_have_the_same_views(string type, string command)
    {
        Prepare();

        // One level deep is how jobs and remote sessions send, where the type does not ask for more.
        using Engine engine = new(columns: 160, withCoreCommands: true);
        engine.Run($"$live = @({command})[0]; $kept = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($live, 1))").Ok();
        PSObject kept = PSObject.AsPSObject(engine.Variable("kept")!);
        Assert.Equal("Deserialized." + type, kept.TypeNames[0]);
        CheckExpressions(type, kept);

        foreach (string form in new[] { "Format-Table", "Format-List" })
        {
            Assert.Equal(Shown(engine, $"$live | {form}"), Shown(engine, $"$kept | {form}"));
        }
    }

    // What the user sees; ages grow meanwhile.
    private static string Shown(Engine engine, string command)
    {
        int before = engine.Screen.Count;
        engine.Run($"{command} | Out-Default").Ok();
        return System.Text.RegularExpressions.Regex.Replace(string.Join('\n', engine.Screen.Skip(before - 1)), @" *\d+ (ms|s|min)( \d+ s)?\b", " AGE");
    }

    [Fact]
    public void Objects_of_a_job_or_a_file_bind_by_their_properties()
    {
        Prepare();
        Run("$kept = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize((Get-BlkSnapshot), 1))").Ok();
        Assert.Equal("/dev/blksnap-image0", Run("$kept.Images[0].ImagePath").Ok().Single<string>().Replace('1', '0'));
        Assert.Equal(SnapshotState.Taken, Run("$kept | Get-BlkSnapshot").Ok().Single<Snapshot>().State);
        Assert.Single(Run("$kept | Get-DiffStorage").Ok().Output);
        Assert.Single(Run("$kept.Images | Get-BlkTracker").Ok().Output);
        Assert.Single(Run("$kept | Get-ChangedBlocks").Ok().Output);
        Assert.Empty(Run("$kept | Get-ChangedBlocks -Since $kept").Ok().Output);
        Assert.Empty(Run("$kept | Remove-BlkSnapshot").Ok().Output);
        Assert.Empty(Driver.Snapshots);
    }

    [Fact]
    public void A_state_has_a_colour_where_the_output_is_no_plain_text()
    {
        Assert.Equal("Taken", Run("$PSStyle.OutputRendering = 'PlainText'; [BlksnapPS.DisplayText]::State('Taken', $PSStyle.OutputRendering)").Ok().Single<string>());
        Assert.Equal("\e[32mTaken\e[0m", Run("$PSStyle.OutputRendering = 'Ansi'; [BlksnapPS.DisplayText]::State('Taken', $PSStyle.OutputRendering)").Ok().Single<string>());
        Assert.Equal("NotTaken", Run("[BlksnapPS.DisplayText]::State('NotTaken', $PSStyle.OutputRendering)").Ok().Single<string>());
        Run("$PSStyle.OutputRendering = 'Host'").Ok();
    }

    private void CheckExpressions(string type, PSObject item)
    {
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
    [InlineData("Get-BlkSnapshot", "Id State Use Storage Age DevicePath", "Taken 0 % 64 MiB")]
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

    /// <summary>As wide as a terminal is at first.</summary>
    [Theory]
    [InlineData("Get-BlkSnapshot", "Id", "State", "Use", "Storage", "Age", "DevicePath")]
    [InlineData("(Get-BlkSnapshot).Devices", "DevicePath", "ImagePath", "Freeze", "Copied", "Error")]
    [InlineData("Get-BlkSnapshotImage", "DevicePath", "ImagePath", "Size", "SnapshotId")]
    [InlineData("Get-DiffStorage", "SnapshotId", "Capacity", "Used", "Free", "Use", "On")]
    [InlineData("(Get-DiffStorage).Ranges", "DevicePath", "Offset", "Length", "Used", "FilePath")]
    [InlineData("Get-BlkTracker", "DevicePath", "Size", "BlockSize", "Snapshot", "Generation")]
    [InlineData("(Get-BlkSnapshotImage).ChangeToken", "DevicePath", "Size", "Snapshot", "Generation")]
    [InlineData("Get-ChangedBlocks /dev/fake0", "DevicePath", "Offset", "Length", "Size")]
    [InlineData("Get-BlkSnapshot | Wait-BlkSnapshotEvent -Timeout 10", "Time", "Kind", "Requested", "Free", "FullIn", "DevicePath", "Error")]
    [InlineData("[Blksnap.DiffStorageAutoExtend]@{ SnapshotId = [guid]::NewGuid(); Directory = '/srv' }", "SnapshotId", "State", "Added", "Maximum", "Directory")]
    [InlineData("Use-BlkSimulation { Add-BlkSimulationDisk sda }", "Name", "Size", "IsPresent", "DevicePath")]
    [InlineData("Get-BlkSnapshotDriver", "Node", "AbiVersion", "ModuleName", "ModuleVersion", "Capabilities")]
    [InlineData("Test-BlkSnapshotSupport", "Name", "Result", "Message")]
    public void A_table_has_all_its_columns_in_a_narrow_terminal(string command, params string[] header)
    {
        Prepare();
        using Engine printing = new(columns: 80, withCoreCommands: true);
        IReadOnlyList<string> lines = printing.Print(command + " | Format-Table");
        Assert.Contains(lines, line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries).SequenceEqual(header));
        Assert.All(lines, line => Assert.True(line.Length <= 80, line));
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

    [Theory]
    [InlineData(0.0004, "0 ms")]
    [InlineData(0.25, "250 ms")]
    [InlineData(59, "59 s")]
    [InlineData(61, "1 min 1 s")]
    [InlineData(3600, "1 h")]
    [InlineData(90061, "1 d 1 h")]
    public void Spans_are_readable(double seconds, string text) => Assert.Equal(text, DisplayText.Duration(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Ages_are_spans_that_are_never_negative()
    {
        Assert.Matches("^2 h", DisplayText.Age(DateTime.Now.AddHours(-2.5)));
        Assert.Equal("2 h", DisplayText.RoughAge(DateTime.Now.AddHours(-2.5)));
        Assert.Equal("0 ms", DisplayText.Age(DateTime.Now.AddHours(1)));
        Assert.Equal(string.Empty, DisplayText.Age(null));
        Assert.EndsWith(" ago)", DisplayText.TimeAndAge(DateTime.Now), StringComparison.Ordinal);
    }

    [Fact]
    public void Rates_are_readable_and_empty_where_unknown()
    {
        Assert.Equal("1.5 KiB/s", DisplayText.Rate(1536.7));
        Assert.Equal(string.Empty, DisplayText.Rate(null));
    }

    [Fact]
    public void Shares_are_per_cent_and_empty_where_unknown()
    {
        Assert.Equal("25 %", DisplayText.Share(1L, 4L));
        Assert.Equal(string.Empty, DisplayText.Share(null, 4L));
        Assert.Equal(string.Empty, DisplayText.Share(1L, 0L));
    }
}
