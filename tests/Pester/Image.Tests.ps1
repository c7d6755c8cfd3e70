# SPDX-License-Identifier: MIT

Describe 'Images of mounted file systems' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    Reset-TestState
    $ext4Disk, $xfsDisk, $storage = $TestDisks[0..2]
    New-TestFileSystem ext4 $ext4Disk 128M
    New-TestFileSystem xfs $xfsDisk
    $ext4 = Mount-TestDevice $ext4Disk ext4
    $xfs = Mount-TestDevice $xfsDisk xfs
    New-TestTree $ext4
    New-TestTree $xfs
    $ext4Before = Get-TreeChecksum $ext4
    $xfsBefore = Get-TreeChecksum $xfs

    $snapshot = New-BlkSnapshot $ext4Disk, $xfsDisk -DiffStorage $storage

    foreach ($folder in $ext4, $xfs) {
      # Overwritten in place, removed, appended to, made anew, and the freed room trimmed.
      $null = Invoke-Shell "dd if=/dev/zero of=$folder/b/c/large bs=64k count=32 conv=notrunc 2>/dev/null"
      $null = Invoke-Shell "rm -r $folder/a/1*; for i in 2 3 4 5; do echo more >> $folder/a/`$i; done"
      $null = Invoke-Shell "dd if=/dev/urandom of=$folder/new bs=1M count=8 2>/dev/null; sync"
      $null = Test-Shell "fstrim $folder"
    }
  }

  AfterAll {
    Reset-TestState
  }

  It 'were taken with the file systems frozen' {
    $snapshot.Devices | Should -HaveCount 2
    foreach ($device in $snapshot.Devices) {
      "$($device.Freeze)" | Should -Be 'Frozen'
    }
  }

  It 'show ext4 as it was' {
    $image = Get-BlkSnapshotImage -Id $snapshot.Id -DevicePath $ext4Disk
    $folder = Mount-TestDevice $image.ImagePath ext4-image 'ro,noload'
    Get-TreeChecksum $folder | Should -BeExactly $ext4Before
    Dismount-TestDevice $folder
    Get-TreeChecksum $ext4 | Should -Not -Be $ext4Before
  }

  It 'show xfs as it was' {
    $image = Get-BlkSnapshotImage -Id $snapshot.Id -DevicePath $xfsDisk
    $folder = Mount-TestDevice $image.ImagePath xfs-image 'ro,nouuid,norecovery'
    Get-TreeChecksum $folder | Should -BeExactly $xfsBefore
    Dismount-TestDevice $folder
    Get-TreeChecksum $xfs | Should -Not -Be $xfsBefore
  }

  It 'cannot be written to' {
    Test-Shell "dd if=/dev/zero of=$($snapshot.Images[0].ImagePath) bs=4k count=1 oflag=direct" | Should -BeFalse
  }

  It 'leave the live file systems sound' {
    $snapshot | Remove-BlkSnapshot
    Dismount-TestDevice $ext4
    Dismount-TestDevice $xfs
    Test-Shell "fsck.ext4 -f -n $ext4Disk" | Should -BeTrue
    Test-Shell "xfs_repair -n $xfsDisk" | Should -BeTrue
  }
}
