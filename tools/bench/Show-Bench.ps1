# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
Shows what the bench has recorded as ratios to the bare device, and keeps it as JSON.
#>
param(
  # What the bench program wrote: a JSON object a line.
  [Parameter(Mandatory)] [string] $Records,
  # Where the summary goes.
  [Parameter(Mandatory)] [string] $Json
)

$ErrorActionPreference = 'Stop'

function Get-Median {
  param([double[]] $Values)
  if ($null -eq $Values -or $Values.Count -eq 0) {
    return $null
  }
  $sorted = @($Values | Sort-Object)
  $middle = [int][Math]::Floor($sorted.Count / 2)
  if ($sorted.Count % 2) { $sorted[$middle] } else { ($sorted[$middle - 1] + $sorted[$middle]) / 2 }
}

# Bytes a second of one cell, the old data's way to the storage left out or taken in.
function Get-Rate {
  param($Cell, [switch] $Drained)
  $ns = if ($Drained) { $Cell.drainedNs } else { $Cell.ns }
  $Cell.transfers * $Cell.block * 1e9 / $ns
}

# One row: the medians of all rounds of a contestant. Each round is compared with the bare device in that round.
function Get-Row {
  param($Cells, [hashtable] $RawRates)
  $first = $Cells[0]
  $ratios = @()
  $drained = @()
  foreach ($cell in $Cells) {
    $raw = $RawRates["$($cell.device) $($cell.pattern) $($cell.round)"]
    if ($raw) {
      $ratios += (Get-Rate $cell) / $raw
      $drained += (Get-Rate $cell -Drained) / $raw
    }
  }
  $writes = @($Cells | Where-Object { $_.written -gt 0 })
  [pscustomobject]@{
    Device = $first.device
    Pattern = $first.pattern
    Contestant = $first.contestant
    Rounds = $Cells.Count
    Ratio = Get-Median $ratios
    DrainedRatio = Get-Median $drained
    BytesPerSecond = Get-Median @($Cells | ForEach-Object { Get-Rate $_ })
    P50Us = Get-Median @($Cells | ForEach-Object { $_.p50 / 1000 })
    P99Us = Get-Median @($Cells | ForEach-Object { $_.p99 / 1000 })
    P999Us = Get-Median @($Cells | ForEach-Object { $_.p999 / 1000 })
    MaxUs = Get-Median @($Cells | ForEach-Object { $_.max / 1000 })
    CpuUsPerTransfer = Get-Median @($Cells | ForEach-Object { $_.cpuNs / 1000 / $_.transfers })
    OwnUsPerTransfer = Get-Median @($Cells | ForEach-Object { $_.ownNs / 1000 / $_.transfers })
    MovedPerByte = Get-Median @($writes | ForEach-Object { $_.moved / $_.written })
    UsedPerByte = Get-Median @($writes | Where-Object { $_.used -ge 0 } | ForEach-Object { $_.used / $_.written })
    MemoryBytes = Get-Median @($Cells | ForEach-Object { $_.memory })
  }
}

function Show-Rows {
  param($Rows)
  $line = '{0,-26} {1,7} {2,7} {3,9} {4,9} {5,9} {6,9} {7,8} {8,7} {9,7} {10,8}'
  Write-Host ($line -f '', 'ratio', 'drained', 'MB/s', 'p50 us', 'p99 us', 'p99.9 us', 'cpu us', 'moved', 'storage', 'KiB held')
  foreach ($row in $Rows) {
    Write-Host ($line -f $row.Contestant, ('{0:0.000}' -f $row.Ratio), ('{0:0.000}' -f $row.DrainedRatio),
      ('{0:0.0}' -f ($row.BytesPerSecond / 1e6)), ('{0:0}' -f $row.P50Us), ('{0:0}' -f $row.P99Us), ('{0:0}' -f $row.P999Us),
      ('{0:0.0}' -f $row.CpuUsPerTransfer), ('{0:0.00}' -f $row.MovedPerByte), ('{0:0.00}' -f $row.UsedPerByte),
      ('{0:0}' -f ($row.MemoryBytes / 1024)))
  }
}

$all = @([IO.File]::ReadAllLines($Records) | Where-Object { $_ } | ForEach-Object { $_ | ConvertFrom-Json })
$cells = @($all | Where-Object { $_.kind -eq 'cell' })
$values = @($all | Where-Object { $_.kind -eq 'value' })

$rates = @{}
foreach ($cell in $cells) {
  if ($cell.contestant -eq 'raw') {
    $key = "$($cell.device) $($cell.pattern) $($cell.round)"
    $rates[$key] = @($rates[$key]) + (Get-Rate $cell) | Where-Object { $_ }
  }
}
$rawRates = @{}
foreach ($key in @($rates.Keys)) {
  $rawRates[$key] = Get-Median $rates[$key]
}

# In the order of their first appearance, the bare device on top.
$groups = [ordered]@{}
foreach ($cell in $cells) {
  $key = "$($cell.device) $($cell.pattern)"
  if (-not $groups.Contains($key)) {
    $groups[$key] = [ordered]@{ raw = @() }
  }
  $groups[$key][$cell.contestant] = @($groups[$key][$cell.contestant]) + $cell | Where-Object { $_ }
}

$rows = @()
foreach ($key in $groups.Keys) {
  $some = @()
  foreach ($name in $groups[$key].Keys) {
    if ($groups[$key][$name]) {
      $some += Get-Row @($groups[$key][$name]) $rawRates
    }
  }
  $some = @($some | Sort-Object { $_.Contestant -like '*dm-*' }, { $_.Contestant -like 'other-*' } -Stable)
  Write-Host ''
  Write-Host $key
  Show-Rows $some
  $rows += $some
}

$measures = @()
if ($values) {
  $kinds = [ordered]@{}
  foreach ($value in $values) {
    $key = "$($value.device) $($value.measure) $($value.subject)"
    $kinds[$key] = @($kinds[$key]) + $value | Where-Object { $_ }
  }
  Write-Host ''
  foreach ($key in $kinds.Keys) {
    $some = @($kinds[$key])
    $measure = [pscustomobject]@{
      Device = $some[0].device
      Measure = $some[0].measure
      Subject = $some[0].subject
      Rounds = $some.Count
      Value = Get-Median @($some | ForEach-Object { $_.value })
      Unit = $some[0].unit
    }
    $measures += $measure
    Write-Host ('{0,-8} {1,-12} {2,-44} {3,12:0.###} {4}' -f $measure.Device, $measure.Measure, $measure.Subject, $measure.Value, $measure.Unit)
  }
}

[IO.File]::WriteAllText($Json, ([ordered]@{ Cells = $rows; Measures = $measures } | ConvertTo-Json -Depth 5))
& "$PSScriptRoot/Show-Bars.ps1" -Json $Json
