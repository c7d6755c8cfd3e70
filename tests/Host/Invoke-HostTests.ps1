# SPDX-License-Identifier: MIT
# Runs the Pester tests of this folder and leaves the counts in a file.
param(
  [Parameter(Mandatory)] [string] $Path,
  [Parameter(Mandatory)] [string] $CountFile
)
$configuration = New-PesterConfiguration
$configuration.Run.Path = $Path
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
$result = Invoke-Pester -Configuration $configuration
$failed = $result.FailedCount + $result.FailedBlocksCount + $result.FailedContainersCount
"$($result.PassedCount) $failed $($result.SkippedCount)" | Set-Content -Path $CountFile
exit [int]($failed -gt 0)
