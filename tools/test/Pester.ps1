# SPDX-License-Identifier: MIT
# Runs the Pester tests inside the virtual machine and leaves their counts in a file.
param(
  [Parameter(Mandatory)] [string] $Results,
  [string] $Path = "$PSScriptRoot/../../tests/Pester"
)

$ErrorActionPreference = 'Stop'
$run = Invoke-Pester -Path $Path -Output Detailed -PassThru
$counts = @{
  Passed  = [int]$run.PassedCount
  # A file that cannot even be loaded has failed as well.
  Failed  = [int]$run.FailedCount + [int]$run.FailedBlocksCount + [int]$run.FailedContainersCount
  Skipped = [int]$run.SkippedCount
}
[IO.File]::WriteAllText($Results, ($counts | ConvertTo-Json))
exit ($counts.Failed ? 1 : 0)
