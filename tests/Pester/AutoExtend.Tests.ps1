# SPDX-License-Identifier: MIT

Describe 'Difference storage that grows by itself' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $origin, $store, $other, $spare = $TestDisks
    $minimum = Get-ModuleParameter diff_storage_minimum
  }

  BeforeEach {
    Reset-TestState
    # 64 MiB at a time; the disks are small.
    Set-ModuleParameter diff_storage_minimum 131072
    New-TestFileSystem ext4 $store
    $folder = Mount-TestDevice $store storage
    $free = { [long]((Invoke-Shell "sync; stat -f -c '%f' $folder") -join '') }
  }

  AfterAll {
    Set-ModuleParameter diff_storage_minimum $minimum
    Reset-TestState
  }

  It 'wins against a writer at full speed, while the session is busy' {
    # 128 MiB at a time. On a machine that is busy with other things the writer may win: the image is lost, and the next try is another race.
    Set-ModuleParameter diff_storage_minimum 262144
    foreach ($try in 1..3) {
      Write-RandomData $origin -MiB 64
      $before = Get-DeviceChecksum $origin -MiB 64
      $blocks = & $free
      $snapshot = New-BlkSnapshot $origin -DiffStorage $folder -DiffStorageSize 16MB -AutoExtend -MaximumSize 280MB
      $null = Invoke-Shell "dd if=/dev/zero of=$origin bs=1M count=192 oflag=direct 2>/dev/null"
      $state = "$((Get-BlkSnapshot $snapshot.Id).State)"
      if ($state -eq 'Taken' -or $try -eq 3) {
        break
      }
      $snapshot | Remove-BlkSnapshot
      Wait-Until { (& $free) -eq $blocks } | Should -BeTrue
    }

    $state | Should -Be 'Taken'
    Wait-Until { ($snapshot | Get-DiffStorage).Used -ge 192MB } | Should -BeTrue
    Get-DeviceChecksum $snapshot.Images[0].ImagePath -MiB 64 | Should -Be $before
    $record = $snapshot | Get-DiffStorageAutoExtend
    $record.Extensions | Should -BeGreaterThan 1
    $record.LastError | Should -BeNullOrEmpty
    ($snapshot | Get-DiffStorage).Capacity | Should -Be (16MB + $record.AddedBytes)
    ($snapshot | Get-DiffStorage).Capacity | Should -Not -BeGreaterThan (280MB)

    # Nothing stays but the record.
    $snapshot | Remove-BlkSnapshot
    Wait-Until { (& $free) -eq $blocks } | Should -BeTrue
    Wait-Until { "$((Get-DiffStorageAutoExtend $snapshot.Id).State)" -eq 'Ended' } | Should -BeTrue
    (Get-DiffStorageAutoExtend $snapshot.Id).AddedBytes | Should -Be $record.AddedBytes
    Test-Path "/run/blksnap/auto-extend/$($snapshot.Id).json" | Should -BeTrue
  }

  It 'binds directory and size by position, and keeps to the size' {
    $snapshot = New-BlkSnapshot $origin -DiffStorage $folder -DiffStorageSize 16MB
    $snapshot | Enable-DiffStorageAutoExtend $folder 48MB -StepSize 32MB
    "$(($snapshot | Get-DiffStorageAutoExtend).State)" | Should -Be 'Active'
    ($snapshot | Get-DiffStorage).Capacity | Should -Be (32MB)
    $null = Invoke-Shell "dd if=/dev/zero of=$origin bs=1M count=96 oflag=direct 2>/dev/null"
    Wait-Until { "$(($snapshot | Get-DiffStorageAutoExtend).State)" -eq 'AtMaximum' } | Should -BeTrue
    ($snapshot | Get-DiffStorage).Capacity | Should -Be (48MB)
    # That was not enough, and only the image is lost.
    Wait-Until { "$((Get-BlkSnapshot $snapshot.Id).State)" -eq 'Corrupted' } | Should -BeTrue
  }

  It 'can be ended' {
    $snapshot = New-BlkSnapshot $origin -DiffStorage $folder -DiffStorageSize 16MB
    $snapshot | Enable-DiffStorageAutoExtend $folder 200MB -StepSize 32MB
    ($snapshot | Get-DiffStorage).Capacity | Should -Be (32MB)
    $snapshot | Disable-DiffStorageAutoExtend
    $null = Invoke-Shell "dd if=/dev/zero of=$origin bs=1M count=24 oflag=direct 2>/dev/null"
    ($snapshot | Get-DiffStorage).Capacity | Should -Be (32MB)
    "$(($snapshot | Get-DiffStorageAutoExtend).State)" | Should -Be 'Disabled'
  }

  It 'adds nothing with -WhatIf' {
    $snapshot = New-BlkSnapshot $origin -DiffStorage $folder -DiffStorageSize 16MB
    $snapshot | Enable-DiffStorageAutoExtend $folder 200MB -WhatIf
    ($snapshot | Get-DiffStorage).Capacity | Should -Be (16MB)
    $snapshot | Get-DiffStorageAutoExtend | Should -BeNullOrEmpty
  }
}
