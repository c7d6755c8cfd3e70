// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text.RegularExpressions;
using Blksnap;
using Blksnap.Simulation;
using Blksnap.Snapshots;
using Help;
using Unit.Cmdlets;
using Unit.Library;

namespace Unit.HelpPages;

/// <summary>Every example of the help runs, without an error, on a simulated driver with four disks.</summary>
public sealed partial class ExampleTests
{
    private const long MiB = 1 << 20;

    public static TheoryData<string, int> Examples { get; } = ReadExamples();

    public static TheoryData<string> Topics { get; } = [.. HelpFolder.Topics(HelpPageTests.Folder).Select(file => Path.GetFileName(file))];

    [Theory]
    [MemberData(nameof(Examples))]
    public void AnExampleRuns(string command, int number) =>
        Run(HelpFolder.Pages(HelpPageTests.Folder).Single(page => page.Name == command).Examples[number - 1].Code);

    /// <summary>Each block of a topic by itself, unless it goes on with the one before.</summary>
    [Theory]
    [MemberData(nameof(Topics))]
    public void TheCodeOfATopicRuns(string topic)
    {
        string text = File.ReadAllText(Path.Combine(HelpPageTests.Folder, topic)).ReplaceLineEndings("\n");
        string[] blocks = [.. Block().Matches(text).Select(match => match.Groups[1].Value)];
        if (topic.Contains("First_Backup", StringComparison.Ordinal))
        {
            Run(string.Join('\n', blocks));
        }
        else
        {
            Assert.All(blocks, Run);
        }
    }

    /// <summary>Every snapshot begins with a request for storage, which would spend the spare device at once.</summary>
    [Fact]
    public void StorageIsNotAddedForTheEventOfTheCreation()
    {
        IEnumerable<string> code = HelpFolder.Pages(HelpPageTests.Folder).SelectMany(page => page.Examples).Select(example => example.Code)
            .Concat(HelpFolder.Topics(HelpPageTests.Folder).SelectMany(file => Block().Matches(File.ReadAllText(file).ReplaceLineEndings("\n")))
                .Select(match => match.Groups[1].Value));
        string[] adding = [.. code.Where(text => Adding().IsMatch(text))];
        Assert.True(adding.Length >= 3, $"{adding.Length} examples add storage at an event");
        Assert.All(adding, text => Assert.Matches(@"New-BlkSnapshot .*\n\$null = .*Wait-BlkSnapshotEvent", text));
    }

    private static void Run(string code)
    {
        // The files of an automatic extension are real, and not every file system has what they need.
        if (code.Contains("/var/tmp", StringComparison.Ordinal) && !ExtentFolder.IsSuitable("/var/tmp"))
        {
            return;
        }

        using SimulatedDriver driver = new();
        foreach (string name in new[] { "sdb", "sdc" })
        {
            driver.AddDevice($"/dev/{name}", 64 * MiB);
        }

        foreach (string name in new[] { "sdd", "sde" })
        {
            driver.AddDevice($"/dev/{name}", 256 * MiB);
        }

        using Engine engine = new(withCoreCommands: true);
        EngineResult result = engine.Run(code);
        Assert.True(result.Errors.Count == 0, code + "\n" + string.Join('\n', result.Errors.Select(error => $"{error.FullyQualifiedErrorId}: {error}")));
        engine.Dispose();
        foreach (DiffStorageAutoExtend record in AutoExtension.GetAll().Where(record => record.State is AutoExtendState.Active or AutoExtendState.AtMaximum))
        {
            // It needs no session, and so does not end with one.
            AutoExtension.Disable(record.SnapshotId);
        }

        // A reader of events closes its channel when it notices the end.
        Assert.True(Engine.Until(() => driver.OpenChannels == 0), $"{driver.OpenChannels} channels are open");
    }

    private static TheoryData<string, int> ReadExamples()
    {
        TheoryData<string, int> data = [];
        foreach (Page page in HelpFolder.Pages(HelpPageTests.Folder))
        {
            for (int number = 1; number <= page.Examples.Count; number++)
            {
                data.Add(page.Name, number);
            }
        }

        return data;
    }

    [GeneratedRegex("(Register|Wait)-BlkSnapshotEvent.*Add-DiffStorage", RegexOptions.Singleline)]
    private static partial Regex Adding();

    [GeneratedRegex("^```powershell\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();
}
