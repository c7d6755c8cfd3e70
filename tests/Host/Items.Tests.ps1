# SPDX-License-Identifier: MIT
# Files, paths, locations, contents.

Describe 'Paths' {
  It 'Test-Path tells what is there' {
    Test-Path -Path $TestDrive | Should -BeTrue
    Test-Path -Path "$TestDrive/none" | Should -BeFalse
    Test-Path -Path $TestDrive -PathType Leaf | Should -BeFalse
    Test-Path -Path $TestDrive -PathType Container | Should -BeTrue
    Test-Path -Path 'nodrive:/x' | Should -BeFalse
    Test-Path -Path '' | Should -BeFalse
  }
  It 'Test-Path -LiteralPath takes brackets as they are' {
    [System.IO.File]::WriteAllText("$TestDrive/a[1]", '')
    Test-Path -LiteralPath "$TestDrive/a[1]" | Should -BeTrue
    Test-Path -Path "$TestDrive/a[1]" | Should -BeFalse
  }
  It 'Join-Path joins any number' { Join-Path a b c d | Should -Be 'a/b/c/d'; Join-Path /a/ /b | Should -Be '/a/b' }
  It 'Split-Path splits' {
    Split-Path /a/b/c.txt | Should -Be '/a/b'
    Split-Path /a/b/c.txt -Leaf | Should -Be 'c.txt'
    Split-Path /a/b/c.txt -LeafBase | Should -Be 'c'
    Split-Path /a/b/c.txt -Extension | Should -Be '.txt'
    Split-Path /a/b -IsAbsolute | Should -BeTrue
  }
  It 'Resolve-Path expands patterns' {
    $null = New-Item "$TestDrive/r1", "$TestDrive/r2" -ItemType File
    (Resolve-Path "$TestDrive/r*").ProviderPath | Should -Be "$TestDrive/r1", "$TestDrive/r2"
  }
  It 'Resolve-Path reports what is not there' { { Resolve-Path /no/such -ErrorAction Stop } | Should -Throw -ErrorId 'PathNotFound*' }
  It 'Convert-Path gives plain paths' { Convert-Path TestDrive:/ | Should -BeLike "$TestDrive*" }
}

Describe 'Locations' {
  BeforeAll { $start = Get-Location }
  AfterEach { Set-Location $start }
  It 'Set-Location goes' { Set-Location /usr; (Get-Location).Path | Should -Be '/usr' }
  It 'Push-Location comes back' { Set-Location /; Push-Location /usr; (Get-Location).Path | Should -Be '/usr'; Pop-Location; (Get-Location).Path | Should -Be '/' }
  It 'Set-Location -PassThru tells' { (Set-Location /usr -PassThru).Path | Should -Be '/usr' }
  It 'reports what is not there' { { Set-Location /no/such -ErrorAction Stop } | Should -Throw -ErrorId 'PathNotFound,Microsoft.PowerShell.Commands.SetLocationCommand' }
}

Describe 'Items' {
  It 'New-Item makes files with a content' { $item = New-Item TestDrive:/f -Value text; $item.Name | Should -Be 'f'; Get-Content TestDrive:/f -Raw | Should -Be 'text' }
  It 'New-Item makes directories, and takes one that is there with -Force' {
    $null = New-Item TestDrive:/d/e -ItemType Directory
    Test-Path TestDrive:/d/e -PathType Container | Should -BeTrue
    { New-Item TestDrive:/d/e -ItemType Directory -ErrorAction Stop } | Should -Throw
    (New-Item TestDrive:/d/e -ItemType Directory -Force).Name | Should -Be 'e'
  }
  It 'New-Item makes links' { $null = New-Item "$TestDrive/link" -ItemType SymbolicLink -Target "$TestDrive/f"; (Get-Item "$TestDrive/link").LinkTarget | Should -Be "$TestDrive/f" }
  It 'New-Item -WhatIf makes nothing' { New-Item TestDrive:/whatif -WhatIf; Test-Path TestDrive:/whatif | Should -BeFalse }
  It 'Get-Item reports what is not there' { { Get-Item /no/such -ErrorAction Stop } | Should -Throw -ErrorId 'PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand' }
  It 'Get-ChildItem lists, recurses and filters' {
    $null = New-Item "$TestDrive/t/sub" -ItemType Directory -Force
    'x' | Set-Content "$TestDrive/t/a.txt", "$TestDrive/t/b.log", "$TestDrive/t/sub/c.txt", "$TestDrive/t/.hidden"
    (Get-ChildItem "$TestDrive/t").Name | Should -Be 'sub', 'a.txt', 'b.log'
    (Get-ChildItem "$TestDrive/t" -File).Name | Should -Be 'a.txt', 'b.log'
    (Get-ChildItem "$TestDrive/t" -Directory).Name | Should -Be 'sub'
    (Get-ChildItem "$TestDrive/t" -Recurse -Filter *.txt).Name | Should -Be 'a.txt', 'c.txt'
    (Get-ChildItem "$TestDrive/t/*.txt").Name | Should -Be 'a.txt'
    (Get-ChildItem "$TestDrive/t" -Force -File).Name | Should -Contain '.hidden'
    Get-ChildItem "$TestDrive/t" -Recurse -Name -Include c.* | Should -Be 'sub/c.txt'
    (Get-ChildItem "$TestDrive/t" -Recurse -Exclude *.txt -File).Name | Should -Be 'b.log'
  }
  It 'Copy-Item, Move-Item, Rename-Item, Remove-Item' {
    'x' | Set-Content TestDrive:/one
    Copy-Item TestDrive:/one TestDrive:/two
    Move-Item TestDrive:/two TestDrive:/three
    Rename-Item TestDrive:/three four
    Test-Path TestDrive:/one, TestDrive:/two, TestDrive:/three, TestDrive:/four | Should -Be $true, $false, $false, $true
    Remove-Item TestDrive:/one, TestDrive:/four
    Test-Path TestDrive:/one, TestDrive:/four | Should -Be $false, $false
  }
  It 'copies and removes trees' {
    $null = New-Item "$TestDrive/tree/in" -ItemType Directory -Force
    'x' | Set-Content "$TestDrive/tree/in/f"
    Copy-Item "$TestDrive/tree" "$TestDrive/copy" -Recurse
    Get-Content "$TestDrive/copy/in/f" | Should -Be 'x'
    Remove-Item "$TestDrive/tree" -Recurse
    Test-Path "$TestDrive/tree" | Should -BeFalse
  }
  It 'Remove-Item -WhatIf removes nothing' { 'x' | Set-Content TestDrive:/keep; Remove-Item TestDrive:/keep -WhatIf; Test-Path TestDrive:/keep | Should -BeTrue }
  It 'works on variables, functions and the environment' {
    $env:HOST_TEST = 'v'
    Test-Path env:HOST_TEST | Should -BeTrue
    (Get-Item env:HOST_TEST).Value | Should -Be 'v'
    Remove-Item env:HOST_TEST
    $env:HOST_TEST | Should -BeNullOrEmpty
    Get-Content function:prompt | Should -Not -BeNullOrEmpty
  }
}

Describe 'Contents' {
  It 'writes and reads lines' { 'a', 'b' | Set-Content TestDrive:/c; Get-Content TestDrive:/c | Should -Be 'a', 'b' }
  It 'ends lines with a line feed' { Set-Content TestDrive:/c 'a', 'b'; Get-Content TestDrive:/c -Raw | Should -BeExactly "a`nb`n" }
  It 'writes without line feeds' { 'a', 'b' | Set-Content TestDrive:/c -NoNewline; Get-Content TestDrive:/c -Raw | Should -BeExactly 'ab' }
  It 'appends' { 'a' | Set-Content TestDrive:/c; Add-Content TestDrive:/c 'b'; Get-Content TestDrive:/c | Should -Be 'a', 'b' }
  It 'empties' { 'a' | Set-Content TestDrive:/c; Clear-Content TestDrive:/c; (Get-Item TestDrive:/c).Length | Should -Be 0 }
  It 'reads the head and the tail' {
    1..9 | Set-Content TestDrive:/c
    Get-Content TestDrive:/c -TotalCount 2 | Should -Be '1', '2'
    Get-Content TestDrive:/c -Tail 2 | Should -Be '8', '9'
  }
  It 'reads and writes bytes' {
    , [byte[]](1, 2, 255) | Set-Content TestDrive:/b -AsByteStream
    Get-Content TestDrive:/b -AsByteStream | Should -Be 1, 2, 255
    (Get-Content TestDrive:/b -AsByteStream -Raw).GetType() | Should -Be ([byte[]])
  }
  It 'says of what it reads where it is from' {
    'a', 'b' | Set-Content TestDrive:/c
    $lines = Get-Content TestDrive:/c
    $item = Get-Item "$TestDrive/c"
    $lines[1].PSPath | Should -Be $item.PSPath
    $lines[1].PSParentPath | Should -Be $item.PSParentPath
    $lines[1].PSChildName | Should -Be 'c'
    $lines[1].PSProvider.Name | Should -Be 'FileSystem'
    $lines[1].ReadCount | Should -Be 2
    (Get-Content TestDrive:/c -Raw).PSChildName | Should -Be 'c'
    (Get-Content TestDrive:/c -Raw).ReadCount | Should -Be 1
    'a'.PSPath | Should -BeNullOrEmpty
    $lines | ConvertTo-Json -Compress | Should -Be '["a","b"]'
  }
  It 'writes UTF-8 without a mark' { 'é' | Set-Content TestDrive:/u; [System.IO.File]::ReadAllBytes("$TestDrive/u") | Should -Be 0xc3, 0xa9, 0x0a }
  It 'writes other encodings' { 'a' | Set-Content TestDrive:/u -Encoding unicode -NoNewline; [System.IO.File]::ReadAllBytes("$TestDrive/u") | Should -Be 0xff, 0xfe, 0x61, 0 }
  It 'redirects' { 'x' > "$TestDrive/r"; 'y' >> "$TestDrive/r"; Get-Content TestDrive:/r | Should -Be 'x', 'y' }
  It 'Out-File formats' { [pscustomobject]@{ Name = 'n' } | Out-File TestDrive:/o; Get-Content TestDrive:/o | Should -Contain 'Name' }
  It 'Out-File -NoClobber keeps' { 'x' | Out-File TestDrive:/n; { 'y' | Out-File TestDrive:/n -NoClobber -ErrorAction Stop } | Should -Throw -ErrorId 'NoClobber*' }
  It 'reports what is not there' { { Get-Content TestDrive:/none -ErrorAction Stop } | Should -Throw -ErrorId 'PathNotFound,Microsoft.PowerShell.Commands.GetContentCommand' }
  It 'Get-FileHash hashes' { 'abc' | Set-Content TestDrive:/h -NoNewline; (Get-FileHash TestDrive:/h).Hash | Should -Be 'BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD' }
}
