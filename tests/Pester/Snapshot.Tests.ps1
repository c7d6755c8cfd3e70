# SPDX-License-Identifier: MIT

Describe 'New-BlkSnapshot' {
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

  It 'takes a snapshot and gives back what it made' {
    $snapshot = New-BlkSnapshot $first -DiffStorage $storage
    $snapshot.Id | Should -BeOfType ([guid])
    $snapshot.Id | Should -Not -Be ([guid]::Empty)
    "$($snapshot.State)" | Should -Be 'Taken'
    $snapshot.DevicePath | Should -HaveCount 1
    $snapshot.DevicePath[0] | Should -BeExactly $first
    $snapshot.Images | Should -HaveCount 1
    Test-Path $snapshot.Images[0].ImagePath | Should -BeTrue
    $snapshot.StorageCapacity | Should -BeGreaterThan (64MB)
    $snapshot.CreationTime | Should -Not -BeNullOrEmpty
    $snapshot.TakeTime | Should -Not -BeNullOrEmpty
  }

  It 'shows the device as it was, whatever is written to it afterwards' {
    Write-RandomData $first -MiB 8
    $before = Get-DeviceChecksum $first -MiB 8
    $snapshot = New-BlkSnapshot $first -DiffStorage $storage
    Write-RandomData $first -MiB 4 -SeekMiB 2
    Get-DeviceChecksum $first -MiB 8 | Should -Not -Be $before
    Get-DeviceChecksum $snapshot.Images[0].ImagePath -MiB 8 | Should -Be $before
  }

  It 'makes one snapshot of all devices that are piped into it' {
    $snapshot = Get-Item $first, $second | New-BlkSnapshot -DiffStorage $storage
    @($snapshot) | Should -HaveCount 1
    $snapshot.DevicePath | Should -HaveCount 2
    $snapshot.DevicePath | Should -Contain $first
    $snapshot.DevicePath | Should -Contain $second
    @(Get-BlkSnapshot) | Should -HaveCount 1
  }

  It 'takes kernel names from objects such as those of lsblk' {
    $disks = $first, $second | ForEach-Object { [pscustomobject]@{ name = $_ -replace '^/dev/', '' } }
    $snapshot = $disks | New-BlkSnapshot -DiffStorage $storage
    $snapshot.DevicePath | Should -HaveCount 2
  }

  It 'holds several snapshots of different devices at once' {
    $one = New-BlkSnapshot $first -DiffStorage $storage
    $two = New-BlkSnapshot $second -DiffStorage $third
    $one.Id | Should -Not -Be $two.Id
    @(Get-BlkSnapshot) | Should -HaveCount 2
    $one | Remove-BlkSnapshot
    (Get-BlkSnapshot).Id | Should -Be $two.Id
    Test-Path $two.Images[0].ImagePath | Should -BeTrue
  }

  It 'changes nothing with -WhatIf' {
    New-BlkSnapshot $first -DiffStorage $storage -WhatIf | Should -BeNullOrEmpty
    Get-BlkSnapshot | Should -BeNullOrEmpty
    Get-BlkTracker | Should -BeNullOrEmpty
  }

  It 'says whether the file system could be frozen' -Tag Kernel {
    New-TestFileSystem ext4 $first 64M
    $null = Mount-TestDevice $first live
    $snapshot = New-BlkSnapshot $first, $second -DiffStorage $storage
    $mounted = $snapshot.Devices | Where-Object { $_.DevicePath -eq $first }
    $plain = $snapshot.Devices | Where-Object { $_.DevicePath -eq $second }
    "$($mounted.Freeze)" | Should -Be 'Frozen'
    "$($plain.Freeze)" | Should -Be 'NoFileSystem'
  }

  It 'refuses a device that does not exist' {
    $failure = Get-TestError { New-BlkSnapshot /dev/no-such-device -DiffStorage $storage }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'DeviceNotFound,BlksnapPS.Commands.NewBlkSnapshotCommand'
    "$($failure.CategoryInfo.Category)" | Should -Be 'ObjectNotFound'
    $failure.TargetObject | Should -Be '/dev/no-such-device'
  }

  It 'takes no snapshot of the rest when one of the devices does not exist' {
    New-BlkSnapshot $first, /dev/no-such-device -DiffStorage $storage -ErrorAction SilentlyContinue -ErrorVariable failures |
      Should -BeNullOrEmpty
    $failures | Should -HaveCount 1
    Get-BlkSnapshot | Should -BeNullOrEmpty
  }

  It 'refuses a device that a snapshot holds already, and undoes what it had begun' {
    $held = New-BlkSnapshot $first -DiffStorage $storage
    $failure = Get-TestError { New-BlkSnapshot $second, $first -DiffStorage $third }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'DeviceInUse,BlksnapPS.Commands.NewBlkSnapshotCommand'
    "$($failure.CategoryInfo.Category)" | Should -Be 'ResourceExists'
    $failure.ErrorDetails.RecommendedAction | Should -Match 'Remove-BlkSnapshot'
    (Get-BlkSnapshot).Id | Should -Be $held.Id
  }

  It 'completes device paths' {
    $line = 'New-BlkSnapshot -DevicePath '
    $proposals = [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches
    $proposals.CompletionText | Should -Contain $first
  }
}

Describe 'Get-BlkSnapshot' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    Reset-TestState
    $first, $second, $third, $storage = $TestDisks
    $one = New-BlkSnapshot $first -DiffStorage $storage
    $two = New-BlkSnapshot $second -DiffStorage $third
  }

  AfterAll {
    Reset-TestState
  }

  It 'lists all snapshots' {
    @(Get-BlkSnapshot) | Should -HaveCount 2
  }

  It 'finds a snapshot by its id' {
    (Get-BlkSnapshot $one.Id).DevicePath[0] | Should -BeExactly $first
  }

  It 'finds a snapshot by its device' {
    (Get-BlkSnapshot -DevicePath $second).Id | Should -Be $two.Id
  }

  It 'answers an unknown id with an error and goes on' {
    $found = Get-BlkSnapshot ([guid]'11111111-2222-3333-4444-555555555555'), $one.Id -ErrorAction SilentlyContinue -ErrorVariable failures
    $found.Id | Should -Be $one.Id
    $failures[0].FullyQualifiedErrorId | Should -BeExactly 'SnapshotNotFound,BlksnapPS.Commands.GetBlkSnapshotCommand'
    "$($failures[0].CategoryInfo.Category)" | Should -Be 'ObjectNotFound'
  }

  It 'prints a table and a list' {
    (Get-BlkSnapshot | Format-Table | Out-String) | Should -Match 'Taken'
    (Get-BlkSnapshot $one.Id | Format-List | Out-String) | Should -Match $first
  }

  It 'gives the images of all snapshots, of one, and of one device' {
    @(Get-BlkSnapshotImage) | Should -HaveCount 2
    $image = Get-BlkSnapshotImage -Id $one.Id
    $image.DevicePath | Should -BeExactly $first
    $image.SnapshotId | Should -Be $one.Id
    $image.Size | Should -Be (Get-DeviceSize $first)
    (Get-BlkSnapshotImage -DevicePath $second).SnapshotId | Should -Be $two.Id
    ($two | Get-BlkSnapshotImage).DevicePath | Should -BeExactly $second
  }
}

Describe 'Remove-BlkSnapshot' {
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

  It 'removes a snapshot and its images' {
    $snapshot = New-BlkSnapshot $first -DiffStorage $storage
    $snapshot | Remove-BlkSnapshot
    Get-BlkSnapshot | Should -BeNullOrEmpty
    $image = $snapshot.Images[0].ImagePath
    Wait-Until { -not (Test-Path $image) } | Should -BeTrue
  }

  It 'removes every snapshot that is piped into it' {
    $null = New-BlkSnapshot $first -DiffStorage $storage
    $null = New-BlkSnapshot $second -DiffStorage $third
    Get-BlkSnapshot | Remove-BlkSnapshot
    Get-BlkSnapshot | Should -BeNullOrEmpty
  }

  It 'removes nothing with -WhatIf' {
    $null = New-BlkSnapshot $first -DiffStorage $storage
    Get-BlkSnapshot | Remove-BlkSnapshot -WhatIf
    @(Get-BlkSnapshot) | Should -HaveCount 1
  }

  It 'refuses an unknown id' {
    $failure = Get-TestError { Remove-BlkSnapshot -Id 11111111-2222-3333-4444-555555555555 }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'SnapshotNotFound,BlksnapPS.Commands.RemoveBlkSnapshotCommand'
    "$($failure.CategoryInfo.Category)" | Should -Be 'ObjectNotFound'
    $failure.ErrorDetails.RecommendedAction | Should -Match 'Get-BlkSnapshot'
  }

  It 'leaves a snapshot alone whose image is mounted' -Tag Kernel {
    New-TestFileSystem ext4 $first 64M
    $snapshot = New-BlkSnapshot $first -DiffStorage $storage
    $folder = Mount-TestDevice $snapshot.Images[0].ImagePath image 'ro,noload'
    $failure = Get-TestError { $snapshot | Remove-BlkSnapshot }
    $failure.FullyQualifiedErrorId | Should -BeExactly 'ImageMounted,BlksnapPS.Commands.RemoveBlkSnapshotCommand'
    "$($failure.CategoryInfo.Category)" | Should -Be 'ResourceBusy'
    $failure.Exception.Message | Should -Match $folder
    $failure.ErrorDetails.RecommendedAction | Should -Match 'Unmount'
    @(Get-BlkSnapshot) | Should -HaveCount 1

    Dismount-TestDevice $folder
    $snapshot | Remove-BlkSnapshot
    Get-BlkSnapshot | Should -BeNullOrEmpty
  }
}
