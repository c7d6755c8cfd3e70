// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Help;
using Unit.Cmdlets;

namespace Unit.HelpPages;

/// <summary>What Get-Help of the engine makes of the built help.</summary>
public sealed class GetHelpTests : IDisposable
{
    private readonly Engine _engine = new(columns: 100);

    static GetHelpTests()
    {
        string target = Path.Combine(Path.GetDirectoryName(Engine.Manifest)!, "en-US");
        Directory.CreateDirectory(target);
        File.WriteAllText(Path.Combine(target, "BlksnapPS.dll-Help.xml"), Maml.Write(HelpFolder.Pages(HelpPageTests.Folder)));
        foreach (string topic in HelpFolder.Topics(HelpPageTests.Folder))
        {
            string name = Path.GetFileNameWithoutExtension(topic);
            File.WriteAllText(Path.Combine(target, name + ".help.txt"), AboutTopic.Write(name, File.ReadAllText(topic)));
        }
    }

    public void Dispose() => _engine.Dispose();

    private string Help(string arguments) => string.Join('\n', _engine.Print($"Get-Help {arguments}"));

    [Fact]
    public void TheSynopsisIsShown()
    {
        string text = Help("New-BlkSnapshot");
        Assert.Contains("Takes a snapshot of one or more block devices at one instant.", text, StringComparison.Ordinal);
        Assert.Contains("-DevicePath", text, StringComparison.Ordinal);
    }

    [Fact]
    public void FullHelpHasParametersNotesAndExamples()
    {
        string text = Help("Get-ChangedBlocks -Full");
        Assert.Contains("-MergeGap", text, StringComparison.Ordinal);
        Assert.Contains("ChangedBlocksReboot", text, StringComparison.Ordinal);
        Assert.Contains("Example 3", text, StringComparison.Ordinal);
        Assert.Contains("Blksnap.ChangedRange", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ExamplesAreShownWithTheirCode()
    {
        string text = Help("Remove-BlkSnapshot -Examples");
        Assert.Contains("$snapshot | Remove-BlkSnapshot", text, StringComparison.Ordinal);
    }

    [Fact]
    public void OneParameterIsShown()
    {
        string text = Help("Wait-BlkSnapshotEvent -Parameter Timeout");
        Assert.Contains("Seconds to wait", text, StringComparison.Ordinal);
        Assert.Contains("Required?", text, StringComparison.Ordinal);
        Assert.Matches(@"Default value\s+without limit", text);
        Assert.Matches(@"Default value\s+All", Help("Watch-BlkSnapshot -Parameter EventName"));
        Assert.Matches(@"Default value\s+None", Help("Get-ChangedBlocks -Parameter Generation"));
    }

    [Fact]
    public void TheObjectHasEveryParameter()
    {
        PSObject help = Assert.Single(_engine.Run("Get-Help New-BlkSnapshot -Full").Ok().Output);
        PSObject parameters = Assert.IsType<PSObject>(help.Properties["parameters"].Value);
        IEnumerable<string?> names = LanguagePrimitives.GetEnumerable(parameters.Properties["parameter"].Value).Cast<object>()
            .Select(parameter => PSObject.AsPSObject(parameter).Properties["name"].Value.ToString());
        Assert.Contains("DiffStorage", names);
        Assert.Contains("WhatIf", names);
    }

    [Fact]
    public void TopicsAreFoundAndShown()
    {
        Assert.Contains("The instant".ToUpperInvariant(), Help("about_BlkSnapshot"), StringComparison.Ordinal);
        Assert.Contains("mokutil", Help("about_BlkSnapshot_Troubleshooting"), StringComparison.Ordinal);
    }
}
