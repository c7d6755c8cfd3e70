# SPDX-License-Identifier: MIT
# One folder per file of tests; what a block put there goes with the block.

function New-TestDrive {
  $folder = Join-Path ([System.IO.Path]::GetTempPath()) "pester-$([guid]::NewGuid())"
  $null = [System.IO.Directory]::CreateDirectory($folder)
  $null = New-PSDrive -Name TestDrive -PSProvider FileSystem -Root $folder -Scope Global
  Set-Variable -Name TestDrive -Value $folder -Scope Global
  $script:Run.TestDrive = $folder
}

# Links are listed and not followed: what they point to is not the tests'.
function Get-TestDriveItem {
  $found = [System.Collections.Generic.HashSet[string]]::new()
  $folders = [System.Collections.Generic.Stack[string]]::new()
  if ($script:Run.TestDrive) { $folders.Push($script:Run.TestDrive) }
  while ($folders.Count) {
    foreach ($entry in [System.IO.DirectoryInfo]::new($folders.Pop()).GetFileSystemInfos()) {
      $null = $found.Add($entry.FullName)
      if ($entry -is [System.IO.DirectoryInfo] -and $null -eq $entry.LinkTarget) { $folders.Push($entry.FullName) }
    }
  }
  , $found
}

function Remove-TestDriveItem {
  param([System.Collections.Generic.HashSet[string]] $Except)
  $now = Get-TestDriveItem
  foreach ($path in $now) {
    if ($Except.Contains($path)) { continue }
    # .NET's recursive delete takes a link away and leaves what it points to.
    if ([System.IO.Directory]::Exists($path)) { [System.IO.Directory]::Delete($path, $true) }
    elseif ([System.IO.Directory]::Exists([System.IO.Path]::GetDirectoryName($path))) { [System.IO.File]::Delete($path) }
  }
}

function Remove-TestDrive {
  $location = $ExecutionContext.SessionState.Path.CurrentLocation
  if ($location.Drive -and $location.Drive.Name -eq 'TestDrive') { Set-Location -LiteralPath $script:Run.StartLocation }
  Remove-PSDrive -Name TestDrive -Scope Global -Force -ErrorAction Ignore
  Remove-Variable -Name TestDrive -Scope Global -ErrorAction Ignore
  if ([System.IO.Directory]::Exists($script:Run.TestDrive)) { [System.IO.Directory]::Delete($script:Run.TestDrive, $true) }
  $script:Run.TestDrive = $null
}
