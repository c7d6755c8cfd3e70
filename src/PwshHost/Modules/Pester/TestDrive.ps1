# SPDX-License-Identifier: MIT
# One folder per file of tests; what a block put there goes with the block.

function New-TestDrive {
  $folder = Join-Path ([System.IO.Path]::GetTempPath()) "pester-$([guid]::NewGuid())"
  $null = [System.IO.Directory]::CreateDirectory($folder)
  $null = New-PSDrive -Name TestDrive -PSProvider FileSystem -Root $folder -Scope Global
  Set-Variable -Name TestDrive -Value $folder -Scope Global
  $script:Run.TestDrive = $folder
}

function Get-TestDriveItem {
  if (-not $script:Run.TestDrive) { return , @() }
  , @([System.IO.Directory]::GetFileSystemEntries($script:Run.TestDrive, '*', 'AllDirectories'))
}

function Remove-TestDriveItem {
  param([string[]] $Except)
  $now = Get-TestDriveItem
  # Deepest first.
  foreach ($path in $now | Where-Object { $_ -notin $Except } | Sort-Object Length -Descending) {
    Remove-Item -LiteralPath $path -Recurse -Force -ErrorAction Ignore
  }
}

function Remove-TestDrive {
  $location = $ExecutionContext.SessionState.Path.CurrentLocation
  if ($location.Drive -and $location.Drive.Name -eq 'TestDrive') { Set-Location -LiteralPath $script:Run.StartLocation }
  Remove-PSDrive -Name TestDrive -Scope Global -Force -ErrorAction Ignore
  Remove-Variable -Name TestDrive -Scope Global -ErrorAction Ignore
  Remove-Item -LiteralPath $script:Run.TestDrive -Recurse -Force -ErrorAction Ignore
  $script:Run.TestDrive = $null
}
