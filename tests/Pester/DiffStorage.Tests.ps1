# SPDX-License-Identifier: MIT

Describe 'Difference storage' {
  BeforeAll {
    . $PSScriptRoot/Common.ps1
    $origin, $store, $other, $spare = $TestDisks
  }

  BeforeEach {
    Reset-TestState
  }

  AfterAll {
    Reset-TestState
  }

  Context 'on a block device' {
    It 'takes the whole device but for 128 KiB at each end' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $size = [long]((Invoke-Shell "blockdev --getsize64 $store") -join '')
      (Get-DiffStorage -Id $snapshot.Id).Capacity | Should -Be ($size - 256KB)
    }

    It 'uses a device again without -Force, whatever it kept before' {
      # A file system on the origin: its old blocks look like one.
      New-TestFileSystem ext4 $origin 64M
      New-TestFileSystem ext4 $store 64M
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store -Force
      $null = Invoke-Shell "dd if=/dev/zero of=$origin bs=1M count=4 oflag=direct 2>/dev/null"
      Wait-Until { ($snapshot | Get-DiffStorage).Used -ge 4MB } | Should -BeTrue
      $snapshot | Remove-BlkSnapshot
      "$((New-BlkSnapshot $origin -DiffStorage $store).State)" | Should -Be 'Taken'
      Test-Shell "blkid -p $store" | Should -BeFalse
    }

    It 'leaves alone what another snapshot keeps in the blocks that it does not use itself' {
      Write-RandomData $origin -MiB 1
      $before = Get-DeviceChecksum $origin -MiB 1
      $first = New-BlkSnapshot $origin -DiffStorage "${store}:0+128KiB"
      $null = Invoke-Shell "dd if=/dev/zero of=$origin bs=64k count=1 oflag=direct 2>/dev/null"
      Wait-Until { ($first | Get-DiffStorage).Used -ge 64KB } | Should -BeTrue
      # It gets all but both ends of the device, and the first snapshot has its storage at one of them.
      "$((New-BlkSnapshot $other -DiffStorage $store).State)" | Should -Be 'Taken'
      $null = Invoke-Shell "blockdev --flushbufs $store"
      "$((Get-BlkSnapshot $first.Id).State)" | Should -Be 'Taken'
      Get-DeviceChecksum $first.Images[0].ImagePath -MiB 1 | Should -Be $before
    }

    It 'refuses a device that is made of the origin, also in a file on it' {
      New-TestFileSystem ext4 $origin 128M
      $folder = Mount-TestDevice $origin below
      $null = Invoke-Shell "fallocate -l 64M $folder/disk.img && losetup /dev/loop7 $folder/disk.img"
      try {
        $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage /dev/loop7 }
        $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageAboveOrigin,BlksnapPS.Commands.NewBlkSnapshotCommand'
        New-TestFileSystem ext4 /dev/loop7
        $upper = Mount-TestDevice /dev/loop7 above
        $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage $upper -DiffStorageSize 16MB }
        $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageAboveOrigin,BlksnapPS.Commands.NewBlkSnapshotCommand'
        Get-BlkSnapshot | Should -BeNullOrEmpty
        Dismount-TestDevice $upper
      }
      finally {
        $null = Invoke-Shell 'losetup -d /dev/loop7'
      }
      "$((New-BlkSnapshot $origin -DiffStorage $folder -DiffStorageSize 16MB).State)" | Should -Be 'Taken'
    }

    It 'takes a range of a device, and no more than that' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage "${store}:16MiB+64MiB"
      $ranges = @((Get-DiffStorage -Id $snapshot.Id).Ranges)
      $ranges | Should -HaveCount 1
      $ranges[0].DevicePath | Should -BeExactly $store
      $ranges[0].Offset | Should -Be (16MB)
      $ranges[0].Length | Should -Be (64MB)
    }

    It 'counts what is in use as the device is written to' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage $store
      $before = ($snapshot | Get-DiffStorage).Used
      Write-RandomData $origin -MiB 4
      Wait-Until { ($snapshot | Get-DiffStorage).Used -ge $before + 4MB } | Should -BeTrue
      $after = $snapshot | Get-DiffStorage
      $after.Used | Should -Be ($before + 4MB)
      $after.Free | Should -Be ($after.Capacity - $after.Used)
    }

    It 'refuses a device that carries a file system, unless told to with -Force' {
      New-TestFileSystem ext4 $store 64M
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage $store }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageInUse,BlksnapPS.Commands.NewBlkSnapshotCommand'
      "$($failure.CategoryInfo.Category)" | Should -Be 'ResourceBusy'
      $failure.Exception.Message | Should -Match 'ext4'
      $failure.ErrorDetails.RecommendedAction | Should -Match '-Force'
      Get-BlkSnapshot | Should -BeNullOrEmpty

      "$((New-BlkSnapshot $origin -DiffStorage $store -Force).State)" | Should -Be 'Taken'
    }

    It 'refuses a mounted device' {
      New-TestFileSystem ext4 $store 64M
      $null = Mount-TestDevice $store storage
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage $store }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageInUse,BlksnapPS.Commands.NewBlkSnapshotCommand'
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }

    It 'refuses a range beyond the end of the device' {
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage "${store}:16MiB+64TiB" }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageOutOfRange,BlksnapPS.Commands.NewBlkSnapshotCommand'
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }

    It 'refuses a range that another snapshot uses' {
      $null = New-BlkSnapshot $origin -DiffStorage "${store}:0+64MiB"
      $failure = Get-TestError { New-BlkSnapshot $other -DiffStorage "${store}:32MiB+64MiB" }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageOverlap,BlksnapPS.Commands.NewBlkSnapshotCommand'
      "$($failure.CategoryInfo.Category)" | Should -Be 'ResourceBusy'
      @(Get-BlkSnapshot) | Should -HaveCount 1
    }

    It 'refuses a place that does not exist' {
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage /no/such/place }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageNotFound,BlksnapPS.Commands.NewBlkSnapshotCommand'
      "$($failure.CategoryInfo.Category)" | Should -Be 'ObjectNotFound'
    }
  }

  Context 'in a file' {
    BeforeEach {
      New-TestFileSystem ext4 $store 256M
      $folder = Mount-TestDevice $store storage
      $file = "$folder/storage.bin"
    }

    It 'holds the file: nobody writes, truncates, renames or removes it while the snapshot lives' {
      $null = Invoke-Shell "fallocate -l 32M $file"
      $snapshot = New-BlkSnapshot $origin -DiffStorage $file
      Test-Shell "dd if=/dev/zero of=$file bs=4k count=1 conv=notrunc" | Should -BeFalse
      Test-Shell "truncate -s 0 $file" | Should -BeFalse
      Test-Shell "fallocate -p -o 0 -l 1M $file" | Should -BeFalse
      Test-Shell "mv $file $folder/elsewhere" | Should -BeFalse
      Test-Shell "rm -f $file" | Should -BeFalse

      # The contents are the ranges that the driver has, and they work.
      $before = Get-DeviceChecksum $snapshot.Images[0].ImagePath -MiB 4
      Write-RandomData $origin -MiB 4
      Get-DeviceChecksum $snapshot.Images[0].ImagePath -MiB 4 | Should -Be $before

      $snapshot | Remove-BlkSnapshot
      Wait-Until { Test-Shell "rm -f $file" } | Should -BeTrue
    }

    It 'makes a file of the given size in a directory, and gives the room back' {
      $free = { [long]((Invoke-Shell "sync; stat -f -c '%f' $folder") -join '') }
      $before = & $free
      $snapshot = New-BlkSnapshot $origin -DiffStorage $folder -DiffStorageSize 32MB
      ($snapshot | Get-DiffStorage).Capacity | Should -Be (32MB)
      & $free | Should -BeLessThan $before
      $snapshot | Remove-BlkSnapshot
      Wait-Until { (& $free) -eq $before } | Should -BeTrue
    }

    It 'refuses a file with holes' {
      $null = Invoke-Shell "truncate -s 32M $file"
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage $file }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageHoles,BlksnapPS.Commands.NewBlkSnapshotCommand'
      $failure.ErrorDetails.RecommendedAction | Should -Match 'fallocate'
      Get-BlkSnapshot | Should -BeNullOrEmpty
      Test-Shell "rm $file" | Should -BeTrue
    }

    It 'refuses a file that somebody has open for writing' {
      $null = Invoke-Shell "fallocate -l 32M $file"
      $writer = [System.IO.File]::Open($file, 'Open', 'Write', 'ReadWrite')
      try {
        $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage $file }
        $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageFileBusy,BlksnapPS.Commands.NewBlkSnapshotCommand'
      }
      finally {
        $writer.Dispose()
      }
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }

    It 'serves a snapshot of the very file system that it lies on' {
      $null = Invoke-Shell "echo before > $folder/witness; sync"
      $snapshot = New-BlkSnapshot $store -DiffStorage $folder -DiffStorageSize 32MB
      $null = Invoke-Shell "echo after > $folder/witness; sync"
      $image = Mount-TestDevice $snapshot.Images[0].ImagePath image 'ro,noload'
      (Invoke-Shell "cat $image/witness") | Should -Be 'before'
      (Invoke-Shell "cat $folder/witness") | Should -Be 'after'
      Dismount-TestDevice $image
    }

    It 'refuses what was made after the take on a device that is held, since it may have blocks that the image shows' {
      $null = Invoke-Shell "dd if=/dev/urandom of=$folder/old bs=1M count=24 2>/dev/null; fallocate -l 64M $folder/ahead; sync"
      $before = (Invoke-Shell "md5sum < $folder/old") -join ''
      # Times of files have the precision of the kernel's tick.
      Start-Sleep -Milliseconds 500
      $snapshot = New-BlkSnapshot $store -DiffStorage $folder -DiffStorageSize 32MB
      # Its blocks are free now, and the image's.
      $null = Invoke-Shell "rm $folder/old; sync; fallocate -l 16M $folder/late"
      $places = @{ Path = $folder; Size = 16MB }, @{ Path = "$folder/late" }, @{ Path = "$folder/new"; Size = 1MB }, @{ Path = "$folder/ahead"; Size = 65MB }
      foreach ($place in $places) {
        $failure = Get-TestError { $snapshot | Add-DiffStorage @place }
        $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageAfterTake,BlksnapPS.Commands.AddDiffStorageCommand'
      }
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage $folder -DiffStorageSize 8MB }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageAfterTake,BlksnapPS.Commands.NewBlkSnapshotCommand'
      $failure = Get-TestError { $snapshot | Enable-DiffStorageAutoExtend $folder 200MB }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageAfterTake,BlksnapPS.Commands.EnableDiffStorageAutoExtendCommand'
      Test-Path "$folder/new" | Should -BeFalse

      # The blocks of this one were its own.
      $snapshot | Add-DiffStorage -Path "$folder/ahead"
      ($snapshot | Get-DiffStorage).Capacity | Should -Be (96MB)
      $null = Invoke-Shell "dd if=/dev/urandom of=$folder/more bs=1M count=20 conv=fsync 2>/dev/null"
      "$((Get-BlkSnapshot $snapshot.Id).State)" | Should -Be 'Taken'
      $image = Mount-TestDevice $snapshot.Images[0].ImagePath image 'ro,noload'
      (Invoke-Shell "md5sum < $image/old") -join '' | Should -Be $before
      Dismount-TestDevice $image
    }

    It 'refuses to extend itself on a device of the snapshot, before anything is changed' {
      $failure = Get-TestError { New-BlkSnapshot $store -DiffStorage $folder -DiffStorageSize 8MB -AutoExtend -MaximumSize 64MB }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageAfterTake,BlksnapPS.Commands.NewBlkSnapshotCommand'
      Get-BlkSnapshot | Should -BeNullOrEmpty
      Get-BlkTracker | Should -BeNullOrEmpty
    }
  }

  Context 'in a file that has no addresses of its own' {
    It 'refuses extents that another file shares' {
      New-TestFileSystem xfs $store
      $folder = Mount-TestDevice $store storage
      $null = Invoke-Shell "dd if=/dev/urandom of=$folder/one bs=1M count=16 2>/dev/null; sync; cp --reflink=always $folder/one $folder/two; sync"
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage "$folder/two" }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageSharedExtents,BlksnapPS.Commands.NewBlkSnapshotCommand'
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }

    It 'refuses a file system that lies on no block device' {
      $null = Invoke-Shell "mkdir -p $MountRoot/memory && mount -t tmpfs none $MountRoot/memory && fallocate -l 8M $MountRoot/memory/file"
      $failure = Get-TestError { New-BlkSnapshot $origin -DiffStorage "$MountRoot/memory/file" }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'StorageUnsupportedFileSystem,BlksnapPS.Commands.NewBlkSnapshotCommand'
      Get-BlkSnapshot | Should -BeNullOrEmpty
    }
  }

  Context 'that is added later' {
    It 'grows the storage of a snapshot' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage "${store}:0+64MiB"
      $snapshot | Add-DiffStorage -Path "${other}:0+32MiB" | Should -BeNullOrEmpty
      $added = Add-DiffStorage -Id $snapshot.Id -Path "${other}:32MiB+32MiB" -PassThru
      $added.DevicePath | Should -BeExactly $other
      $added.Length | Should -Be (32MB)
      $storage = Get-DiffStorage -Id $snapshot.Id
      $storage.Capacity | Should -Be (128MB)
      $storage.Ranges | Should -HaveCount 3
    }

    It 'adds nothing with -WhatIf' {
      $snapshot = New-BlkSnapshot $origin -DiffStorage "${store}:0+64MiB"
      $snapshot | Add-DiffStorage -Path $other -WhatIf
      ($snapshot | Get-DiffStorage).Capacity | Should -Be (64MB)
    }

    It 'refuses an unknown snapshot' {
      $failure = Get-TestError { Add-DiffStorage -Id 11111111-2222-3333-4444-555555555555 -Path $other }
      $failure.FullyQualifiedErrorId | Should -BeExactly 'SnapshotNotFound,BlksnapPS.Commands.AddDiffStorageCommand'
    }
  }

  It 'prints a table and a list' {
    $snapshot = New-BlkSnapshot $origin -DiffStorage "${store}:0+64MiB"
    ($snapshot | Get-DiffStorage | Out-String) | Should -Match '64 MiB'
    ($snapshot | Get-DiffStorage | Format-List | Out-String) | Should -Match $store
  }
}
