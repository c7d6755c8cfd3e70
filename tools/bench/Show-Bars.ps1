# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
Compares a summary of the bench with what this project wants to reach.
#>
param(
  # What Show-Bench.ps1 wrote.
  [Parameter(Mandatory)] [string] $Json
)

$ErrorActionPreference = 'Stop'
$summary = [IO.File]::ReadAllText($Json) | ConvertFrom-Json
$rows = @{}
foreach ($row in @($summary.Cells)) {
  $rows["$($row.Device) $($row.Pattern) $($row.Contestant)"] = $row
}

$script:reached = 0
$script:missed = 0

# A bar is left out when what it needs was not measured.
function Show-Bar {
  param([string] $Text, $Value, [string] $Is, [double] $Bar)
  if ($null -eq $Value) {
    return
  }
  $good = if ($Is -eq 'at least') { $Value -ge $Bar } else { $Value -le $Bar }
  if ($good) { $script:reached++ } else { $script:missed++ }
  Write-Host ('{0,-8} {1,-66} {2,9:0.000}, {3} {4}' -f ($good ? 'reached' : 'MISSED'), $Text, $Value, $Is, $Bar)
}

function Get-Ratio {
  param($Over, $Under)
  if ($Over -and $Under) { $Over / $Under }
}

# The best first touch of dm-snapshot.
function Get-BestPeer {
  param([string] $At)
  $ratios = @($rows.Values | Where-Object { "$($_.Device) $($_.Pattern)" -eq $At -and $_.Contestant -like 'dm-snapshot-*-first' } |
    ForEach-Object { $_.Ratio } | Sort-Object)
  if ($ratios.Count) { $ratios[-1] }
}

$places = [ordered]@{}
foreach ($row in @($summary.Cells)) {
  $places["$($row.Device) $($row.Pattern)"] = $row.Pattern
}
Write-Host ''
foreach ($at in $places.Keys) {
  $pattern = $places[$at]
  $first = $rows["$at first"]
  $floor = $rows["$at floor"]
  $raw = $rows["$at raw"]
  $rawRead = $rows["$at raw-read"]
  Show-Bar "$at, untracked, of raw" $rows["$at untracked"].Ratio 'at least' 0.99
  Show-Bar "$at, tracked, of raw" $rows["$at tracked"].Ratio 'at least' 0.97
  Show-Bar "$at, blocks copied already, of raw" $rows["$at again"].Ratio 'at least' 0.95
  if ($pattern -match '^(rand4k|apart4k|seq1m)' -and $first) {
    $bar = $pattern -match '4k-qd1$' ? 1.6 : 1.3
    Show-Bar "$at, first touch, of the best dm-snapshot" (Get-Ratio $first.Ratio (Get-BestPeer $at)) 'at least' $bar
    if ($pattern -match '4k') {
      Show-Bar "$at, first touch, bytes moved for each written" $first.MovedPerByte 'at most' 3.2
      Show-Bar "$at, first touch, storage for each byte written" $first.UsedPerByte 'at most' 1.1
    }
  }
  if ($pattern -match '^(rand4k|seq1m)-qd1$' -and $first) {
    Show-Bar "$at, first touch, of a read and a write" (Get-Ratio $first.Ratio $floor.Ratio) 'at least' 0.85
    # What the storing takes while the writer goes on is no cost to him, where there is a processor for it.
    Show-Bar "$at, first touch, writer alone, of a read and a write" (Get-Ratio $floor.OwnUsPerTransfer $first.OwnUsPerTransfer) 'at least' 0.85
  }
  if ($pattern -eq 'rand4k-qd1' -and $first -and $rawRead -and $raw) {
    Show-Bar "$at, p99 of first touch, of those of read and write" ($first.P99Us / ($raw.P99Us + $rawRead.P99Us)) 'at most' 2
  }
  if ($pattern -match '^(\w+4k)-4x16$') {
    $one = $at -replace '-4x16$', '-qd16'
    $scaled = Get-Ratio $first.BytesPerSecond $rows["$one first"].BytesPerSecond
    $rawScaled = Get-Ratio $raw.BytesPerSecond $rows["$one raw"].BytesPerSecond
    Show-Bar "$at, first touch, gain by four jobs, of that of raw" (Get-Ratio $scaled $rawScaled) 'at least' 0.9
  }
}

# What the file system takes to come to rest by itself is not the module's.
$freeze = @{}
foreach ($measure in @($summary.Measures) | Where-Object { $_.Subject -eq 'ext4 frozen and thawed, no take' }) {
  $freeze[$measure.Device] = $measure.Value
}
foreach ($measure in @($summary.Measures)) {
  $text = "$($measure.Device) $($measure.Measure), $($measure.Subject)"
  switch -Regex ("$($measure.Measure), $($measure.Subject)") {
    '^image, untouched' { Show-Bar "$text, of original" $measure.Value 'at least' 0.95 }
    '^image, copied' { Show-Bar "$text, of original" $measure.Value 'at least' 0.9 }
    '^image, writer' { Show-Bar $text $measure.Value 'at least' 0.9 }
    '^control, take.*frozen$' { Show-Bar "$text, beyond freezing and thawing alone, ms" ($measure.Value - $freeze[$measure.Device]) 'at most' 50 }
    '^control, create, one of 16 TiB' { Show-Bar "$text, ms" $measure.Value 'at most' 100 }
    '^control, destroy, 16' { Show-Bar "$text, ms" $measure.Value 'at most' 100 }
    '^lasting, fstrim' { Show-Bar "$text, KiB" $measure.Value 'at most' 1024 }
    '^lasting, the same' { Show-Bar "$text, KiB" $measure.Value 'at most' 0 }
    '^lasting, random 8' { Show-Bar $text $measure.Value 'at most' 1.1 }
    '^memory, of the whole' { Show-Bar "$text, %" $measure.Value 'at most' 0.3 }
  }
}
Write-Host "$script:reached bars reached, $script:missed missed"
