# SPDX-License-Identifier: MIT

Describe 'Get-BlkSnapshotDriver' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    Reset-TestState
  }

  It 'tells which module answers, and at which node' {
    $driver = Get-BlkSnapshotDriver
    $driver.Node | Should -BeExactly '/dev/blksnap'
    $driver.ModuleName | Should -BeExactly 'blksnapps'
    $driver.AbiVersion.Major | Should -Be 1
  }

  It 'lists the capabilities beyond the first generation' {
    "$((Get-BlkSnapshotDriver).Capabilities)" | Should -Match 'SnapshotStatus'
    "$((Get-BlkSnapshotDriver).Capabilities)" | Should -Match 'HoldFile'
  }

  It 'gives the module parameters' {
    $parameters = (Get-BlkSnapshotDriver).Parameters
    $parameters['diff_storage_minimum'] | Should -Be (Get-ModuleParameter diff_storage_minimum)
    $parameters['tracking_block_minimum_shift'] | Should -Be (Get-ModuleParameter tracking_block_minimum_shift)
  }

  It 'prints without an error' {
    (Get-BlkSnapshotDriver | Out-String) | Should -Match '/dev/blksnap'
  }
}

Describe 'The commands without the kernel module' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    Reset-TestState
    # What has read events until now closes the driver by itself, shortly after.
    Wait-Until { Test-Shell 'rmmod blksnap' } | Should -BeTrue
  }

  AfterAll {
    $null = Invoke-Shell "insmod $env:BLKSNAP_MODULE_KO"
  }

  It '<Name> says that there is no driver, and how to get one' -TestCases @(
    @{ Name = 'Get-BlkSnapshotDriver'; Class = 'GetBlkSnapshotDriverCommand'; Script = { Get-BlkSnapshotDriver } }
    @{ Name = 'Get-BlkSnapshot'; Class = 'GetBlkSnapshotCommand'; Script = { Get-BlkSnapshot } }
    @{ Name = 'New-BlkSnapshot'; Class = 'NewBlkSnapshotCommand'; Script = { New-BlkSnapshot /dev/vda -DiffStorage /dev/vdd } }
    @{ Name = 'Remove-BlkSnapshot'; Class = 'RemoveBlkSnapshotCommand'; Script = { Remove-BlkSnapshot -Id ([guid]::NewGuid()) } }
    @{ Name = 'Get-BlkSnapshotImage'; Class = 'GetBlkSnapshotImageCommand'; Script = { Get-BlkSnapshotImage } }
    @{ Name = 'Get-DiffStorage'; Class = 'GetDiffStorageCommand'; Script = { Get-DiffStorage } }
    @{ Name = 'Add-DiffStorage'; Class = 'AddDiffStorageCommand'; Script = { Add-DiffStorage -Id ([guid]::NewGuid()) -Path /dev/vdd } }
    @{ Name = 'Get-ChangedBlocks'; Class = 'GetChangedBlocksCommand'; Script = { Get-ChangedBlocks -DevicePath /dev/vda } }
    @{ Name = 'Add-ChangedBlocks'; Class = 'AddChangedBlocksCommand'; Script = { Add-ChangedBlocks -DevicePath /dev/vda -Offset 0 -Length 512 } }
    @{ Name = 'Get-BlkTracker'; Class = 'GetBlkTrackerCommand'; Script = { Get-BlkTracker } }
    @{ Name = 'Remove-BlkTracker'; Class = 'RemoveBlkTrackerCommand'; Script = { Remove-BlkTracker -DevicePath /dev/vda } }
    @{ Name = 'Wait-BlkSnapshotEvent'; Class = 'WaitBlkSnapshotEventCommand'; Script = { Wait-BlkSnapshotEvent -Id ([guid]::NewGuid()) -Timeout 1 } }
    @{ Name = 'Register-BlkSnapshotEvent'; Class = 'RegisterBlkSnapshotEventCommand'; Script = { Register-BlkSnapshotEvent -Id ([guid]::NewGuid()) } }
  ) {
    param($Name, $Class, $Script)
    $failure = Get-TestError $Script
    $failure.FullyQualifiedErrorId | Should -BeExactly "DriverNotFound,BlksnapPS.Commands.$Class"
    "$($failure.CategoryInfo.Category)" | Should -Be 'ObjectNotFound'
    $failure.ErrorDetails.RecommendedAction | Should -Match 'modprobe blksnap'
  }
}

Describe 'The commands without the right to use the driver' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $program = [Environment]::ProcessPath
    if ((Split-Path $program -Leaf) -eq 'dotnet') {
      # PowerShell as a tool of .NET has its program beside it.
      $program = "$PSHOME/pwsh"
    }
    $manifest = (Get-Module BlksnapPS).Path -replace '\.dll$', '.psd1'
  }

  It 'say so, and name the way out' {
    # Another process, since an identity cannot be given up for one command.
    $script = "Import-Module '$manifest'; try { Get-BlkSnapshot -ErrorAction Stop; 'no error' } " +
      "catch { `$_.FullyQualifiedErrorId; `$_.CategoryInfo.Category; `$_.ErrorDetails.RecommendedAction }"
    $answer = (setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp $program -NoProfile -Command $script) -join "`n"
    $answer | Should -Match 'DriverAccessDenied,BlksnapPS.Commands.GetBlkSnapshotCommand'
    $answer | Should -Match 'PermissionDenied'
    $answer | Should -Match 'sudo'
  }
}
