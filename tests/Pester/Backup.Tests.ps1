# SPDX-License-Identifier: MIT

Describe 'examples/Backup.ps1' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $storage = $TestDisks[0]
    $script = (Resolve-Path "$PSScriptRoot/../../examples/Backup.ps1").ProviderPath

    # A small device, and a destination that has room for one copy of it and little more.
    $file = '/run/blksnap-backup.img'
    $null = Invoke-Shell "modprobe loop; truncate -s 32M $file"
    $origin = (Invoke-Shell "losetup --find --show $file") -join ''
    $copyName = "$($origin.TrimStart('/').Replace('/', '-')).img"
    Reset-TestState
    New-TestFileSystem ext4 $TestDisks[1] 64M
    $destination = Mount-TestDevice $TestDisks[1] destination
  }

  BeforeEach {
    $null = Invoke-Shell "rm -f $destination/*.img $destination/*.token $destination/filler"
    Get-BlkSnapshot | Remove-BlkSnapshot
    Write-RandomData $origin -MiB 32
  }

  AfterAll {
    Reset-TestState
    $null = Invoke-Shell "losetup -d $origin; rm -f $file"
  }

  It 'copies in full, then what has changed' {
    (& $script $origin $destination $storage).Kind | Should -Be 'Full'
    Write-RandomData $origin -MiB 1 -SeekMiB 5
    $second = & $script $origin $destination $storage
    $second.Kind | Should -Be 'Incremental'
    $second.Copied | Should -BeLessThan (4MB)
    Test-Shell "cmp $origin $destination/$copyName" | Should -BeTrue
    Get-BlkSnapshot | Should -BeNullOrEmpty
  }

  It 'copies in full again after a full copy that broke off' {
    $null = & $script $origin $destination $storage
    $null = Invoke-Shell "rm $destination/$copyName; sync"
    $null = Invoke-Shell "fallocate -l 40M $destination/filler"
    { & $script $origin $destination $storage } | Should -Throw
    # What there is now has the right size and a token beside it, and is no copy.
    (Get-Item $destination/$copyName).Length | Should -Be (32MB)
    Test-Path $destination/$copyName.token | Should -BeTrue
    $null = Invoke-Shell "rm $destination/filler; sync"
    (& $script $origin $destination $storage).Kind | Should -Be 'Full'
    Test-Shell "cmp $origin $destination/$copyName" | Should -BeTrue
  }

  It 'copies in full again when the history does not reach back, and says so' {
    $null = & $script $origin $destination $storage
    Remove-BlkTracker $origin -Confirm:$false
    $again = & $script $origin $destination $storage -WarningVariable warned -WarningAction SilentlyContinue
    $again.Kind | Should -Be 'Full'
    "$warned" | Should -Match 'full backup'
  }

  It 'copies in full again when its token is damaged' {
    $null = & $script $origin $destination $storage
    $null = Invoke-Shell "truncate -s 20 $destination/$copyName.token"
    (& $script $origin $destination $storage).Kind | Should -Be 'Full'
    (& $script $origin $destination $storage).Kind | Should -Be 'Incremental'
  }

  It 'copies in full again, and says so, when its token has become another one' {
    $null = & $script $origin $destination $storage
    foreach ($text in '{"Generation":"x","Size":33554432}', '{"Generation":"5d7a1c1e-9a34-4a53-8f19-3b0f6a1d2c47","SnapshotNumber":0,"Size":33554432}') {
      Set-Content $destination/$copyName.token $text
      $again = & $script $origin $destination $storage -WarningVariable warned -WarningAction SilentlyContinue
      $again.Kind | Should -Be 'Full'
      "$warned" | Should -Match 'damaged'
      (& $script $origin $destination $storage).Kind | Should -Be 'Incremental'
    }
  }

  It 'copies in full again in strict mode, whatever is left of its token' {
    Set-StrictMode -Version Latest
    $null = & $script $origin $destination $storage
    foreach ($text in '', 'null', '[]', '{}', '5', '"x"') {
      Set-Content $destination/$copyName.token $text
      (& $script $origin $destination $storage).Kind | Should -Be 'Full'
    }
  }
}
