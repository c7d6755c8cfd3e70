// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;

namespace Unit.Cmdlets;

/// <summary>What stands for a snapshot where its id is asked for.</summary>
public sealed class SnapshotIdTests : CmdletTest
{
    private const string Unknown = "11111111-2222-3333-4444-555555555555";

    /// <summary>An engine that has Get-Content, and a file with the ids of two snapshots.</summary>
    private (Engine Engine, Snapshot One, Snapshot Two) Prepare()
    {
        Snapshot one = Take("/dev/fake0", "/dev/store:0+64MiB");
        Snapshot two = Take("/dev/fake1", "/dev/store:64MiB+64MiB");
        string file = Path.Combine(Driver.RuntimeFolder, "ids.txt");
        File.WriteAllLines(file, [one.Id.ToString(), two.Id.ToString()]);
        Engine engine = new Engine(withCoreCommands: true).With("file", file).With("one", one).With("two", two);
        return (engine, one, two);
    }

    [Theory]
    [InlineData("Get-BlkSnapshot")]
    [InlineData("Get-BlkSnapshotImage")]
    [InlineData("Get-DiffStorage")]
    [InlineData("Remove-BlkSnapshot -WhatIf; $one, $two")]
    public void Lines_of_a_file_are_ids(string command)
    {
        (Engine engine, _, _) = Prepare();
        using (engine)
        {
            Assert.Equal(2, engine.Run($"Get-Content $file | {command}").Ok().Output.Count);
            Assert.Equal(2, engine.Run($"Get-Content $file -ReadCount 0 | {command}").Ok().Output.Count);
        }
    }

    [Fact]
    public void A_line_of_a_file_and_a_device_that_is_named_are_both_asked_for()
    {
        (Engine engine, Snapshot one, _) = Prepare();
        using (engine)
        {
            Assert.Equal(one.Id, engine.Run("Get-Content $file | Get-BlkSnapshot -DevicePath /dev/fake0").Ok().Single<Snapshot>().Id);
            Assert.Equal(one.Id, engine.Run("Get-BlkSnapshot (Get-Content $file) -DevicePath /dev/fake0").Ok().Single<Snapshot>().Id);
            Assert.Empty(engine.Run("Get-BlkSnapshot (Get-Content $file -Tail 1) -DevicePath /dev/fake0").Ok().Output);
        }
    }

    [Fact]
    public void An_item_is_a_device()
    {
        (_, Snapshot one, Snapshot two) = Prepare();
        const string item = "'{0}' | ForEach-Object {{ [pscustomobject]@{{ PSPath = \"Microsoft.PowerShell.Core\\FileSystem::$_\" }} }}";
        foreach ((string path, Snapshot snapshot) in new[] { ("/dev/fake0", one), ("/dev/fake1", two) })
        {
            Assert.Equal(snapshot.Id, Run(string.Format(null, item, path) + " | Get-BlkSnapshot").Ok().Single<Snapshot>().Id);
        }

        Assert.Empty(Run(string.Format(null, item, "/dev/fake1") + $" | Get-BlkSnapshot -Id {one.Id}").Ok().Output);
    }

    [Fact]
    public void An_image_is_that_of_its_device_alone()
    {
        Take("/dev/fake0, /dev/fake1");
        Assert.Equal("/dev/fake1", Run("(Get-BlkSnapshotImage)[1] | Get-BlkSnapshotImage").Ok().Single<SnapshotImage>().DevicePath);
    }

    [Theory]
    [InlineData("Get-BlkSnapshot $what", 1)]
    [InlineData("Get-BlkSnapshot $what, $what.Images[0]", 2)]
    [InlineData("Get-BlkSnapshotImage -Id $what", 1)]
    [InlineData("Get-DiffStorage $what", 1)]
    [InlineData("Wait-BlkSnapshotEvent $what -Timeout 10", 1)]
    [InlineData("Watch-BlkSnapshot $what -Count 1", 1)]
    [InlineData("Register-BlkSnapshotEvent $what -SourceIdentifier here; Unregister-Event here", 0)]
    [InlineData("Add-DiffStorage $what /dev/store:128MiB+1MiB -PassThru", 1)]
    [InlineData("Get-DiffStorageAutoExtend $what", 0)]
    [InlineData("Disable-DiffStorageAutoExtend $what -WhatIf", 0)]
    [InlineData("Get-ChangedBlocks -Id $what", 0)]
    [InlineData("Remove-BlkSnapshot $what; Get-BlkSnapshot | Where-Object Id -eq $what.Id", 0)]
    public void A_snapshot_stands_for_its_id(string command, int count)
    {
        (Engine engine, Snapshot one, _) = Prepare();
        using (engine)
        {
            engine.With("what", one);
            Assert.Equal(count, engine.Run(command).Ok().Output.Count);
        }
    }

    [Theory]
    [InlineData("[System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($one))")]
    [InlineData("$one | ConvertTo-Json -WarningAction Ignore | ConvertFrom-Json")]
    [InlineData("$one | Select-Object Id")]
    [InlineData("@{ SnapshotId = $one.Id }")]
    [InlineData("$one.Images[0]")]
    [InlineData("[string]$one.Id")]
    [InlineData("[pscustomobject]@{ Id = 17; SnapshotId = [string]$one.Id }")]
    public void What_is_left_of_a_snapshot_stands_for_its_id(string made)
    {
        (Engine engine, Snapshot one, _) = Prepare();
        using (engine)
        {
            engine.Run($"$what = {made}").Ok();
            Assert.Equal(one.Id, engine.Run("Get-BlkSnapshot $what").Ok().Single<Snapshot>().Id);
            Assert.Equal(one.Id, engine.Run("$what | Get-BlkSnapshot").Ok().Single<Snapshot>().Id);
            Assert.Equal(one.Id, engine.Run("Wait-BlkSnapshotEvent $what -Timeout 10").Ok().Single<SnapshotEvent>().SnapshotId);
            engine.Run("$what | Remove-BlkSnapshot").Ok();
        }
    }

    [Theory]
    [InlineData("Get-BlkSnapshot no-id")]
    [InlineData("Get-BlkSnapshot 17")]
    [InlineData("Get-BlkSnapshot ([pscustomobject]@{ Id = 17 })")]
    [InlineData("Get-BlkSnapshot ([pscustomobject]@{ Id = $null })")]
    [InlineData("Wait-BlkSnapshotEvent ([guid]::Empty, [guid]::Empty) -Timeout 0")]
    public void What_is_no_snapshot_is_refused_by_the_engine(string command)
    {
        ErrorRecord error = Assert.Single(Run(command).Errors);
        Assert.StartsWith("CannotConvertArgument", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_line_is_an_error_of_that_line()
    {
        (Engine engine, _, Snapshot two) = Prepare();
        using (engine)
        {
            EngineResult result = engine.Run($"'{Unknown}', $two.Id | Set-Content $file; Get-Content $file | Get-BlkSnapshot");
            Assert.Equal(new Guid(Unknown), result.Error("SnapshotNotFound", ErrorCategory.ObjectNotFound).TargetObject);
            Assert.Equal(two.Id, result.Single<Snapshot>().Id);
        }
    }
}
