# SPDX-License-Identifier: MIT

Describe 'The README' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $root = (Resolve-Path "$PSScriptRoot/../..").ProviderPath
    Reset-TestState

    # Commands in their order, each with the answer that the page shows.
    $typed = @()
    $inBlock = $false
    foreach ($line in [IO.File]::ReadAllLines("$root/README.md")) {
      if ($line.StartsWith('```')) {
        $inBlock = $line -eq '```powershell'
      }
      elseif ($inBlock -and $line.StartsWith('PS> ')) {
        $typed += @{ Command = $line.Substring(4); Answer = '' }
      }
      elseif ($inBlock) {
        $typed[-1].Answer += $line.Trim()
      }
    }
  }

  AfterAll {
    $null = sh -c 'umount /mnt/before /srv/live' 2>&1
    Reset-TestState
    $null = sh -c 'rm -rf /backup' 2>&1
  }

  It 'shows a session and a backup script' {
    $typed.Count | Should -BeGreaterThan 10
    $typed.Command -match 'New-BlkSnapshot' | Should -Not -BeNullOrEmpty
    $typed.Command -match 'Get-ChangedBlocks' | Should -Not -BeNullOrEmpty
    $typed.Command -match 'Backup.ps1' | Should -HaveCount 2
  }

  It 'shows commands that run, and answer where the page shows an answer' {
    Push-Location $root
    try {
      foreach ($entry in $typed) {
        $global:LASTEXITCODE = 0
        $answer = (. ([scriptblock]::Create($entry.Command)) | Out-String).Trim()
        $LASTEXITCODE | Should -Be 0 -Because $entry.Command
        [bool]$answer | Should -Be ([bool]$entry.Answer) -Because $entry.Command
      }
    }
    finally {
      Pop-Location
    }
    Get-BlkSnapshot | Should -BeNullOrEmpty
    # The copy is a file system of its own, with what the device held at the second backup.
    $null = Invoke-Shell 'mkdir -p /mnt/copy && mount -o loop,ro /backup/dev-vda.img /mnt/copy'
    (Invoke-Shell 'cat /mnt/copy/report.txt; umount /mnt/copy') -join '' | Should -BeExactly 'overwritten'
  }
}
