# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
A backup runbook: block copies of mounted devices, full the first time, then only what has changed.

.DESCRIPTION
Takes one snapshot of all devices, brings the copy of each in the destination up to date, and removes the snapshot.
How far the copies are is kept beside them in marks.json. If the tracking of a device has begun anew since (a restart,
for example), its copy is made in full again.

.EXAMPLE
./examples/Backup.ps1 -DevicePath /dev/vda, /dev/vdb1 -Destination /srv/backup -DiffStorage /dev/vdc
#>
param(
  [Parameter(Mandatory)] [string[]] $DevicePath,
  [Parameter(Mandatory)] [string] $Destination,
  [Parameter(Mandatory)] [string[]] $DiffStorage,
  # Use a storage device that carries a file system, or old blocks of an earlier snapshot that look like one.
  [switch] $Force
)

$ErrorActionPreference = 'Stop'

function Copy-Range {
  param([IO.FileStream] $From, [IO.FileStream] $To, [long] $Offset, [long] $Length, [byte[]] $Buffer)
  $From.Position = $Offset
  $To.Position = $Offset
  while ($Length -gt 0) {
    $read = $From.Read($Buffer, 0, [Math]::Min($Length, $Buffer.Length))
    if ($read -le 0) {
      throw "$($From.Name) ended early."
    }
    $To.Write($Buffer, 0, $read)
    $Length -= $read
  }
}

$marksPath = "$Destination/marks.json"
$marks = @{}
if (Test-Path $marksPath) {
  foreach ($mark in @(Get-Content $marksPath -Raw | ConvertFrom-Json)) {
    $marks[$mark.DevicePath] = $mark
  }
}

$snapshot = New-BlkSnapshot -DevicePath $DevicePath -DiffStorage $DiffStorage -Force:$Force
try {
  $trackers = @(Get-BlkTracker -DevicePath $DevicePath)
  $buffer = [byte[]]::new(1MB)
  foreach ($image in $snapshot.Images) {
    $device = $image.DevicePath
    $tracker = @($trackers | Where-Object DevicePath -EQ $device)[0]
    $copy = "$Destination/$($device.TrimStart('/').Replace('/', '-')).img"
    $mark = $marks[$device]
    $incremental = $mark -and (Test-Path $copy) -and [guid]$mark.Generation -eq $tracker.Generation
    if ($incremental) {
      $ranges = @(Get-ChangedBlocks $device -Since $mark)
    }
    else {
      $ranges = @(@{ Offset = 0L; Length = [long]$image.Size })
    }
    $from = [IO.FileStream]::new($image.ImagePath, 'Open', 'Read', 'ReadWrite', 0)
    $to = [IO.FileStream]::new($copy, 'OpenOrCreate', 'Write', 'ReadWrite', 0)
    $copied = 0L
    try {
      foreach ($range in $ranges) {
        Copy-Range $from $to $range.Offset $range.Length $buffer
        $copied += $range.Length
      }
      $to.Flush($true)
    }
    finally {
      $from.Dispose()
      $to.Dispose()
    }
    [pscustomobject]@{
      DevicePath = $device
      Copy       = $copy
      Kind       = $incremental ? 'Incremental' : 'Full'
      Copied     = $copied
      Size       = [long]$image.Size
    }
  }
  # Only now: a copy that broke off is repeated from the mark before.
  $now = @($trackers | ForEach-Object {
      @{ DevicePath = $_.DevicePath; Generation = "$($_.Generation)"; SnapshotNumber = [int]$_.SnapshotNumber }
    })
  ConvertTo-Json -InputObject $now | Set-Content $marksPath
}
finally {
  $snapshot | Remove-BlkSnapshot
}
