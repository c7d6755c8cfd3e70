# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
How long it takes from an event in the kernel until a session has it.

.DESCRIPTION
Takes a snapshot of a disk that asks for storage at the next write after each time that some was added. A program that writes all
the time sees to that, while the session waits, watches or has registered, and adds. Both ends are read from clocks of one base:
an event carries the time at which the kernel made it. Events that came before the session waited for them are left out.

Erases both disks. With -Simulation there are none: that is the way through the library and the engine alone, on this machine.

.EXAMPLE
./pwshw build.ps1 Vm -File tools/bench/Measure-Events.ps1

.EXAMPLE
./pwshw -Command 'Import-Module ./out/module/BlksnapPS/BlksnapPS.psd1; ./tools/bench/Measure-Events.ps1 -Simulation'
#>
param(
  [string] $DevicePath = '/dev/vda',
  [string] $DiffStorage = '/dev/vdb',
  # Events of each kind of waiting.
  [int] $Count = 100,
  [switch] $Simulation
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

# In place of writes: the storage of the simulated disk runs low, again and again, from a thread beside this one.
$trigger = {
  param($machine, $disk, $stop)
  while (-not $stop.IsCancellationRequested) {
    [Threading.Thread]::Sleep(50)
    $machine.Provoke('LowSpace', $disk, [TimeSpan]::Zero)
  }
}

# Begins to write; gives back what ends it.
function Start-Writing {
  if ($machine) {
    $stop = [Threading.CancellationTokenSource]::new()
    $beside = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
    $beside.Open()
    $shell = [powershell]::Create($beside).AddScript($trigger).AddArgument($machine).AddArgument($disk).AddArgument($stop.Token)
    $running = $shell.BeginInvoke()
    return { $stop.Cancel(); $null = $shell.EndInvoke($running); $beside.Dispose() }.GetNewClosure()
  }
  $file = [IO.Path]::GetTempFileName()
  [IO.File]::WriteAllText($file, $writer)
  Start-Process sh -ArgumentList $file, $DevicePath
  { Remove-Item $file }.GetNewClosure()
}

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

function Measure-Way {
  param([string] $way)
  $script:next = 2 * $piece
  $script:samples = [System.Collections.Generic.List[double]]::new()
  $snapshot = New-BlkSnapshot $DevicePath -DiffStorage "$($DiffStorage):$piece+$piece" -LowSpaceMark 1TB
  $end = Start-Writing
  try {
    $script:waiting = [DateTime]::Now
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
          # First out of the queue: while it is in there, the next request takes its place.
          $received | Remove-Event
          Add-Sample $received.SourceEventArgs.Time
        }
        Unregister-Event measure
      }
    }
  }
  finally {
    & $end
    $snapshot | Remove-BlkSnapshot
  }
  if ($samples.Count -lt $Count) {
    throw "$($way): $($samples.Count) events in place of $Count."
  }
  [pscustomobject]@{
    Way      = $way
    Events   = $samples.Count
    MinMs    = [Math]::Round((Get-Median $samples 0), 2)
    MedianMs = [Math]::Round((Get-Median $samples), 2)
    Part95Ms = [Math]::Round((Get-Median $samples 0.95), 2)
    MaxMs    = [Math]::Round((Get-Median $samples 1), 2)
  }
}

$ways = 'Wait-BlkSnapshotEvent', 'Watch-BlkSnapshot', 'Register-BlkSnapshotEvent'
if ($Simulation) {
  Use-BlkSimulation {
    $machine = $args[0]
    $disk, $store = Add-BlkSimulationDisk vda, vdb -Size 512MB
    $DevicePath, $DiffStorage = $disk.DevicePath, $store.DevicePath
    $ways | ForEach-Object { Measure-Way $_ }
  }
}
else {
  $ways | ForEach-Object { Measure-Way $_ }
}
