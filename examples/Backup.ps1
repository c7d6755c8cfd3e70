# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
A backup runbook: block copies of mounted devices, full the first time, then only what has changed.

.DESCRIPTION
Takes one snapshot of all devices, brings the copy of each in the destination up to date, and removes the snapshot.
Beside each copy lies its token, which says how far it is. It is written once the copy is complete and on the disk: a full copy
that broke off has none and is made again in full, an increment that broke off is repeated from the token before. Where the
history of changes does not reach back to the token (a restart, for example), or the token is damaged, the copy is made in full again.

.EXAMPLE
./examples/Backup.ps1 -DevicePath /dev/vda, /dev/vdb1 -Destination /srv/backup -DiffStorage /dev/vdc
#>
param(
  [Parameter(Mandatory)] [string[]] $DevicePath,
  [Parameter(Mandatory)] [string] $Destination,
  [Parameter(Mandatory)] [string[]] $DiffStorage
)

$ErrorActionPreference = 'Stop'

# .NET knows nothing of the location of a session. A folder that is missing shows here, before anything is done.
$Destination = (Resolve-Path -LiteralPath $Destination).ProviderPath

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

# Contents on the disk before the command ends. A file that was not written to its end is no token, so nothing has to be renamed.
function Write-Durable {
  param([string] $Path, [string] $Text)
  $file = [IO.FileStream]::new($Path, 'Create', 'Write')
  try {
    $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
    $file.Write($bytes, 0, $bytes.Length)
    $file.Flush($true)
  }
  finally {
    $file.Dispose()
  }
}

# The token of a copy; nothing if the copy is not whole. What is left of a damaged file may be JSON of any kind, and who calls this may
# have strict mode on: a property is asked for before it is read.
function Read-Token {
  param([string] $Path, [string] $Copy)
  if ((Test-Path -LiteralPath $Path) -and (Test-Path -LiteralPath $Copy)) {
    try {
      $token = Get-Content -LiteralPath $Path -Raw | ConvertFrom-Json
    }
    catch {
      return
    }
    if ($null -eq $token) {
      return
    }
    $generation = $token.PSObject.Properties['Generation']
    $size = $token.PSObject.Properties['Size']
    if ($generation -and $generation.Value -and $size -and $size.Value -eq (Get-Item -LiteralPath $Copy).Length) {
      $token
    }
  }
}

$snapshot = New-BlkSnapshot -DevicePath $DevicePath -DiffStorage $DiffStorage
try {
  $buffer = [byte[]]::new(1MB)
  foreach ($image in $snapshot.Images) {
    $device = $image.DevicePath
    $copy = "$Destination/$($device.TrimStart('/').Replace('/', '-')).img"
    $tokenPath = "$copy.token"
    $ranges = $null
    if ($token = Read-Token $tokenPath $copy) {
      try {
        $ranges = @(Get-ChangedBlocks $device -Since $token)
      }
      catch {
        # With a token that is damaged, or older than the history, there is nothing to go on from.
        if ($_.FullyQualifiedErrorId -like 'ChangeTokenInvalid,*') {
          Write-Warning "$tokenPath is damaged, so a full backup of $device is made. $($_.Exception.Message)"
        }
        elseif ($_.FullyQualifiedErrorId -like 'ChangedBlocks*') {
          Write-Warning $_.Exception.Message
        }
        else {
          throw
        }
      }
    }
    $kind = 'Incremental'
    if ($null -eq $ranges) {
      $kind = 'Full'
      $ranges = @(@{ Offset = 0L; Length = [long]$image.Size })
      # From here on the copy is neither the old nor the new one.
      Write-Durable $tokenPath 'A full copy was begun.'
    }
    $from = [IO.FileStream]::new($image.ImagePath, 'Open', 'Read', 'ReadWrite', 0)
    $to = [IO.FileStream]::new($copy, 'OpenOrCreate', 'Write', 'ReadWrite', 0)
    $copied = 0L
    try {
      $to.SetLength($image.Size)
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
    Write-Durable $tokenPath (ConvertTo-Json $image.ChangeToken)
    [pscustomobject]@{
      DevicePath = $device
      Copy       = $copy
      Kind       = $kind
      Copied     = $copied
      Size       = [long]$image.Size
    }
  }
}
finally {
  $snapshot | Remove-BlkSnapshot
}
