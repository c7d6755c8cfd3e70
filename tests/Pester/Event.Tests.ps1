# SPDX-License-Identifier: MIT

Describe 'Events of a snapshot' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $origin, $second, $store, $other = $TestDisks
  }

  BeforeEach {
    Reset-TestState
  }

  AfterEach {
    Get-EventSubscriber -ErrorAction Ignore | Unregister-Event
    Get-Event -ErrorAction Ignore | Remove-Event
  }

  AfterAll {
    Reset-TestState
  }

  Context 'Wait-BlkSnapshotEvent' {
    It 'gives the request for storage that every snapshot begins with' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $first = $snapshot | Wait-BlkSnapshotEvent -Timeout 300
      "$($first.Kind)" | Should -Be 'LowSpace'
      $first.SnapshotId | Should -Be $snapshot.Id
      $first.RequestedBytes | Should -Be (512 * [long]($Simulated ? 2097152 : (Get-ModuleParameter diff_storage_minimum)))
    }

    It 'gives nothing when the time is over' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $null = $snapshot | Wait-BlkSnapshotEvent -Timeout 300
      $snapshot | Wait-BlkSnapshotEvent -Timeout 1 | Should -BeNullOrEmpty
    }

    It 'refuses an unknown snapshot' {
      $failure = Get-TestError { Wait-BlkSnapshotEvent -Id 11111111-2222-3333-4444-555555555555 -Timeout 1 }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'SnapshotNotFound,BlksnapPS.Commands.WaitBlkSnapshotEventCommand'
    }
  }

  Context 'Watch-BlkSnapshot' {
    It 'tells how full the storage is, how fast it fills and when it will be full' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage "${store}:0+16MiB"
      $job = $snapshot | Watch-BlkSnapshot -Count 2 -AsJob
      # A request for storage that nobody has taken yet would be replaced by the next one.
      Wait-Until { $job.HasMoreData } | Should -BeTrue
      Write-RandomData $origin -MiB 12
      $events = @($job | Wait-Job -Timeout 300 | Receive-Job)
      $events | Should -HaveCount 2
      $events.SequenceNumber -join ' ' | Should -Be '1 2'
      $last = $events[-1]
      $last.Capacity | Should -Be (16MB)
      $last.Used | Should -Not -BeLessThan (8MB)
      $last.Free | Should -Be ($last.Capacity - $last.Used)
      $last.FillRate | Should -BeGreaterThan 0
      $last.TimeToFull | Should -BeGreaterThan ([timespan]::Zero)
      $job | Remove-Job
    }

    It 'puts out events until the snapshot ends, and lets go of the module' -Tag Kernel {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $job = Watch-BlkSnapshot -AsJob
      Wait-Until { $job.HasMoreData } | Should -BeTrue
      $snapshot | Remove-BlkSnapshot
      $null = $job | Wait-Job -Timeout 300
      "$($job.State)" | Should -Be 'Completed'
      @($job | Receive-Job) | Should -HaveCount 1
      $job | Remove-Job
      Get-BlkTracker | Remove-BlkTracker -Confirm:$false
      Wait-Until { (Invoke-Shell 'cat /sys/module/blksnap/refcnt') -eq '0' } | Should -BeTrue
    }

    It 'leaves no thread in the kernel when it is stopped' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $null = $snapshot | Watch-BlkSnapshot -Count 1
      $job = $snapshot | Watch-BlkSnapshot -AsJob
      $job | Stop-Job
      "$($job.State)" | Should -Be 'Stopped'
      Wait-Until { -not (Test-Shell "ls -l /proc/$PID/fd | grep -q /dev/blksnap") } | Should -BeTrue
    }
  }

  Context 'Measuring' {
    It 'tells how late events are, whatever waits for them' {
      $figures = @(& "$PSScriptRoot/../../tools/bench/Measure-Events.ps1" -DevicePath $origin -DiffStorage $store -Count 3 -Simulation:$Simulated)
      $figures.Way -join ' ' | Should -Be 'Wait-BlkSnapshotEvent Watch-BlkSnapshot Register-BlkSnapshotEvent'
      foreach ($figure in $figures) {
        $figure.Events | Should -Be 3
        $figure.MedianMs | Should -BeGreaterThan 0
        $figure.MaxMs | Should -Not -BeLessThan $figure.MedianMs
      }
      Get-BlkSnapshot | Should -BeNullOrEmpty
      Get-EventSubscriber -ErrorAction Ignore | Should -BeNullOrEmpty
    }
  }

  Context 'Register-BlkSnapshotEvent' {
    It 'delivers to the event queue without an action' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $snapshot | Register-BlkSnapshotEvent -SourceIdentifier storage | Should -BeNullOrEmpty
      $received = Wait-Event -SourceIdentifier storage -Timeout 300
      "$($received.SourceEventArgs.Kind)" | Should -Be 'LowSpace'
      $received.SourceEventArgs.SnapshotId | Should -Be $snapshot.Id
      $received.SourceEventArgs.SequenceNumber | Should -Be 1
    }

    It 'refuses a source identifier that is taken' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $snapshot | Register-BlkSnapshotEvent -SourceIdentifier storage
      $failure = Get-TestError { $snapshot | Register-BlkSnapshotEvent -SourceIdentifier storage }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'SubscriberExists,BlksnapPS.Commands.RegisterBlkSnapshotEventCommand'
    }

    It 'refuses an unknown snapshot' {
      $failure = Get-TestError { Register-BlkSnapshotEvent -Id 11111111-2222-3333-4444-555555555555 }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'SnapshotNotFound,BlksnapPS.Commands.RegisterBlkSnapshotEventCommand'
    }

    It 'lets an action add storage, and the snapshot survives' {
      Write-RandomData $origin -MiB 32
      $before = Get-DeviceChecksum $origin -MiB 32
      $snapshot = New-BlkSnapshot $origin -DiffStorage "${store}:0+8MiB"

      # The first event, from before there was any storage, is not what this is about.
      $null = $snapshot | Wait-BlkSnapshotEvent -Timeout 300
      $state = @{ Place = $other; Added = 0 }
      $job = $snapshot | Register-BlkSnapshotEvent -EventName LowSpace -SourceIdentifier rescue -MessageData $state -Action {
        $state = $Event.MessageData
        Add-DiffStorage -Id $Event.SourceEventArgs.SnapshotId -Path "$($state.Place):$(16 * $state.Added)MiB+16MiB"
        $state.Added++
      }
      $job | Should -Not -BeNullOrEmpty

      # More than the storage that the snapshot began with, in steps that leave the action time.
      foreach ($step in 0..6) {
        Write-RandomData $origin -MiB 4 -SeekMiB (4 * $step)
        Wait-Until { ($snapshot | Get-DiffStorage).Free -ge 4MB } | Should -BeTrue
      }

      $state.Added | Should -BeGreaterThan 0
      "$((Get-BlkSnapshot $snapshot.Id).State)" | Should -Be 'Taken'
      ($snapshot | Get-DiffStorage).Used | Should -BeGreaterThan (27MB)
      Get-DeviceChecksum $snapshot.Images[0].ImagePath -MiB 32 | Should -Be $before
    }

    It 'tells when the storage was not enough: the image is lost, the live device is fine' {
      $snapshot = New-BlkSnapshot $origin, $second -DiffStorage "${store}:0+8MiB"
      $snapshot | Register-BlkSnapshotEvent -EventName Corrupted -SourceIdentifier lost
      Write-RandomData $origin -MiB 16
      Get-DeviceChecksum $origin -MiB 16 | Should -Match '^[0-9a-f]{64}'

      $received = Wait-Event -SourceIdentifier lost -Timeout 300
      $received.SourceEventArgs.DevicePath | Should -BeExactly $origin
      $received.SourceEventArgs.Error | Should -Be 28
      "$((Get-BlkSnapshot $snapshot.Id).State)" | Should -Be 'Corrupted'
      Test-Shell "dd if=$($snapshot.Images[0].ImagePath) of=/dev/null bs=64k count=1$($Simulated ? '' : ' iflag=direct')" | Should -BeFalse
      Write-RandomData $origin -MiB 4 -SeekMiB 8

      $snapshot | Remove-BlkSnapshot
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }

    It 'ends with the snapshot, and its name is free again' {
      foreach ($try in 1..2) {
        $snapshot = New-BlkSnapshot $origin -DiffStorage $store
        $job = $snapshot | Register-BlkSnapshotEvent -SourceIdentifier low -Action { }
        $snapshot | Remove-BlkSnapshot
        Wait-Until { -not (Get-EventSubscriber | Where-Object SourceIdentifier -eq low) } | Should -BeTrue
        Wait-Until { "$($job.State)" -eq 'Stopped' } | Should -BeTrue
        $job | Remove-Job
      }
    }

    It 'ends with the subscription, and with the snapshot' -Tag Kernel {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $snapshot | Register-BlkSnapshotEvent -SourceIdentifier storage
      $null = Wait-Event -SourceIdentifier storage -Timeout 300
      Unregister-Event -SourceIdentifier storage

      $snapshot | Register-BlkSnapshotEvent -SourceIdentifier storage
      $snapshot | Remove-BlkSnapshot
      # A snapshot that is gone leaves nothing that would keep the module from unloading.
      Get-BlkTracker | Remove-BlkTracker -Confirm:$false
      Wait-Until { (Invoke-Shell 'cat /sys/module/blksnap/refcnt') -eq '0' } | Should -BeTrue
    }
  }
}
