# SPDX-License-Identifier: MIT
@{
  RootModule           = 'BlksnapPS.dll'
  ModuleVersion        = '0.1.0'
  GUID                 = '279da2b0-e3ac-4cbb-af1b-c367906feb29'
  Author               = 'The BlksnapPS authors'
  CompanyName          = 'The BlksnapPS authors'
  Copyright            = 'Copyright (c) 2026 The BlksnapPS authors. MIT License.'
  Description          = 'Consistent snapshots of mounted Linux block devices, and the blocks changed between them, through the blksnap kernel module.'
  PowerShellVersion    = '7.6'
  CompatiblePSEditions = @('Core')
  FormatsToProcess     = @('BlksnapPS.Format.ps1xml')
  FunctionsToExport    = @()
  VariablesToExport    = @()
  AliasesToExport      = @()
  CmdletsToExport      = @(
    'Add-ChangedBlocks'
    'Add-DiffStorage'
    'Get-BlkSnapshot'
    'Get-BlkSnapshotDriver'
    'Get-BlkSnapshotImage'
    'Get-BlkTracker'
    'Get-ChangedBlocks'
    'Get-DiffStorage'
    'New-BlkSnapshot'
    'Register-BlkSnapshotEvent'
    'Remove-BlkSnapshot'
    'Remove-BlkTracker'
    'Wait-BlkSnapshotEvent'
  )
  PrivateData          = @{
    PSData = @{
      Tags = @('Linux', 'snapshot', 'backup', 'block-device', 'changed-block-tracking')
    }
  }
}
