# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
How long Ctrl+C takes.

.DESCRIPTION
Runs commands in a session of their own and stops each the way a host does at Ctrl+C while it waits: for events that do not come, or
for a take that does not end, since a write under way before it does not: its disk is suspended. What is measured is the time from
the stop until the session can be used again.

Erases both disks.

.EXAMPLE
./pwshw build.ps1 Vm -File tools/bench/Measure-Stop.ps1
#>
param(
  [string] $DevicePath = '/dev/vda',
  [string] $DiffStorage = '/dev/vdb',
  # Stops of each command.
  [int] $Count = 20
)

$ErrorActionPreference = 'Stop'
$module = (Get-Module BlksnapPS).Path
$slow = '/dev/mapper/measure_stop'

function Invoke-Tool {
  param([string] $Line)
  & sh -c $Line
  if ($LASTEXITCODE -ne 0) {
    throw "'$Line' failed with exit code $LASTEXITCODE."
  }
}

# A session with the commands in it, beside this one.
function New-Session {
  $state = [initialsessionstate]::CreateDefault2()
  $state.ImportPSModule($module)
  $runspace = [runspacefactory]::CreateRunspace($state)
  $runspace.Open()
  $runspace
}

# Milliseconds until a command that waits has been stopped.
function Measure-Wait {
  param([string] $Text)
  $shell = [powershell]::Create($session).AddScript($Text)
  $running = $shell.BeginInvoke()
  # Until it waits.
  Start-Sleep -Seconds 1
  if ($running.IsCompleted) {
    throw "'$Text' did not wait: $($shell.Streams.Error)"
  }
  $clock = [Diagnostics.Stopwatch]::StartNew()
  $shell.Stop()
  $clock.Stop()
  if ("$($shell.InvocationStateInfo.State)" -ne 'Stopped') {
    throw "'$Text' was not stopped: $($shell.InvocationStateInfo.State)."
  }
  $shell.Dispose()
  $clock.Elapsed.TotalMilliseconds
}

function Get-Figure {
  param([string] $Command, [string] $During, [double[]] $Values)
  $sorted = @($Values | Sort-Object)
  [pscustomobject]@{
    Command  = $Command
    During   = $During
    Stops    = $sorted.Count
    MedianMs = [Math]::Round($sorted[[int][Math]::Floor(($sorted.Count - 1) / 2)], 1)
    MaxMs    = [Math]::Round($sorted[-1], 1)
  }
}

# A write under way, which a take has to wait for.
function Suspend-Disk {
  Invoke-Tool "dmsetup suspend --nolockfs measure_stop; dd if=/dev/zero of=$slow bs=4k count=1 oflag=direct 2>/dev/null &"
  Start-Sleep -Milliseconds 500
}

$take = "New-BlkSnapshot $slow -DiffStorage $DiffStorage"
$session = New-Session
$beside = New-Session
Invoke-Tool "dmsetup create measure_stop --table ""0 `$(blockdev --getsz $DevicePath) linear $DevicePath 0"""
# Where no udev does it.
Invoke-Tool 'dmsetup mknodes measure_stop'
try {
  $snapshot = New-BlkSnapshot $slow -DiffStorage $DiffStorage
  # What there was to tell before.
  $null = $snapshot | Wait-BlkSnapshotEvent -Timeout 1
  foreach ($command in 'Wait-BlkSnapshotEvent', 'Watch-BlkSnapshot') {
    Get-Figure $command 'nothing' @(1..$Count | ForEach-Object { Measure-Wait "$command $($snapshot.Id)" })
  }
  $snapshot | Remove-BlkSnapshot

  Get-Figure 'New-BlkSnapshot' 'its own take' @(1..$Count | ForEach-Object {
      Suspend-Disk
      Measure-Wait $take
      Invoke-Tool 'dmsetup resume measure_stop'
      # What was stopped comes to its end, and is undone.
      while (Get-BlkSnapshot) {
        Start-Sleep -Milliseconds 100
      }
    })

  foreach ($command in 'Get-BlkSnapshot', 'Get-BlkSnapshotImage', 'Get-DiffStorage', 'Watch-BlkSnapshot') {
    Get-Figure $command 'a take' @(1..$Count | ForEach-Object {
        Suspend-Disk
        $shell = [powershell]::Create($beside).AddScript($take)
        $running = $shell.BeginInvoke()
        Start-Sleep -Seconds 1
        Measure-Wait $command
        Invoke-Tool 'dmsetup resume measure_stop'
        $shell.EndInvoke($running) | Remove-BlkSnapshot
        $shell.Dispose()
      })
  }
}
finally {
  $session.Dispose()
  $beside.Dispose()
  $null = sh -c 'dmsetup resume measure_stop; dmsetup remove --retry measure_stop; dmsetup mknodes' 2>&1
}
