# SPDX-License-Identifier: MIT
# What the tests share. Each file loads it in BeforeAll: . $PSScriptRoot/Common.ps1
#
# The tests change and erase disks. They run as root inside a virtual machine only, and take
# everything they need to know from the environment:
#   BLKSNAP_TEST_DISKS  empty scratch disks, separated by a space; four at least, of 320 MiB or more
#   BLKSNAP_MODULE_KO   the kernel module, to load it again where a test unloads it
#   BLKSNAP_PS_MODULE   the manifest of the cmdlets, where they are not imported yet

# The behaviour is tested on the simulation too, by the files that say so: BLKSNAP_TEST_SIMULATION is set then, the disks are
# those of the simulation, and tests with the tag Kernel are left out.
$Simulated = [bool]$env:BLKSNAP_TEST_SIMULATION

if (-not $env:BLKSNAP_TEST_DISKS) {
  throw 'BLKSNAP_TEST_DISKS is not set: these tests erase disks and run in the virtual machine only.'
}

if (-not (Get-Command New-BlkSnapshot -ErrorAction Ignore)) {
  Import-Module $env:BLKSNAP_PS_MODULE
}

$TestDisks = @($env:BLKSNAP_TEST_DISKS -split ' ' | Where-Object { $_ })
if ($TestDisks.Count -lt 4) {
  throw "Four scratch disks are needed, there are $($TestDisks.Count)."
}

# Programs that fail are part of tests; whoever has this set runs them all the same.
$PSNativeCommandUseErrorActionPreference = $false

$MountRoot = '/run/blksnap-tests'
# Room for files. That of a simulation goes with it.
$TestFolder = $Simulated ? (Split-Path $TestDisks[0]) : '/run'
$FileSystemMark = "$MountRoot.made"

# A shell command that has to succeed; gives back what it printed.
function Invoke-Shell {
  param([string] $Command)
  $output = sh -c "$Command" 2>&1
  if ($LASTEXITCODE -ne 0) {
    throw "exit code $($LASTEXITCODE): $($Command)`n$($output -join "`n")"
  }
  $output
}

# Whether a shell command succeeds; what it prints is dropped.
function Test-Shell {
  param([string] $Command)
  $null = sh -c "$Command" 2>&1
  $LASTEXITCODE -eq 0
}

# Ends what a test has left behind, so that the next one starts from nothing. Programs are slow to start under
# emulation and this runs before every test, so it looks before it acts.
function Reset-TestState {
  if ([System.IO.File]::ReadAllText('/proc/self/mountinfo').Contains(" $MountRoot/")) {
    $null = Invoke-Shell "grep -o ' $MountRoot/[^ ]*' /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l"
  }
  Get-BlkSnapshot | Remove-BlkSnapshot -Force -Confirm:$false
  Get-BlkTracker | Remove-BlkTracker -Confirm:$false
  if (Test-Path $FileSystemMark) {
    # The signatures go, so that the disks may serve as difference storage again.
    $null = Invoke-Shell "for disk in $TestDisks; do dd if=/dev/zero of=`$disk bs=128k count=1 2>/dev/null && blockdev --flushbufs `$disk; done; rm $FileSystemMark"
  }
}

function New-TestFileSystem {
  param([string] $Type, [string] $Device, [string] $Size = '')
  $force = if ($Type -eq 'xfs') { '-f' } else { '-F' }
  $null = Invoke-Shell "touch $FileSystemMark; mkfs.$Type -q $force $Device $Size"
}

function Mount-TestDevice {
  param([string] $Device, [string] $Name, [string] $Options = 'defaults')
  $folder = "$MountRoot/$Name"
  $null = Invoke-Shell "mkdir -p $folder && mount -o $Options $Device $folder"
  $folder
}

function Dismount-TestDevice {
  param([string] $Folder)
  $null = Invoke-Shell "umount $Folder"
}

# Some hundred files of different sizes, none of them compressible.
function New-TestTree {
  param([string] $Folder, [int] $Files = 100)
  $null = Invoke-Shell ("mkdir -p $Folder/a $Folder/b/c && i=0; while [ `$i -lt $Files ]; do " +
    "dd if=/dev/urandom of=$Folder/a/`$i bs=1000 count=`$((i % 40 + 1)) 2>/dev/null; i=`$((i+1)); done; " +
    "dd if=/dev/urandom of=$Folder/b/c/large bs=64k count=48 2>/dev/null; sync")
}

# One text for all contents of a folder: a checksum and a name on each line.
function Get-TreeChecksum {
  param([string] $Folder)
  (Invoke-Shell "cd $Folder && find . -type f | LC_ALL=C sort | xargs -r sha256sum") -join "`n"
}

# Checksum of a range of a device, past the page cache.
function Get-DeviceChecksum {
  param([string] $Device, [int] $MiB, [int] $SkipMiB = 0)
  $direct = $Simulated ? '' : 'iflag=direct'
  (Invoke-Shell "dd if=$Device bs=1M skip=$SkipMiB count=$MiB $direct 2>/dev/null | sha256sum") -join ''
}

function Write-RandomData {
  param([string] $Device, [int] $MiB, [int] $SeekMiB = 0)
  if ($Simulated) {
    Write-BlkSimulationDisk $Device -Offset ($SeekMiB * 1MB) -Length ($MiB * 1MB)
    return
  }
  $null = Invoke-Shell "dd if=/dev/urandom of=$Device bs=1M seek=$SeekMiB count=$MiB oflag=direct conv=notrunc 2>/dev/null"
}

function Write-RandomSector {
  param([string] $Device, [long] $Sector)
  if ($Simulated) {
    Write-BlkSimulationDisk $Device -Offset (512 * $Sector) -Length 512
    return
  }
  $null = Invoke-Shell "dd if=/dev/urandom of=$Device bs=512 seek=$Sector count=1 oflag=direct conv=notrunc 2>/dev/null"
}

function Get-DeviceSize {
  param([string] $Device)
  [long]($Simulated ? (Get-Item $Device).Length : ((Invoke-Shell "blockdev --getsize64 $Device") -join ''))
}

function Get-ModuleParameter {
  param([string] $Name)
  (Invoke-Shell "cat /sys/module/blksnap/parameters/$Name") -join ''
}

function Set-ModuleParameter {
  param([string] $Name, [string] $Value)
  $null = Invoke-Shell "echo $Value > /sys/module/blksnap/parameters/$Name"
}

# Repeats a condition until it holds; the limit only bounds a hang.
function Wait-Until {
  param([scriptblock] $Condition, [int] $Seconds = 300)
  $limit = [DateTime]::UtcNow.AddSeconds($Seconds)
  while ([DateTime]::UtcNow -lt $limit) {
    if (& $Condition) {
      return $true
    }
    Start-Sleep -Milliseconds 200
  }
  $false
}

if (-not $Simulated) {
  $null = Invoke-Shell "mkdir -p $MountRoot"
}

# The first error that a script block gives, terminating or not.
function Get-TestError {
  param([scriptblock] $Script)
  $ErrorActionPreference = 'Stop'
  try {
    $null = & $Script
  }
  catch {
    return $_
  }
  throw "There was no error: $Script"
}
