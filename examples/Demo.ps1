# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
The main job from end to end, on a real kernel: run it with  ./pwshw build.ps1 Demo

.DESCRIPTION
Two mounted file systems on two disks, one snapshot of both, an incremental backup, and a snapshot that is rescued when
its storage runs low. Every command is printed as a user would type it, with its answer; every claim is checked.
It erases the disks /dev/vda to /dev/vdd and so runs inside the virtual machine only. Exit code 0, or 1 if a check failed.
#>
param(
  [string] $ModulePath = "$PSScriptRoot/../out/module/BlksnapPS/BlksnapPS.psd1",
  # Where tools/demo/collect has put real files of this machine.
  [string] $TreePath = "$PSScriptRoot/../out/demo"
)

$ErrorActionPreference = 'Stop'
# Exit codes are looked at where they mean something.
$PSNativeCommandUseErrorActionPreference = $false
if ($env:BLKSNAP_GUEST -ne '1') {
  Write-Host 'The demo erases disks. Run it in the virtual machine: ./pwshw build.ps1 Demo'
  exit 1
}

$checks = 0
$failed = @()
$clock = [Diagnostics.Stopwatch]::StartNew()

function Write-Part {
  param([string] $Text)
  Write-Host ''
  Write-Host ('--- {0} [{1:0} s]' -f $Text, $clock.Elapsed.TotalSeconds)
}

# Prints a command, runs it and prints its answer. Called as `. Show { ... }`, so that it runs in the caller's scope
# and its variables stay, as they would at a prompt.
function Show {
  param([scriptblock] $Typed)
  # Without the indentation that it has in this file.
  $lines = $Typed.ToString().Trim() -split "`n" -replace '^    (?=  |\})'
  Write-Host "PS> $($lines -join "`n    ")"
  $global:LASTEXITCODE = 0
  $began = $clock.Elapsed
  . $Typed | Out-Host
  $took = ($clock.Elapsed - $began).TotalSeconds
  if ($took -ge 5) {
    Write-Host ('  ({0:0} s)' -f $took)
  }
  if ($LASTEXITCODE) {
    throw "the command above ended with exit code $LASTEXITCODE"
  }
}

function Confirm-That {
  param([string] $Claim, [bool] $Holds)
  $script:checks++
  if ($Holds) {
    Write-Host "  ok: $Claim"
  }
  else {
    $script:failed += $Claim
    Write-Host "  FAILED: $Claim"
  }
}

# Runs a shell command that is no part of what is shown; gives back what it prints.
function Invoke-Quiet {
  param([string] $Command)
  $answer = sh -c $Command 2>&1
  if ($LASTEXITCODE) {
    throw "exit code $($LASTEXITCODE): $Command`n$($answer -join "`n")"
  }
  $answer -join "`n"
}

function Test-Quiet {
  param([string] $Command)
  $null = sh -c $Command 2>&1
  $LASTEXITCODE -eq 0
}

try {
  Write-Host "Linux $(Invoke-Quiet 'uname -r'), PowerShell $($PSVersionTable.PSVersion)"

  Write-Part '1. ext4 on one disk, xfs on a partition of another, both with real files; a third disk for the difference storage'
  . Show { mkfs.ext4 -q /dev/vda }
  . Show { 'start=1MiB' | sfdisk -q --label gpt /dev/vdb }
  . Show { mkfs.xfs -q /dev/vdb1 }
  . Show { mkdir -p /srv/files /srv/data /srv/backup /mnt/files /mnt/data }
  . Show { mount /dev/vda /srv/files }
  . Show { mount /dev/vdb1 /srv/data }
  $null = Invoke-Quiet 'mkfs.ext4 -q /dev/vdd && mount /dev/vdd /srv/backup'
  . Show { tar -xf $TreePath/files.tar -C /srv/files }
  . Show { tar -xf $TreePath/data.tar -C /srv/data }
  . Show { bash -c 'cd /srv && find files data -type f -print0 | xargs -0 -n 300 -P 2 sha256sum >/tmp/before.sha256' }
  . Show { df -h /srv/files /srv/data }
  $files = [int](Invoke-Quiet 'wc -l </tmp/before.sha256')
  $bytes = [long](Invoke-Quiet "find /srv/files /srv/data -type f -printf '%s\n' | awk '{ s += `$1 } END { printf `"%d`", s }'")
  Confirm-That ('{0:N0} files with {1:N0} MB, at least 5,000 and 200 MB' -f $files, ($bytes / 1e6)) ($files -ge 5000 -and $bytes -ge 200e6)

  Write-Part '2. One snapshot of both'
  . Show { Import-Module $ModulePath }
  . Show { Get-BlkSnapshotDriver }
  . Show { $first = New-BlkSnapshot -DevicePath /dev/vda, /dev/vdb1 -DiffStorage /dev/vdc }
  . Show { $first }
  . Show { $first | Get-BlkSnapshotImage }
  Confirm-That 'the snapshot is taken and has two images' ("$($first.State)" -eq 'Taken' -and @($first.Images).Count -eq 2)
  . Show { $tokens = $first.Images.ChangeToken }
  . Show { $tokens }

  Write-Part '3. The live file systems are overwritten, deleted from, appended to, trimmed'
  $null = Invoke-Quiet 'find /srv/files /srv/data -type f >/tmp/all.list'
  . Show { awk 'NR % 24 == 0' /tmp/all.list | xargs -d '\n' shred -n 1 -x }
  . Show { awk 'NR % 24 == 1' /tmp/all.list | xargs -d '\n' rm }
  . Show { awk 'NR % 24 == 2' /tmp/all.list | xargs -d '\n' truncate -s +5000 }
  . Show { sync }
  . Show { fstrim -v /srv/files; fstrim -v /srv/data }
  . Show { Get-DiffStorage -Id $first.Id }
  Confirm-That 'the live files differ from the list' (-not (Test-Quiet 'cd /srv && head -n 200 /tmp/before.sha256 | sha256sum --status -c'))

  Write-Part '4. The images, mounted read-only, still hold every file as it was'
  $filesImage = @($first.Images | Where-Object DevicePath -EQ '/dev/vda')[0].ImagePath
  $dataImage = @($first.Images | Where-Object DevicePath -EQ '/dev/vdb1')[0].ImagePath
  . Show { mount -o ro $filesImage /mnt/files }
  . Show { mount -o ro,nouuid,norecovery $dataImage /mnt/data }
  . Show { bash -c 'cd /mnt && sha256sum --quiet -c /tmp/before.sha256 && find files data -type f | wc -l' }
  Confirm-That "the SHA-256 of all $files files equals the list made before, and there is no other file" (
    [int](Invoke-Quiet 'find /mnt/files /mnt/data -type f | wc -l') -eq $files)
  . Show { umount /mnt/files /mnt/data }

  Write-Part '5. A full copy of the first snapshot, then only the changed blocks of a second one'
  . Show { dd if=$filesImage of=/srv/backup/files.img bs=1M conv=sparse status=none }
  . Show { dd if=$dataImage of=/srv/backup/data.img bs=1M conv=sparse status=none }
  . Show { $first | Remove-BlkSnapshot }
  . Show { cp /tmp/before.sha256 /tmp/all.list /srv/files }
  . Show { dd if=/dev/urandom of=/srv/data/new bs=1M count=8 status=none }
  . Show { sync }
  . Show { $second = New-BlkSnapshot /dev/vda, /dev/vdb1 -DiffStorage /dev/vdc }
  . Show {
    function Copy-ChangedBlock {
      param($ImagePath, $CopyPath, [Parameter(ValueFromPipeline)] $Range)
      begin {
        $from = [IO.FileStream]::new($ImagePath, 'Open', 'Read', 'ReadWrite', 0)
        $to = [IO.FileStream]::new($CopyPath, 'Open', 'Write', 'ReadWrite', 0)
        $buffer = [byte[]]::new(1MB)
      }
      process {
        $from.Position = $to.Position = $Range.Offset
        for ($left = $Range.Length; $left -gt 0; $left -= $read) {
          $read = $from.Read($buffer, 0, [Math]::Min($left, $buffer.Length))
          if ($read -le 0) { throw "$ImagePath ended early" }
          $to.Write($buffer, 0, $read)
        }
        $Range.Length
      }
      end { $from.Dispose(); $to.Dispose() }
    }
  }
  $copied = 0L
  $full = 0L
  foreach ($pair in @(@('/dev/vda', '/srv/backup/files.img'), @('/dev/vdb1', '/srv/backup/data.img'))) {
    $device, $copy = $pair
    $image = @($second.Images | Where-Object DevicePath -EQ $device)[0]
    $imagePath = $image.ImagePath
    . Show { $lengths = Get-ChangedBlocks $device -Since $tokens | Copy-ChangedBlock $imagePath $copy }
    . Show { cmp $imagePath $copy }
    Confirm-That "the copy of $device equals its second image byte for byte" ($LASTEXITCODE -eq 0)
    foreach ($length in $lengths) {
      $copied += $length
    }
    $full += $image.Size
  }
  $share = '{0:N1} MB in changed blocks were copied, of {1:N1} MB in full ({2:P0})' -f ($copied / 1e6), ($full / 1e6), ($copied / $full)
  Confirm-That $share ($copied -gt 0 -and $copied -lt $full)
  . Show { $second | Remove-BlkSnapshot }

  Write-Part '6. Too little difference storage, on purpose: an event handler adds some and the snapshot survives'
  . Show { $third = New-BlkSnapshot /dev/vda -DiffStorage /dev/vdc:0+24MiB }
  $thirdImage = $third.Images[0].ImagePath
  $null = Invoke-Quiet "dd if=$thirdImage of=/srv/backup/third.img bs=1M conv=sparse status=none"
  . Show { $null = $third | Wait-BlkSnapshotEvent -Timeout 10 }
  . Show {
    $null = $third | Register-BlkSnapshotEvent -EventName LowSpace -SourceIdentifier LowSpace -MaxTriggerCount 1 -Action {
      Add-DiffStorage -Id $Event.SourceEventArgs.SnapshotId -Path /dev/vdc:64MiB+256MiB -Force
      $global:delivered = $Event.SourceEventArgs
    }
  }
  . Show {
    foreach ($i in 0..9) {
      dd if=/dev/urandom of=/srv/files/written bs=1M seek=$(4 * $i) count=4 conv=notrunc,fsync status=none
      Start-Sleep -Milliseconds 200
    }
  }
  . Show { $global:delivered }
  . Show { $third | Get-DiffStorage }
  $storage = $third | Get-DiffStorage
  Confirm-That 'the low-space event was delivered in the background' ($null -ne $global:delivered)
  Confirm-That ('{0:N0} MB were needed, more than the 24 MiB the snapshot began with' -f ($storage.Used / 1e6)) ($storage.Used -gt 24MB)
  Confirm-That 'the snapshot survived' ("$((Get-BlkSnapshot -Id $third.Id).State)" -eq 'Taken')
  $null = Invoke-Quiet "blockdev --flushbufs $thirdImage"
  Confirm-That 'its image has not changed since' (Test-Quiet "cmp $thirdImage /srv/backup/third.img")

  Write-Part '7. Everything is removed; the live file systems are sound'
  . Show { Get-BlkSnapshot | Remove-BlkSnapshot }
  Confirm-That 'no snapshot is left' (@(Get-BlkSnapshot).Count -eq 0)
  . Show { umount /srv/files /srv/data }
  . Show { fsck.ext4 -f -n /dev/vda }
  Confirm-That 'fsck finds nothing' ($LASTEXITCODE -eq 0)
  . Show { bash -c 'xfs_repair -n /dev/vdb1 2>&1 | tail -n 3; exit ${PIPESTATUS[0]}' }
  Confirm-That 'xfs_repair finds nothing' ($LASTEXITCODE -eq 0)
}
catch {
  $failed += "$($_.Exception.Message)"
  Write-Host "  FAILED: $($_.Exception.Message)"
  Write-Host "  $($_.InvocationInfo.PositionMessage)"
}

Write-Host ''
Write-Host '--- Summary'
if ($share) {
  Write-Host "  $($files) files; $share"
}
Write-Host ('  {0} checks, {1} failed, {2:0} s' -f $checks, $failed.Count, $clock.Elapsed.TotalSeconds)
if ($failed) {
  foreach ($claim in $failed) {
    Write-Host "  FAILED: $claim"
  }
  exit 1
}
Write-Host '  The demo succeeded.'
exit 0
