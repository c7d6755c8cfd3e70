# SPDX-License-Identifier: MIT
# Runs the Pester tests and leaves their counts in a file: all of them inside the virtual machine, or those of them that the
# simulation can stand up to on it, anywhere.
param(
  [Parameter(Mandatory)] [string] $Results,
  [string[]] $Path = @("$PSScriptRoot/../../tests/Pester", "$PSScriptRoot/../../examples"),
  [switch] $Simulation
)

$ErrorActionPreference = 'Stop'

# The host of this project brings a stand-in of that version; a pwsh may have an older one, which reads these tests differently, or none.
if (-not (Import-Module Pester -MinimumVersion 5.0 -PassThru -ErrorAction Ignore)) {
  [Console]::Error.WriteLine('These tests need Pester 5, which is not installed for this PowerShell: "Install-Module Pester -MinimumVersion 5.0" installs it, and pwshw with BLKSNAP_PWSH=own does without.')
  exit 1
}
if ($Simulation) {
  Import-Module $env:BLKSNAP_PS_MODULE
  $files = @('Snapshot', 'ChangedBlocks', 'Event' | ForEach-Object { "$PSScriptRoot/../../tests/Pester/$_.Tests.ps1" }) + "$PSScriptRoot/../../examples"
  $run = Use-BlkSimulation {
    $env:BLKSNAP_TEST_SIMULATION = '1'
    $env:BLKSNAP_TEST_DISKS = (Add-BlkSimulationDisk vda, vdb, vdc, vdd -Size 512MB).DevicePath -join ' '
    Invoke-Pester -Path $files -ExcludeTagFilter Kernel -Output Detailed -PassThru
  }
}
else {
  $run = Invoke-Pester -Path $Path -Output Detailed -PassThru
}
$counts = @{
  Passed  = [int]$run.PassedCount
  # A file that cannot even be loaded has failed as well.
  Failed  = [int]$run.FailedCount + [int]$run.FailedBlocksCount + [int]$run.FailedContainersCount
  Skipped = [int]$run.SkippedCount
}
[IO.File]::WriteAllText($Results, ($counts | ConvertTo-Json))
exit ($counts.Failed ? 1 : 0)
