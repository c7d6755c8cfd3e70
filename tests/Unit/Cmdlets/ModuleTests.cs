// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using BlksnapPS.Commands;

namespace Unit.Cmdlets;

/// <summary>The manifest and the conventions of commands.</summary>
public sealed class ModuleTests : CmdletTest
{
    private static readonly string[] s_changing =
    [
        "Add-ChangedBlocks", "Add-DiffStorage", "Disable-DiffStorageAutoExtend", "Enable-DiffStorageAutoExtend", "New-BlkSnapshot", "Remove-BlkSnapshot", "Remove-BlkTracker",
        "Add-BlkSimulationDisk", "Invoke-BlkSimulationFault", "Write-BlkSimulationDisk",
    ];

    private static readonly Type[] s_commands =
        [.. typeof(BlksnapCommand).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(PSCmdlet)) && !type.IsAbstract)];

    private static CmdletAttribute Describe(Type command) =>
        (CmdletAttribute)Attribute.GetCustomAttribute(command, typeof(CmdletAttribute))!;

    [Fact]
    public void The_manifest_exports_every_command_and_nothing_else()
    {
        IReadOnlyList<CommandInfo> exported = Run("Get-Command -Module BlksnapPS").Ok().All<CmdletInfo>();
        Assert.Equal(
            s_commands.Select(Describe).Select(cmdlet => $"{cmdlet.VerbName}-{cmdlet.NounName}").Order(StringComparer.Ordinal),
            exported.Select(command => command.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_command_is_sealed_and_named_after_what_it_does() => Assert.All(s_commands, command =>
    {
        CmdletAttribute cmdlet = Describe(command);
        Assert.True(command.IsSealed);
        Assert.Equal($"{cmdlet.VerbName}{cmdlet.NounName}Command", command.Name);
        Assert.Equal(s_changing.Contains($"{cmdlet.VerbName}-{cmdlet.NounName}"), cmdlet.SupportsShouldProcess);
    });

    [Fact]
    public void Every_command_that_puts_something_out_says_what() => Assert.All(s_commands, command =>
    {
        bool silent = command == typeof(AddChangedBlocksCommand) || command == typeof(DisableDiffStorageAutoExtendCommand)
            || command == typeof(RemoveBlkSnapshotCommand) || command == typeof(RemoveBlkTrackerCommand)
            || command == typeof(InvokeBlkSimulationFaultCommand) || command == typeof(WriteBlkSimulationDiskCommand);
        Assert.Equal(!silent, Attribute.IsDefined(command, typeof(OutputTypeAttribute)));
    });
}
