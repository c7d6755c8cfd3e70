# SPDX-License-Identifier: MIT
# How a script that takes snapshots is tested without a disk at risk, without root and without the kernel module:
# each test runs it on a machine made of files. Try it with: Invoke-Pester examples/Runbook.Tests.ps1

Describe 'The backup runbook' {
  BeforeAll {
    # Neither loaded nor installed: as built in a clone of the project.
    if (-not (Get-Command Use-BlkSimulation -ErrorAction Ignore)) {
      $built = "$PSScriptRoot/../out/module/BlksnapPS/BlksnapPS.psd1"
      $module = $env:BLKSNAP_PS_MODULE ? $env:BLKSNAP_PS_MODULE : (Test-Path $built) ? $built : 'BlksnapPS'
      Import-Module $module -ErrorAction Stop
    }
    $runbook = "$PSScriptRoot/Backup.ps1"
  }

  It 'copies everything first, then what has changed' {
    Use-BlkSimulation { param($Simulation)
      $data, $store = Add-BlkSimulationDisk data, store -Size 16MB
      $copies = New-Item "$($Simulation.Folder)/copies" -ItemType Directory
      $data | Write-BlkSimulationDisk -Offset 1MB -Value 'the first content'
      $full = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      $full.Kind | Should -Be 'Full'

      $data | Write-BlkSimulationDisk -Offset 1MB -Value 'the second content'
      $next = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      $next.Kind | Should -Be 'Incremental'
      $next.Copied | Should -BeLessThan 1MB

      [Linq.Enumerable]::SequenceEqual([IO.File]::ReadAllBytes($next.Copy), [IO.File]::ReadAllBytes($data.DevicePath)) | Should -BeTrue
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }
  }

  It 'takes a destination that is relative to the location' {
    Use-BlkSimulation { param($Simulation)
      $data, $store = Add-BlkSimulationDisk data, store -Size 16MB
      $copies = New-Item "$($Simulation.Folder)/copies" -ItemType Directory
      Push-Location $Simulation.Folder
      try {
        $full = & $runbook -DevicePath $data.DevicePath -Destination copies -DiffStorage $store.DevicePath
      }
      finally {
        Pop-Location
      }
      Split-Path $full.Copy | Should -Be $copies.FullName
      (Get-Item $full.Copy).Length | Should -Be (16MB)
    }
  }

  It 'copies everything again after the disk was resized' {
    Use-BlkSimulation { param($Simulation)
      $data, $store = Add-BlkSimulationDisk data, store -Size 16MB
      $copies = New-Item "$($Simulation.Folder)/copies" -ItemType Directory
      $null = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      $data.Resize(24MB)
      $next = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      $next.Kind | Should -Be 'Full'
      $next.Size | Should -Be (24MB)
    }
  }

  It 'copies everything again, and says so, when its token is damaged: <Text>' -ForEach @(
    @{ Text = '{"Generation":"x","Size":16777216}' }
    @{ Text = '{"Generation":"5d7a1c1e-9a34-4a53-8f19-3b0f6a1d2c47","Size":16777216}' }
    @{ Text = '{"Generation":"5d7a1c1e-9a34-4a53-8f19-3b0f6a1d2c47","SnapshotNumber":0,"Size":16777216}' }
  ) {
    Use-BlkSimulation { param($Simulation)
      $data, $store = Add-BlkSimulationDisk data, store -Size 16MB
      $copies = New-Item "$($Simulation.Folder)/copies" -ItemType Directory
      $first = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      Set-Content "$($first.Copy).token" $Text
      $next = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath -WarningVariable warned -WarningAction SilentlyContinue
      $next.Kind | Should -Be 'Full'
      "$warned" | Should -Match 'damaged'
      $last = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      $last.Kind | Should -Be 'Incremental'
    }
  }

  It 'copies everything again in strict mode, whatever is left of its token: <Text>' -ForEach @(
    @{ Text = '' }
    @{ Text = 'null' }
    @{ Text = '[]' }
    @{ Text = '{}' }
    @{ Text = '5' }
    @{ Text = '"x"' }
  ) {
    Set-StrictMode -Version Latest
    Use-BlkSimulation { param($Simulation)
      $data, $store = Add-BlkSimulationDisk data, store -Size 16MB
      $copies = New-Item "$($Simulation.Folder)/copies" -ItemType Directory
      $first = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      Set-Content "$($first.Copy).token" $Text
      $next = & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath
      $next.Kind | Should -Be 'Full'
    }
  }

  It 'leaves no snapshot behind when the disk is pulled out' {
    Use-BlkSimulation { param($Simulation)
      $data, $store = Add-BlkSimulationDisk data, store -Size 16MB
      $copies = New-Item "$($Simulation.Folder)/copies" -ItemType Directory
      $data | Invoke-BlkSimulationFault DeviceLoss
      { & $runbook -DevicePath $data.DevicePath -Destination $copies -DiffStorage $store.DevicePath } | Should -Throw '*no block device*'
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }
  }
}
