# SPDX-License-Identifier: MIT
# Ctrl+C, as a host does it, while the kernel does not answer. tests/Unit has every command.

Describe 'Ctrl+C' -Tag Kernel {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
  }

  BeforeEach {
    Reset-TestState
  }

  AfterAll {
    Reset-TestState
  }

  It 'ends what waits for events or for a take, and leaves nothing' {
    $figures = @(& "$PSScriptRoot/../../tools/bench/Measure-Stop.ps1" -DevicePath $TestDisks[0] -DiffStorage $TestDisks[1] -Count 1)
    $figures.Command -join ' ' | Should -Be (
      'Wait-BlkSnapshotEvent Watch-BlkSnapshot New-BlkSnapshot Get-BlkSnapshot Get-BlkSnapshotImage Get-DiffStorage Watch-BlkSnapshot')
    foreach ($figure in $figures) {
      $figure.Stops | Should -Be 1
      $figure.MaxMs | Should -BeGreaterThan 0
    }
    Get-BlkSnapshot | Should -BeNullOrEmpty
    Test-Path /dev/mapper/measure_stop | Should -BeFalse
  }
}
