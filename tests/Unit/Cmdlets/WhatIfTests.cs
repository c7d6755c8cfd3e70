// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Devices;
using Unit.Library;

namespace Unit.Cmdlets;

/// <summary>What -WhatIf says, and that it changes nothing.</summary>
public sealed class WhatIfTests : CmdletTest
{
    // Requests that only look. Waiting for an event takes it away from others.
    private static readonly int[] s_looking = [0, 2, 3, 9, 10, 32, 64, 65, 66];

    /// <summary>For each command that changes something, a line that does so. FOLDER is a folder that is there, ID the snapshot.</summary>
    private static readonly Dictionary<string, string> s_changing = new()
    {
        ["Add-ChangedBlocks"] = "Add-ChangedBlocks /dev/fake0 -Offset 0 -Length 512",
        ["Add-DiffStorage"] = "Add-DiffStorage ID /dev/store:64MiB+64MiB",
        ["New-BlkSnapshot"] = "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/store:128MiB+64MiB",
        ["Remove-BlkSnapshot"] = "Remove-BlkSnapshot ID",
        ["Remove-BlkTracker"] = "Remove-BlkTracker /dev/fake1",
    };

    [Fact]
    public void No_command_changes_anything()
    {
        // Those of DiffStorageAutoExtend need a file system with extents, or send no request: AutoExtendTests.
        string[] changing =
        [
            .. Run("Get-Command -Module BlksnapPS").Ok().All<CmdletInfo>()
                .Where(command => command.Parameters.ContainsKey("WhatIf"))
                .Where(command => command.Noun != "DiffStorageAutoExtend" && !command.Noun.StartsWith("BlkSimulation", StringComparison.Ordinal))
                .Select(command => command.Name).Order(StringComparer.Ordinal),
        ];
        Assert.Equal(s_changing.Keys.Order(StringComparer.Ordinal), changing);

        foreach (string command in changing)
        {
            Take("/dev/fake1", "/dev/store:0+64MiB");
            Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
            Snapshot snapshot = Take(storage: "/dev/store:0+64MiB");
            string line = s_changing[command].Replace("ID", snapshot.Id.ToString(), StringComparison.Ordinal);

            int before = Driver.Requests.Count;
            Assert.Empty(Run(line + " -WhatIf").Ok().Output);
            Assert.All(Driver.Requests.Skip(before), request => Assert.Contains(request.Number, s_looking));

            // The same line would have changed something.
            before = Driver.Requests.Count;
            Run(line).Ok();
            Assert.Contains(Driver.Requests.Skip(before), request => !s_looking.Contains(request.Number));
            Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        }
    }

    [Fact]
    public void The_simulation_is_left_as_it_is_too()
    {
        // They send no requests: what they would have done is seen afterwards.
        Assert.Equal(
            ["Add-BlkSimulationDisk", "Invoke-BlkSimulationFault", "Write-BlkSimulationDisk"],
            Run("Get-Command -Module BlksnapPS -Noun BlkSimulation*").Ok().All<CmdletInfo>()
                .Where(command => command.Parameters.ContainsKey("WhatIf")).Select(command => command.Name).Order(StringComparer.Ordinal));
        Run("Use-BlkSimulation { Add-BlkSimulationDisk sda -WhatIf; Get-BlkTracker /dev/sda }").Error("DeviceNotFound", ErrorCategory.ObjectNotFound);
        EngineResult result = Run("""
            Use-BlkSimulation {
              $null = Add-BlkSimulationDisk sda, sdb
              $null = New-BlkSnapshot /dev/sda -DiffStorage /dev/sdb
              Invoke-BlkSimulationFault Overflow /dev/sda -WhatIf
              Write-BlkSimulationDisk /dev/sda -Offset 0 -Length 4096 -WhatIf
              Get-BlkSnapshot
            }
            """).Ok();
        Snapshot snapshot = result.Single<Snapshot>();
        Assert.Equal(SnapshotState.Taken, snapshot.State);
        Assert.Equal(0, snapshot.StorageUsed);
    }

    [Fact]
    public void No_file_is_made()
    {
        Driver.AddDevice("/dev/odd", 64 * MiB);
        string file = Path.Combine(Driver.RuntimeFolder, "fresh");
        string[] before = Directory.GetFileSystemEntries(Driver.RuntimeFolder);

        // Whether the folder's file system can carry storage is another matter.
        Run($"New-BlkSnapshot /dev/fake0 -DiffStorage {file} -DiffStorageSize 1MB -WhatIf");
        Run($"New-BlkSnapshot /dev/fake0 -DiffStorage {Driver.RuntimeFolder} -DiffStorageSize 1MB -WhatIf");
        Run("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/odd -WhatIf").Ok();
        Assert.Equal(before, Directory.GetFileSystemEntries(Driver.RuntimeFolder));
    }

    [Fact]
    public void A_snapshot_tells_what_it_freezes_tracks_and_takes()
    {
        Driver.ChangeDevice(First.Id, device => device with { FileSystem = "ext4", Holders = [] });
        Driver.ChangeDevice(Second.Id, device => device with { Holders = ["dm-0"] });
        string text = Said("New-BlkSnapshot /dev/fake0, /dev/fake1 -DiffStorage /dev/store:0+64MiB -WhatIf");
        Assert.Contains("What if: Take one snapshot of /dev/fake0, /dev/fake1.", text, StringComparison.Ordinal);
        Assert.Contains("Freeze     ext4 on /dev/fake0, mounted on /srv/data", text, StringComparison.Ordinal);
        Assert.Contains("Freeze     nothing on /dev/fake1: no file system of it is mounted.", text, StringComparison.Ordinal);
        Assert.Contains("Freeze     nothing on dm-0 either", text, StringComparison.Ordinal);
        Assert.Contains("/dev/fake0 will be tracked from now on", text, StringComparison.Ordinal);
        Assert.Contains("its maps of changes take 2 KiB of kernel memory", text, StringComparison.Ordinal);
        Assert.Contains("Storage    64 MiB of /dev/store are overwritten", text, StringComparison.Ordinal);
        Assert.Contains("Estimate   how long 64 MiB last cannot be told", text, StringComparison.Ordinal);
    }

    [ExtentFact]
    public void Storage_that_grows_tells_where_and_up_to_what_size()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string text = Said($"New-BlkSnapshot /dev/fake0 -DiffStorage {folder.Path} -DiffStorageSize 16MB -AutoExtend -MaximumSize 100MB -WhatIf");
        Assert.Contains("Storage    16 MiB are allocated in a file in", text, StringComparison.Ordinal);
        Assert.Contains($"it is extended with files in {folder.Path} when it runs low, up to 100 MiB in all", text, StringComparison.Ordinal);
        Assert.Contains("how long 100 MiB last cannot be told; more than that is not added.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("LowSpace", text, StringComparison.Ordinal);
        Assert.Empty(Driver.MutatingRequests);

        Driver.ChangeDevice(First.Id, device => device with { WrittenBytes = 1L << 40 });
        text = Said($"New-BlkSnapshot /dev/fake0 -DiffStorage {folder.Path} -AutoExtend -MaximumSize 100MB -WhatIf");
        Assert.Contains("Storage    100 MiB are allocated in a file in", text, StringComparison.Ordinal);
        Assert.Contains("it is not extended: it begins with the maximum of 100 MiB.", text, StringComparison.Ordinal);
        Assert.Contains("100 MiB last for about", text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_estimate_comes_from_what_changed_between_the_last_two_snapshots()
    {
        // The takes of the record are an hour apart, as far as it knows.
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        string record = Assert.Single(Directory.GetFiles(Path.Combine(Driver.RuntimeFolder, "rates")));
        string earlier = DateTime.UtcNow.AddHours(-1).ToString("O");
        File.WriteAllText(record, System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(record), "\"TakeTime\":\"[^\"]*\"", $"\"TakeTime\":\"{earlier}\""));
        Driver.Write(First.Id, 0, 16 * MiB);
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();

        string text = Said("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store:0+64MiB -WhatIf");
        Assert.Matches(@"/dev/fake0 needs up to 16(\.0\d)? MiB an hour: 16 MiB of its blocks changed in the 1 h( \d s)? between its last two snapshots", text);
        Assert.Matches("64 MiB last for about (4 h|3 h 59 min)", text);
        Assert.Contains("/dev/fake0 is tracked already", text, StringComparison.Ordinal);

        // The record is of a history that is gone.
        Run("Remove-BlkTracker /dev/fake0").Ok();
        Assert.DoesNotContain("between its last two snapshots", Said("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store:0+64MiB -WhatIf"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_missing_for_an_estimate_is_told()
    {
        const string Line = "New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store:0+64MiB -WhatIf";
        Assert.Contains("it is not tracked yet, and no writes to it are known of", Said(Line), StringComparison.Ordinal);
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Assert.Contains("fewer than two snapshots of it were taken", Said(Line), StringComparison.Ordinal);
        Driver.Write(First.Id, 0, 16 * MiB);
        Take();
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        string record = Assert.Single(Directory.GetFiles(Path.Combine(Driver.RuntimeFolder, "rates")));

        // On a machine that is busy with other things they may lie far enough apart.
        if (File.ReadAllText(record).Contains("\"ChangedBytes\":null", StringComparison.Ordinal))
        {
            string text = Said(Line);
            Assert.Contains("/dev/fake0 needs an amount that nobody can tell yet: its last two snapshots lie too close together.", text, StringComparison.Ordinal);
            Assert.DoesNotContain("nothing was written", text, StringComparison.Ordinal);
        }

        File.Delete(record);
        Assert.Contains("nothing was noted at its last two snapshots", Said(Line), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_one_it_comes_from_what_was_written_since_the_start()
    {
        Driver.ChangeDevice(First.Id, device => device with { WrittenBytes = 1L << 40 });
        string text = Said("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store -WhatIf");
        Assert.Contains("1 TiB were written to it since the system was started", text, StringComparison.Ordinal);
        Assert.Contains("at that rate", text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_estimate_that_cannot_be_noted_costs_no_snapshot()
    {
        File.WriteAllText(Path.Combine(Driver.RuntimeFolder, "rates"), "in the way");
        Assert.Equal(SnapshotState.Taken, Take().State);
        Run("Get-BlkSnapshot | Remove-BlkSnapshot").Ok();
        Said("New-BlkSnapshot /dev/fake0 -DiffStorage /dev/store -WhatIf");
    }

    private static string Said(string command)
    {
        using Engine speaking = new(columns: 200);
        speaking.Run(command).Ok();
        return string.Join('\n', speaking.Screen);
    }
}
