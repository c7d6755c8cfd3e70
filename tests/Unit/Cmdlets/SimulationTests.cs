// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Cmdlets;

/// <summary>The simulation that runbooks are tested on, as a user has it. The system itself has no driver here.</summary>
public sealed class SimulationTests : IDisposable
{
    private readonly SimulatedDriver _absent = new(SimulatedFlavor.Absent);
    private readonly Engine _engine = new();

    public void Dispose()
    {
        _engine.Dispose();
        _absent.Dispose();
    }

    private EngineResult Run(string script) => _engine.Run(script);

    private static bool IsGone(PSObject folder) => !Directory.Exists((string)folder.BaseObject);

    [Fact]
    public void A_snapshot_shows_a_disk_as_it_was_and_knows_what_changed()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $disk, $store = Add-BlkSimulationDisk data, store -Size 16MB
              $disk | Write-BlkSimulationDisk -Offset 4096 -Value 'before'
              $first = New-BlkSnapshot $disk.DevicePath -DiffStorage $store.DevicePath
              $mark = Get-BlkTracker $disk.DevicePath
              $disk | Write-BlkSimulationDisk -Offset 4096 -Value 'behind'
              $disk | Write-BlkSimulationDisk -Offset 1MB -Length 128KB
              $image = [IO.File]::ReadAllBytes($first.Images[0].ImagePath)
              $image.Length
              [Text.Encoding]::ASCII.GetString($image, 4096, 6)
              [Text.Encoding]::ASCII.GetString($disk.Read(4096, 6))
              $first | Get-DiffStorage | ForEach-Object Used
              $first | Remove-BlkSnapshot
              [IO.Path]::Exists($first.Images[0].ImagePath)
              $null = New-BlkSnapshot $disk.DevicePath -DiffStorage $store.DevicePath
              Get-ChangedBlocks $disk.DevicePath -Since $mark | ForEach-Object { "$($_.Offset)+$($_.Length)" }
            }
            """).Ok();
        Assert.Equal(
            [16777216, "before", "behind", 4096L + (128 << 10), false, "0+65536", "1048576+131072"],
            result.Output.Select(item => item.BaseObject));
    }

    [Fact]
    public void Nothing_of_the_simulation_stays_after_the_script_block()
    {
        EngineResult result = Run("""
            Use-BlkSimulation { param($Simulation)
              $disk, $store = Add-BlkSimulationDisk data, store
              $snapshot = New-BlkSnapshot $disk.DevicePath -DiffStorage $store.DevicePath
              $snapshot | Register-BlkSnapshotEvent -SourceIdentifier storage
              $Simulation.Folder
            }
            """).Ok();
        Assert.True(IsGone(Assert.Single(result.Output)));
        Assert.True(Engine.Until(() => !HasEventThread()));
        Run("Get-BlkSnapshot").Error(ErrorIds.DriverNotFound, ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void Nothing_stays_after_an_error_either()
    {
        EngineResult result = Run("""
            try { Use-BlkSimulation { param($Simulation) $Simulation.Folder; throw 'runbook' } } catch { $_.Exception.Message }
            """).Ok();
        Assert.True(IsGone(result.Output[0]));
        Assert.Equal("runbook", result.Output[1].BaseObject);
        Run("Get-BlkSnapshot").Error(ErrorIds.DriverNotFound, ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void Nothing_stays_after_a_stop_while_an_event_is_waited_for()
    {
        using PowerShell shell = _engine.Create("""
            Use-BlkSimulation { param($Simulation)
              $disk, $store = Add-BlkSimulationDisk data, store
              $snapshot = New-BlkSnapshot $disk.DevicePath -DiffStorage $store.DevicePath
              $null = $snapshot | Wait-BlkSnapshotEvent -Timeout 60
              $Simulation.Folder
              $snapshot | Wait-BlkSnapshotEvent -Timeout 600
            }
            """);
        PSDataCollection<PSObject> output = [];
        IAsyncResult running = shell.BeginInvoke<PSObject, PSObject>(null, output);
        Assert.True(Engine.Until(() => output.Count == 1));
        shell.Stop();
        Assert.ThrowsAny<RuntimeException>(() => shell.EndInvoke(running));
        Assert.True(IsGone(output[0]));
        Assert.True(Engine.Until(() => !HasEventThread()));
        Run("Get-BlkSnapshot").Error(ErrorIds.DriverNotFound, ErrorCategory.ObjectNotFound);
    }

    [Theory]
    [InlineData("300")]
    [InlineData("(1, 2, -3)")]
    public void A_value_that_is_no_bytes_is_an_error_of_each_disk(string value)
    {
        EngineResult result = Run($$"""
            Use-BlkSimulation {
              Add-BlkSimulationDisk a, b | Write-BlkSimulationDisk -Value {{value}} -ErrorAction SilentlyContinue -ErrorVariable failed
              $failed | ForEach-Object { "$($_.CategoryInfo.Category) $($_.FullyQualifiedErrorId) $($_.TargetObject)" }
              $failed[0].ErrorDetails.Message
            }
            """).Ok();
        Assert.Equal(3, result.Output.Count);
        Assert.Matches("^InvalidArgument SimulatedWrite,EINVAL,.*/a$", (string)result.Output[0].BaseObject);
        Assert.Matches("^InvalidArgument SimulatedWrite,EINVAL,.*/b$", (string)result.Output[1].BaseObject);
        Assert.Contains("0 to 255", (string)result.Output[2].BaseObject, StringComparison.Ordinal);
    }

    [Fact]
    public void The_systems_devices_are_out_of_reach()
    {
        _absent.AddDevice("/dev/real", 1 << 20);
        Run("Use-BlkSimulation { $null = Add-BlkSimulationDisk store; New-BlkSnapshot /dev/real -DiffStorage /dev/store }")
            .Error(ErrorIds.DeviceNotFound, ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void Disks_are_known_by_path_by_name_and_under_dev()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $data, $store = Add-BlkSimulationDisk data, store
              Write-BlkSimulationDisk data -Value ([byte[]](1, 2))
              ($data | New-BlkSnapshot -DiffStorage /dev/store).Images.DevicePath -eq $data.DevicePath
              (Get-BlkTracker /dev/data).DevicePath -eq $data.DevicePath
              'data' | Get-BlkTracker | ForEach-Object SnapshotNumber
            }
            """).Ok();
        Assert.Equal(["True", "True", "1"], result.Output.Select(item => $"{item}"));
    }

    [Fact]
    public void Low_space_and_overflow_come_as_events_and_the_image_is_lost()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $data, $store = Add-BlkSimulationDisk data, store
              $snapshot = New-BlkSnapshot /dev/data -DiffStorage /dev/store
              $null = $snapshot | Wait-BlkSnapshotEvent -Timeout 60
              $data | Invoke-BlkSimulationFault LowSpace
              ($snapshot | Wait-BlkSnapshotEvent -Timeout 60).Kind
              "$((Get-BlkSnapshot).State)"
              Invoke-BlkSimulationFault Overflow data
              ($snapshot | Wait-BlkSnapshotEvent -Timeout 60) | ForEach-Object { $_.Kind; $_.DevicePath -eq $data.DevicePath; $_.ErrorName }
              "$((Get-BlkSnapshot).State)"
              try { [IO.File]::OpenRead($snapshot.Images[0].ImagePath).ReadByte() } catch { 'unreadable' }
              $data | Write-BlkSimulationDisk -Value 'still writable'
              $snapshot | Remove-BlkSnapshot
            }
            """).Ok();
        Assert.Equal(
            ["LowSpace", "Taken", "Corrupted", "True", "ENOSPC", "Corrupted", "unreadable"], result.Output.Select(item => $"{item}"));
    }

    [Fact]
    public void Writes_alone_use_the_storage_up()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $null = Add-BlkSimulationDisk data, store -Size 8MB
              $snapshot = New-BlkSnapshot /dev/data -DiffStorage /dev/store:0+1MiB
              Write-BlkSimulationDisk data -Length 1MB
              "$((Get-BlkSnapshot).State) $(($snapshot | Get-DiffStorage).Free)"
              Write-BlkSimulationDisk data -Offset 4MB -Value 'x'
              "$((Get-BlkSnapshot).State)"
              1..3 | ForEach-Object { "$(($snapshot | Wait-BlkSnapshotEvent -Timeout 60).Kind)" }
            }
            """).Ok();
        Assert.Equal(["Taken 0", "Corrupted", "LowSpace", "LowSpace", "Corrupted"], result.Output.Select(item => $"{item}"));
    }

    [Fact]
    public void A_disk_that_goes_away_takes_its_image_with_it()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $data, $other, $store = Add-BlkSimulationDisk data, other, store -Size 4MB
              $snapshot = New-BlkSnapshot /dev/data, /dev/other -DiffStorage /dev/store
              $data | Invoke-BlkSimulationFault DeviceLoss
              $data.IsPresent
              [IO.Path]::Exists($data.DevicePath)
              "$((Get-BlkSnapshot).Devices.Error)"
              [IO.File]::ReadAllBytes($snapshot.Images[1].ImagePath).Length
              $snapshot | Remove-BlkSnapshot
              New-BlkSnapshot /dev/data -DiffStorage /dev/store -ErrorAction SilentlyContinue -ErrorVariable failure
              $failure.FullyQualifiedErrorId
            }
            """).Ok();
        Assert.Equal("False False 5 0 4194304", string.Join(' ', result.Output.Take(4)));
        Assert.StartsWith("DeviceNotFound,", (string)result.Output[4].BaseObject, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_system_that_does_not_freeze_in_time_is_snapshotted_without()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $data = Add-BlkSimulationDisk data -MountPoint /srv/data
              $store = Add-BlkSimulationDisk store
              $data | Invoke-BlkSimulationFault SlowFreeze -DelayMilliseconds 300
              $slow = New-BlkSnapshot /dev/data -DiffStorage /dev/store
              "$($slow.Devices[0].Freeze) $($slow.FrozenTime.TotalMilliseconds -ge 300)"
              $slow | Remove-BlkSnapshot
              "$((New-BlkSnapshot /dev/data -DiffStorage /dev/store).Devices[0].Freeze)"
            }
            """).Ok();
        Assert.Equal(["TimedOut True", "Frozen"], result.Output.Select(item => $"{item}"));
    }

    [Fact]
    public void Storage_can_be_a_file_wherever_the_test_runs()
    {
        EngineResult result = Run("""
            Use-BlkSimulation { param($Simulation)
              $null = Add-BlkSimulationDisk data, other
              $folder = [IO.Directory]::CreateDirectory("$($Simulation.Folder)/storage")
              $one = New-BlkSnapshot /dev/data -DiffStorage $folder -DiffStorageSize 2MB
              $two = New-BlkSnapshot /dev/other -DiffStorage "$folder/named" -DiffStorageSize 1MB
              $one | Add-DiffStorage -Path $folder -Size 4MB
              ($one | Get-DiffStorage).Capacity
              ($two | Get-DiffStorage).Capacity
              Write-BlkSimulationDisk data -Length 5MB
              "$((Get-BlkSnapshot $one.Id).State)"
            }
            """).Ok();
        Assert.Equal([6291456L, 1048576L, "Taken"], result.Output.Select(item => item.BaseObject));
    }

    [Fact]
    public void A_disk_of_another_size_begins_a_new_generation()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $data, $store = Add-BlkSimulationDisk data, store -Size 4MB
              New-BlkSnapshot /dev/data -DiffStorage /dev/store | Remove-BlkSnapshot
              $mark = Get-BlkTracker
              $data.Resize(8MB)
              $null = New-BlkSnapshot /dev/data -DiffStorage /dev/store
              (Get-BlkTracker).Size
              Get-ChangedBlocks /dev/data -Since $mark -ErrorAction SilentlyContinue -ErrorVariable failure
              $failure.FullyQualifiedErrorId
            }
            """).Ok();
        Assert.Equal(8388608L, result.Output[0].BaseObject);
        Assert.StartsWith("ChangedBlocksResized,", (string)result.Output[1].BaseObject, StringComparison.Ordinal);
    }

    [Fact]
    public void Outside_of_a_simulation_there_are_no_simulated_disks()
    {
        Run("Add-BlkSimulationDisk data").Error(ErrorIds.SimulationNotActive, ErrorCategory.InvalidOperation);
        Run("Write-BlkSimulationDisk data -Value x").Error(ErrorIds.SimulationNotActive, ErrorCategory.InvalidOperation);
        Run("Invoke-BlkSimulationFault LowSpace data").Error(ErrorIds.SimulationNotActive, ErrorCategory.InvalidOperation);
    }

    [Fact]
    public void Mistakes_are_errors_of_one_disk()
    {
        Run("Use-BlkSimulation { Write-BlkSimulationDisk none -Value x }").Error(ErrorIds.DeviceNotFound, ErrorCategory.ObjectNotFound);
        Run("Use-BlkSimulation { Add-BlkSimulationDisk a, a, b | Out-Null }").Error("SimulatedDisk,EEXIST", ErrorCategory.ResourceExists);
        Run("Use-BlkSimulation { Add-BlkSimulationDisk a | Invoke-BlkSimulationFault Overflow }")
            .Error(ErrorIds.DeviceNotInSnapshot, ErrorCategory.InvalidOperation);
        Run("Use-BlkSimulation { Add-BlkSimulationDisk a -Size 4KB | Write-BlkSimulationDisk -Offset 4KB -Value x }")
            .Error("SimulatedWrite,ENOSPC", ErrorCategory.ResourceUnavailable);
    }

    [Fact]
    public void WhatIf_changes_nothing()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              Add-BlkSimulationDisk none -WhatIf
              $data, $store = Add-BlkSimulationDisk data, store -Size 1MB
              $data | Write-BlkSimulationDisk -Value 'x' -WhatIf
              $data | Invoke-BlkSimulationFault DeviceLoss -WhatIf
              "$($data.IsPresent) $($data.Read(0, 1)[0])"
            }
            """).Ok();
        Assert.Equal("True 0", Assert.Single(result.Output).BaseObject);
    }

    [Fact]
    public void A_simulation_in_a_simulation_is_another_machine()
    {
        EngineResult result = Run("""
            Use-BlkSimulation {
              $null = Add-BlkSimulationDisk data, store
              $null = New-BlkSnapshot /dev/data -DiffStorage /dev/store
              Use-BlkSimulation { @(Get-BlkSnapshot).Count; $null = Add-BlkSimulationDisk data }
              @(Get-BlkSnapshot).Count
            }
            """).Ok();
        Assert.Equal([0, 1], result.Output.Select(item => item.BaseObject));
    }

    [Fact]
    public void Runspaces_beside_each_other_have_their_own()
    {
        const string Script = """
            Use-BlkSimulation {
              $null = Add-BlkSimulationDisk data, store -Size 4MB
              foreach ($i in 1..20) {
                Write-BlkSimulationDisk data -Offset 64KB -Value "run $Number-$i"
                $snapshot = New-BlkSnapshot /dev/data -DiffStorage /dev/store
                Write-BlkSimulationDisk data -Length 1MB
                $image = [IO.File]::ReadAllBytes($snapshot.Images[0].ImagePath)
                if ([Text.Encoding]::ASCII.GetString($image, 64KB, "run $Number-$i".Length) -ne "run $Number-$i") { throw 'wrong content' }
                if (@(Get-BlkSnapshot).Count -ne 1) { throw 'snapshots of somebody else' }
                $snapshot | Remove-BlkSnapshot
              }
              (Get-BlkTracker).SnapshotNumber
            }
            """;
        Parallel.For(0, 4, number =>
        {
            using Engine engine = new();
            Assert.Equal("20", $"{Assert.Single(engine.With("Number", number).Run(Script).Ok().Output)}");
        });
    }

    [Fact]
    public void Another_runspace_that_is_opened_inside_belongs_to_it()
    {
        EngineResult result = Run($$"""
            Use-BlkSimulation {
              $null = Add-BlkSimulationDisk data, store
              $null = New-BlkSnapshot /dev/data -DiffStorage /dev/store
              $shell = [powershell]::Create([initialsessionstate]::CreateDefault2())
              $null = $shell.AddScript("Import-Module '{{Engine.Manifest}}'; @(Get-BlkSnapshot).Count")
              try { $shell.BeginInvoke() | ForEach-Object { $shell.EndInvoke($_) } } finally { $shell.Dispose() }
            }
            """).Ok();
        Assert.Equal(1, Assert.Single(result.Output).BaseObject);
    }

    // The kernel keeps the first fifteen characters of a thread's name.
    private static bool HasEventThread() => Directory.EnumerateDirectories("/proc/self/task").Any(task =>
    {
        try
        {
            return File.ReadAllText(task + "/comm").StartsWith("blksnap events", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    });
}
