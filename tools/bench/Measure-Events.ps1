# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
How long it takes from an event in the kernel until a session has it.

.DESCRIPTION
Takes a snapshot of a disk that asks for storage at the next write after each time that some was added. A program that writes all
the time sees to that, while the session waits, watches or has registered, and adds. Both ends are read from clocks of one base:
an event carries the time at which the kernel made it. Events that came before the session waited for them are left out.

Erases both disks.

.EXAMPLE
./pwshw build.ps1 Vm -File tools/bench/Measure-Events.ps1
#>
param(
  [string] $DevicePath = '/dev/vda',
  [string] $DiffStorage = '/dev/vdb',
  # Events of each kind of waiting.
  [int] $Count = 100
)

$ErrorActionPreference = 'Stop'
$piece = 64KB

# Each write is the first to its block. It goes on as long as the file is there.
$writer = @'
i=0
while [ -e "$0" ] && [ $i -lt 4096 ]; do
  dd if=/dev/zero of="$1" bs=4k seek=$((i * 16)) count=1 oflag=direct conv=notrunc 2>/dev/null
  i=$((i + 1))
  sleep 0.1
done
'@

function Get-Median {
  param([double[]] $Values, [double] $Part = 0.5)
  $sorted = @($Values | Sort-Object)
  $sorted[[int][Math]::Floor(($sorted.Count - 1) * $Part)]
}

# Notes how late an event was, if the session waited for it, and adds storage.
function Add-Sample {
  param([DateTime] $Time)
  $now = [DateTime]::Now
  if ($Time -gt $script:waiting) {
    $script:samples.Add(($now - $Time).TotalMilliseconds)
  }
  Add-DiffStorage $snapshot.Id "$($DiffStorage):$($script:next)+$piece"
  $script:next += $piece
  $script:waiting = [DateTime]::Now
}

foreach ($way in 'Wait-BlkSnapshotEvent', 'Watch-BlkSnapshot', 'Register-BlkSnapshotEvent') {
  $next = 2 * $piece
  $samples = [System.Collections.Generic.List[double]]::new()
  $snapshot = New-BlkSnapshot $DevicePath -DiffStorage "$($DiffStorage):$piece+$piece" -LowSpaceMark 1TB
  $file = [IO.Path]::GetTempFileName()
  [IO.File]::WriteAllText($file, $writer)
  try {
    Start-Process sh -ArgumentList $file, $DevicePath
    $waiting = [DateTime]::Now
    switch ($way) {
      'Wait-BlkSnapshotEvent' {
        while ($samples.Count -lt $Count -and ($received = $snapshot | Wait-BlkSnapshotEvent -Timeout 60)) {
          Add-Sample $received.Time
        }
      }
      'Watch-BlkSnapshot' {
        $null = $snapshot | Watch-BlkSnapshot -Timeout 60 |
          ForEach-Object {
            Add-Sample $_.Time
            if ($samples.Count -ge $Count) { 'enough' }
          } | Select-Object -First 1
      }
      'Register-BlkSnapshotEvent' {
        $snapshot | Register-BlkSnapshotEvent -SourceIdentifier measure
        while ($samples.Count -lt $Count -and ($received = Wait-Event measure -Timeout 60)) {
          Add-Sample $received.SourceEventArgs.Time
          $received | Remove-Event
        }
        Unregister-Event measure
      }
    }
  }
  finally {
    Remove-Item $file
    $snapshot | Remove-BlkSnapshot
  }
  if ($samples.Count -lt $Count) {
    throw "$($way): $($samples.Count) events in place of $Count."
  }
  [pscustomobject]@{
    Way      = $way
    Events   = $samples.Count
    MedianMs = [Math]::Round((Get-Median $samples), 2)
    Part95Ms = [Math]::Round((Get-Median $samples 0.95), 2)
    MaxMs    = [Math]::Round(($samples | Measure-Object -Maximum).Maximum, 2)
  }
}
