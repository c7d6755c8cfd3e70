# SPDX-License-Identifier: MIT

Describe 'Changed blocks' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $disk, $second, $storage = $TestDisks[0..2]

    # A small device of its own, so that full copies of it are quick under emulation.
    $file = "$TestFolder/blksnap-origin.img"
    $copy = "$TestFolder/blksnap-copy.img"
    $stored = "$TestFolder/blksnap-stored"
    $null = New-Item $stored -ItemType Directory -Force
    if ($Simulated) {
      $simulatedOrigin = Add-BlkSimulationDisk origin -Size 32MB
      $origin = $simulatedOrigin.DevicePath
    }
    else {
      $null = Invoke-Shell "modprobe loop; truncate -s 32M $file"
      $origin = (Invoke-Shell "losetup --find --show $file") -join ''
    }
    function Set-OriginSize {
      param([int] $MiB)
      if ($Simulated) {
        $simulatedOrigin.Resize($MiB * 1MB)
      }
      else {
        $null = Invoke-Shell "truncate -s $($MiB)M $file && losetup -c $origin"
      }
    }
    Write-RandomData $origin -MiB 32
  }

  BeforeEach {
    Reset-TestState
  }

  AfterAll {
    Reset-TestState
    if (-not $Simulated) {
      $null = Invoke-Shell "losetup -d $origin; rm -rf $file $copy $stored"
    }
  }

  It 'drive an incremental copy that equals the second image' {
    $full = New-BlkSnapshot $origin -DiffStorage $storage
    $null = Invoke-Shell "dd if=$($full.Images[0].ImagePath) of=$copy bs=1M 2>/dev/null"
    $token = $full.Images[0].ChangeToken
    $full | Remove-BlkSnapshot

    # Some places, not aligned to blocks of the map, the first and the last sector among them.
    foreach ($sector in 0, 1, 12345, 30000, 30001, 40000, 65535) {
      Write-RandomSector $origin $sector
    }
    Write-RandomData $origin -MiB 3 -SeekMiB 22

    $increment = New-BlkSnapshot $origin -DiffStorage $storage
    $image = $increment.Images[0].ImagePath
    Write-RandomData $origin -MiB 2 -SeekMiB 28

    $changes = @($increment | Get-ChangedBlocks -Since $token)
    $changes.Count | Should -BeGreaterThan 3
    $copied = 0
    foreach ($change in $changes) {
      $null = Invoke-Shell ("dd if=$image of=$copy bs=64k conv=notrunc iflag=skip_bytes,count_bytes oflag=seek_bytes " +
        "skip=$($change.Offset) seek=$($change.Offset) count=$($change.Length) 2>/dev/null")
      $copied += $change.Length
    }

    Test-Shell "cmp $image $copy" | Should -BeTrue
    Test-Shell "cmp $origin $copy" | Should -BeFalse
    $copied | Should -BeLessThan (8MB)
  }

  It 'are merged, ordered, and lie within the device' {
    $token = (New-BlkSnapshot $origin -DiffStorage $storage).Images[0].ChangeToken
    Get-BlkSnapshot | Remove-BlkSnapshot
    Write-RandomData $origin -MiB 1 -SeekMiB 8
    Write-RandomData $origin -MiB 1 -SeekMiB 9
    Write-RandomData $origin -MiB 1 -SeekMiB 24
    $null = New-BlkSnapshot $origin -DiffStorage $storage

    $changes = @(Get-ChangedBlocks -DevicePath $origin -Since $token)
    $changes | Should -HaveCount 2
    $changes[0].DevicePath | Should -BeExactly $origin
    $changes[0].Offset | Should -Be (8MB)
    $changes[0].Length | Should -Be (2MB)
    $changes[1].Offset | Should -Be (24MB)
    $changes[1].Length | Should -Be (1MB)

    $merged = @(Get-ChangedBlocks -DevicePath $origin -Since $token -MergeGap 16MB)
    $merged | Should -HaveCount 1
    $merged[0].Length | Should -Be (17MB)

    $wide = @(Get-ChangedBlocks -DevicePath $origin -Since $token -Minimum 4MB)
    $wide | Should -HaveCount 2
    $wide[0].Offset | Should -Be (8MB)
    $wide[0].Length | Should -Be (4MB)
    $wide[1].Length | Should -Be (4MB)
  }

  It 'are those since tracking began when no earlier snapshot is named' {
    New-BlkSnapshot $origin -DiffStorage $storage | Remove-BlkSnapshot
    Write-RandomData $origin -MiB 1 -SeekMiB 8
    New-BlkSnapshot $origin -DiffStorage $storage | Remove-BlkSnapshot
    $token = (Get-BlkTracker -DevicePath $origin).ChangeToken
    Write-RandomData $origin -MiB 1 -SeekMiB 24
    $null = New-BlkSnapshot $origin -DiffStorage $storage
    (Get-ChangedBlocks -DevicePath $origin).Offset -join ' ' | Should -Be "$(8MB) $(24MB)"
    (Get-ChangedBlocks -DevicePath $origin -Since $token).Offset | Should -Be (24MB)
  }

  It 'come as the map itself with -Raw' {
    $snapshot = New-BlkSnapshot $origin -DiffStorage $storage
    $map = Get-ChangedBlocks -DevicePath $origin -Raw
    $tracker = Get-BlkTracker -DevicePath $origin
    $map.Length | Should -Be $tracker.BlockCount
  }

  It 'are found from a token that was stored as CLIXML, as JSON, or as a line' {
    $snapshot = New-BlkSnapshot $origin -DiffStorage $storage
    $token = $snapshot.Images[0].ChangeToken
    $token | Export-Clixml $stored/token.xml
    $snapshot | Export-Clixml $stored/snapshot.xml
    ConvertTo-Json $token | Set-Content $stored/token.json
    ConvertTo-Json $snapshot.Images | Set-Content $stored/images.json
    "$token" | Set-Content $stored/token.txt
    $snapshot | Remove-BlkSnapshot
    Write-RandomData $origin -MiB 1 -SeekMiB 8
    $null = New-BlkSnapshot $origin -DiffStorage $storage

    foreach ($kept in @(
        (Import-Clixml $stored/token.xml), (Import-Clixml $stored/snapshot.xml), (Get-Content $stored/token.json -Raw | ConvertFrom-Json),
        (Get-Content $stored/images.json -Raw | ConvertFrom-Json), (Get-Content $stored/token.txt))) {
      $change = Get-ChangedBlocks $origin -Since $kept
      $change | Should -HaveCount 1
      $change.Offset | Should -Be (8MB)
    }
  }

  It 'ask for a full backup when <Case>' -TestCases @(
    @{ Case = 'the tracking began anew'; Id = 'ChangedBlocksGeneration' }
    @{ Case = 'the device was resized'; Id = 'ChangedBlocksResized' }
    @{ Case = 'the token is of another device'; Id = 'ChangedBlocksOtherDevice' }
    @{ Case = 'the system was restarted'; Id = 'ChangedBlocksReboot' }
  ) {
    param($Case, $Id)
    $token = (New-BlkSnapshot $origin -DiffStorage $storage).Images[0].ChangeToken
    Get-BlkSnapshot | Remove-BlkSnapshot
    switch ($Id) {
      'ChangedBlocksGeneration' {
        Remove-BlkTracker -DevicePath $origin -Confirm:$false
      }
      'ChangedBlocksResized' {
        Set-OriginSize 33
      }
      'ChangedBlocksOtherDevice' {
        $other = New-BlkSnapshot $second -DiffStorage $storage
        $token = $other.Images[0].ChangeToken
        $other | Remove-BlkSnapshot
      }
      'ChangedBlocksReboot' {
        $token = "$token" -replace 'boot=[^;]+', "boot=$([guid]::NewGuid())"
      }
    }
    try {
      $null = New-BlkSnapshot $origin -DiffStorage $storage
      $failure = Get-TestError { Get-ChangedBlocks -DevicePath $origin -Since $token }
      $failure.FullyQualifiedErrorId | Should -BeExactly "$Id,BlksnapPS.Commands.GetChangedBlocksCommand"
      $failure.Exception.Message | Should -Match 'full backup'
      $failure.ErrorDetails.RecommendedAction | Should -Match 'full backup'
    }
    finally {
      Reset-TestState
      Set-OriginSize 32
    }
  }

  It 'ask for a full backup once the numbers of the snapshots are used up' {
    $snapshot = New-BlkSnapshot $origin -DiffStorage $storage
    $token = $snapshot.Images[0].ChangeToken
    $last = $token
    while ($last.Generation -eq $token.Generation) {
      $before = $last
      $snapshot | Remove-BlkSnapshot
      $snapshot = New-BlkSnapshot $origin -DiffStorage $storage
      $last = $snapshot.Images[0].ChangeToken
    }
    $before.SnapshotNumber | Should -Be 254
    foreach ($old in $token, $before) {
      (Get-TestError { Get-ChangedBlocks $origin -Since $old }).FullyQualifiedErrorId |
        Should -BeExactly 'ChangedBlocksNumberWrap,BlksnapPS.Commands.GetChangedBlocksCommand'
    }
    # The chain goes on from the first full copy after it.
    Write-RandomData $origin -MiB 1 -SeekMiB 8
    $snapshot | Remove-BlkSnapshot
    $null = New-BlkSnapshot $origin -DiffStorage $storage
    (Get-ChangedBlocks $origin -Since $last).Offset | Should -Be (8MB)
  }

  It 'are not readable without a snapshot that holds the device' {
    $null = New-BlkSnapshot $origin -DiffStorage $storage
    Get-BlkSnapshot | Remove-BlkSnapshot
    $failure = Get-TestError { Get-ChangedBlocks -DevicePath $origin }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'DeviceNotInSnapshot,BlksnapPS.Commands.GetChangedBlocksCommand'
  }

  It 'can be added to by hand' {
    $token = (New-BlkSnapshot $origin -DiffStorage $storage).Images[0].ChangeToken
    Get-BlkSnapshot | Remove-BlkSnapshot
    Add-ChangedBlocks -DevicePath $origin -Offset 16MB -Length 4096
    Add-ChangedBlocks -DevicePath $origin -Offset 24MB -Length 4096 -WhatIf
    $null = New-BlkSnapshot $origin -DiffStorage $storage

    $changes = @(Get-ChangedBlocks -DevicePath $origin -Since $token)
    $changes | Should -HaveCount 1
    $changes[0].Offset | Should -Be (16MB)
  }

  It 'of one device can be piped back into Add-ChangedBlocks' {
    $token = (New-BlkSnapshot $origin -DiffStorage $storage).Images[0].ChangeToken
    Get-BlkSnapshot | Remove-BlkSnapshot
    Write-RandomData $origin -MiB 1 -SeekMiB 4
    $null = New-BlkSnapshot $origin -DiffStorage $storage
    $changes = @(Get-ChangedBlocks -DevicePath $origin -Since $token)
    $next = (Get-BlkSnapshotImage).ChangeToken
    Get-BlkSnapshot | Remove-BlkSnapshot

    # The copy of these changes was lost, so they have to be part of the next one.
    $changes | Add-ChangedBlocks
    $null = New-BlkSnapshot $origin -DiffStorage $storage
    $again = @(Get-ChangedBlocks -DevicePath $origin -Since $next)
    $again | Should -HaveCount 1
    $again[0].Offset | Should -Be (4MB)
    $again[0].Length | Should -Be (1MB)
  }
}

Describe 'Trackers' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $first, $second, $third, $storage = $TestDisks
  }

  BeforeEach {
    Reset-TestState
  }

  AfterAll {
    Reset-TestState
  }

  It 'begin with the first snapshot of a device and go on after it' {
    Get-BlkTracker | Should -BeNullOrEmpty
    New-BlkSnapshot $first -DiffStorage $storage | Remove-BlkSnapshot
    $tracker = Get-BlkTracker
    $tracker.DevicePath | Should -BeExactly $first
    $tracker.SnapshotNumber | Should -Be 1
    $tracker.Generation | Should -Not -Be ([guid]::Empty)
    $tracker.Size | Should -Be (Get-DeviceSize $first)
    $tracker.BlockSize | Should -BeGreaterThan 4095
  }

  It 'count the snapshots, and keep their generation' {
    New-BlkSnapshot $first -DiffStorage $storage | Remove-BlkSnapshot
    $before = Get-BlkTracker -DevicePath $first
    New-BlkSnapshot $first -DiffStorage $storage | Remove-BlkSnapshot
    $after = Get-BlkTracker -DevicePath $first
    $after.SnapshotNumber | Should -Be 2
    $after.Generation | Should -Be $before.Generation
  }

  It 'can be removed' {
    New-BlkSnapshot $first, $second -DiffStorage $storage | Remove-BlkSnapshot
    Remove-BlkTracker -DevicePath $first -WhatIf
    @(Get-BlkTracker) | Should -HaveCount 2
    Get-BlkTracker -DevicePath $first | Remove-BlkTracker -Confirm:$false
    (Get-BlkTracker).DevicePath | Should -BeExactly $second
  }

  It 'cannot be removed while a snapshot holds the device' {
    $null = New-BlkSnapshot $first -DiffStorage $storage
    $failure = Get-TestError { Remove-BlkTracker -DevicePath $first -Confirm:$false }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'TrackerRemove,EBUSY,BlksnapPS.Commands.RemoveBlkTrackerCommand'
    "$($failure.CategoryInfo.Category)" | Should -Be 'ResourceBusy'
  }

  It 'do not exist for a device that was never in a snapshot' {
    $failure = Get-TestError { Remove-BlkTracker -DevicePath $third -Confirm:$false }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'TrackerNotFound,BlksnapPS.Commands.RemoveBlkTrackerCommand'
    "$($failure.CategoryInfo.Category)" | Should -Be 'ObjectNotFound'
    $failure = Get-TestError { Get-BlkTracker -DevicePath $third }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'TrackerNotFound,BlksnapPS.Commands.GetBlkTrackerCommand'
  }
}
