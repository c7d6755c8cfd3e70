// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using System.Text.RegularExpressions;
using Blksnap.Abi;
using Help;
using Unit.Cmdlets;

namespace Unit.HelpPages;

/// <summary>The pages in docs/en-US against the cmdlets.</summary>
public sealed partial class HelpPageTests
{
    private const string UpdateCommand = "dotnet run --project tools/help -- update docs/en-US";

    private static readonly string[] s_topics =
    [
        "about_BlkSnapshot", "about_BlkSnapshot_Events", "about_BlkSnapshot_First_Backup", "about_BlkSnapshot_Security", "about_BlkSnapshot_Troubleshooting",
    ];

    private static readonly Dictionary<string, CmdletInfo> s_commands = ReadCommands();

    public static string Folder => Repository.Path("docs/en-US");

    public static TheoryData<string> Commands { get; } = [.. s_commands.Keys.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Commands))]
    public void EveryCmdletHasAPage(string command) => _ = Read(command);

    [Fact]
    public void EveryPageHasACmdlet() =>
        Assert.Empty(HelpFolder.Pages(Folder).Select(page => page.Name).Except(s_commands.Keys));

    [Theory]
    [MemberData(nameof(Commands))]
    public void SyntaxAndTablesAreThoseOfTheCmdlet(string command)
    {
        string text = Read(command);
        Assert.True(
            CommandTables.Update(s_commands[command], text) == text,
            $"docs/en-US/{command}.md does not have the parameters of {command} as they are. Bring it up to date with: {UpdateCommand}");
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void EverythingIsSaid(string command)
    {
        Page page = Page.Parse(Read(command));
        Assert.Equal(command, page.Name);
        Assert.True(page.Synopsis.Length > 10, "no synopsis");
        Assert.True(page.Description.Length > page.Synopsis.Length, "no description");
        Assert.Equal(
            CommandTables.ParametersOf(s_commands[command]).Select(parameter => parameter.Name),
            page.Parameters.Select(parameter => parameter.Name));
        Assert.All(page.Parameters, parameter => Assert.True(parameter.Text.Length > 5, $"-{parameter.Name} is not described"));
        Assert.True(page.Examples.Count >= 3, $"{page.Examples.Count} examples");
        Assert.All(page.Examples, example => Assert.NotEmpty(example.Title));
        Assert.All(page.Examples, example => Assert.NotEmpty(example.Code));
        Assert.NotEmpty(page.Inputs);
        Assert.NotEmpty(page.Outputs);
        Assert.All(page.Links, link => Assert.True(File.Exists(Path.Combine(Folder, link.Uri)), link.Uri));
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void TheErrorsThatAreNamedExist(string command)
    {
        HashSet<string> ids = [.. typeof(ErrorIds).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!)];
        string notes = Page.Parse(Read(command)).Notes;
        MatchCollection named = ErrorEntry().Matches(notes);
        Assert.NotEmpty(named);
        Assert.All(named, entry => Assert.True(
            entry.Groups[1].Value.Contains(',', StringComparison.Ordinal) || entry.Groups[1].Value == "none" || ids.Contains(entry.Groups[1].Value),
            entry.Groups[1].Value));
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void EveryExampleUsesTheCmdlet(string command) =>
        Assert.All(Page.Parse(Read(command)).Examples, example => Assert.Contains(command, example.Code, StringComparison.Ordinal));

    [Fact]
    public void TheTopicsAreThere() =>
        Assert.Equal(s_topics, HelpFolder.Topics(Folder).Select(Path.GetFileNameWithoutExtension));

    private static string Read(string command)
    {
        string file = Path.Combine(Folder, command + ".md");
        Assert.True(File.Exists(file), $"{command} has no help. Make a page with: {UpdateCommand} (it writes docs/en-US/{command}.md), and fill in its prose and examples.");
        return File.ReadAllText(file).ReplaceLineEndings("\n");
    }

    private static Dictionary<string, CmdletInfo> ReadCommands()
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.ImportPSModule(Engine.Manifest);
        using PowerShell shell = PowerShell.Create(state);
        return shell.AddScript("Get-Command -Module BlksnapPS").Invoke<CmdletInfo>().ToDictionary(command => command.Name);
    }

    [GeneratedRegex("^- `([^`]+)`:", RegexOptions.Multiline)]
    private static partial Regex ErrorEntry();
}
