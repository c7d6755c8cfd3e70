# SPDX-License-Identifier: MIT
@{
  RootModule           = 'BlksnapPS.dll'
  ModuleVersion        = '0.1.0'
  GUID                 = '279da2b0-e3ac-4cbb-af1b-c367906feb29'
  Author               = 'The BlksnapPS authors'
  CompanyName          = 'The BlksnapPS authors'
  Copyright            = 'Copyright (c) 2026 The BlksnapPS authors. MIT License.'
  Description          = 'Consistent snapshots of mounted Linux block devices, and the blocks changed between them, through the blksnap kernel module.'
  PowerShellVersion    = '7.4'
  CompatiblePSEditions = @('Core')
  FormatsToProcess     = @('BlksnapPS.Format.ps1xml', 'BlksnapPS.Changes.Format.ps1xml', 'BlksnapPS.Machine.Format.ps1xml')
  TypesToProcess       = @('BlksnapPS.Types.ps1xml')
  FunctionsToExport    = @()
  VariablesToExport    = @()
  AliasesToExport      = @()
  CmdletsToExport      = @(
    'Add-BlkSimulationDisk'
    'Add-ChangedBlocks'
    'Add-DiffStorage'
    'Disable-DiffStorageAutoExtend'
    'Enable-DiffStorageAutoExtend'
    'Get-BlkSnapshot'
    'Get-BlkSnapshotDriver'
    'Get-BlkSnapshotImage'
    'Get-BlkTracker'
    'Get-ChangedBlocks'
    'Get-DiffStorage'
    'Get-DiffStorageAutoExtend'
    'Invoke-BlkSimulationFault'
    'New-BlkSnapshot'
    'Register-BlkSnapshotEvent'
    'Remove-BlkSnapshot'
    'Remove-BlkTracker'
    'Test-BlkSnapshotSupport'
    'Use-BlkSimulation'
    'Wait-BlkSnapshotEvent'
    'Watch-BlkSnapshot'
    'Write-BlkSimulationDisk'
  )
  PrivateData          = @{
    PSData = @{
      Tags         = @('PSEdition_Core', 'Linux', 'snapshot', 'backup', 'block-device', 'changed-block-tracking')
      ReleaseNotes = 'The first release. The cmdlets need the blksnap kernel module; Test-BlkSnapshotSupport says what a machine lacks.'
    }
  }
}
