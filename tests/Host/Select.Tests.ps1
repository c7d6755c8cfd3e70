# SPDX-License-Identifier: MIT
# Commands that take objects through a pipeline.

Describe 'Select-Object' {
  BeforeAll {
    $rows = 1..5 | ForEach-Object { [pscustomobject]@{ Number = $_; Square = $_ * $_; Odd = $_ % 2 -eq 1 } }
  }
  It 'takes the first' { 1..10 | Select-Object -First 3 | Should -Be 1, 2, 3 }
  It 'takes the last' { 1..10 | Select-Object -Last 2 | Should -Be 9, 10 }
  It 'skips' { 1..5 | Select-Object -Skip 3 | Should -Be 4, 5 }
  It 'skips, then takes' { 1..5 | Select-Object -Skip 1 -First 2 | Should -Be 2, 3 }
  It 'skips the last' { 1..5 | Select-Object -SkipLast 3 | Should -Be 1, 2 }
  It 'counts -Skip from the end with -Last' { 1..5 | Select-Object -Last 2 -Skip 1 | Should -Be 3, 4 }
  It 'takes by index' { 'a', 'b', 'c' | Select-Object -Index 0, 2 | Should -Be 'a', 'c' }
  It 'stops the commands before it' {
    $script:seen = 0
    1..100 | ForEach-Object { $script:seen++; $_ } | Select-Object -First 2 | Should -Be 1, 2
    $script:seen | Should -Be 2
  }
  It 'runs to the end with -Wait' {
    $script:seen = 0
    $null = 1..10 | ForEach-Object { $script:seen++; $_ } | Select-Object -First 2 -Wait
    $script:seen | Should -Be 10
  }
  It 'selects properties' {
    $result = $rows[1] | Select-Object Number, Square
    $result.PSObject.Properties.Name | Should -Be 'Number', 'Square'
    $result.Square | Should -Be 4
    $result.PSObject.TypeNames[0] | Should -BeLike 'Selected.*'
  }
  It 'selects by pattern and excludes' { ($rows[0] | Select-Object *u* -ExcludeProperty Sq*).PSObject.Properties.Name | Should -Be 'Number' }
  It 'excludes alone' { ($rows[0] | Select-Object -ExcludeProperty Odd).PSObject.Properties.Name | Should -Be 'Number', 'Square' }
  It 'calculates' { ($rows[2] | Select-Object @{ Name = 'Cube'; Expression = { $_.Number * $_.Square } }).Cube | Should -Be 27 }
  It 'gives an empty property for a name that is not there' {
    $result = $rows[0] | Select-Object Nothing
    $result.PSObject.Properties.Name | Should -Be 'Nothing'
    $result.Nothing | Should -BeNullOrEmpty
  }
  It 'expands' { $rows | Select-Object -ExpandProperty Number | Should -Be 1, 2, 3, 4, 5 }
  It 'expands collections' { [pscustomobject]@{ Items = 1, 2 } | Select-Object -ExpandProperty Items | Should -Be 1, 2 }
  It 'reports an unknown -ExpandProperty' {
    { $rows[0] | Select-Object -ExpandProperty Nothing -ErrorAction Stop } | Should -Throw -ErrorId 'ExpandPropertyNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand'
  }
  It 'is unique, minding case' { 'a', 'A', 'a', 'b' | Select-Object -Unique | Should -BeExactly 'a', 'A', 'b' }
  It 'is unique by properties' { @($rows | Select-Object Odd -Unique).Count | Should -Be 2 }
}

Describe 'Sort-Object' {
  It 'sorts numbers' { 3, 1, 10, 2 | Sort-Object | Should -Be 1, 2, 3, 10 }
  It 'sorts downwards' { 3, 1, 2 | Sort-Object -Descending | Should -Be 3, 2, 1 }
  It 'does not mind case' { 'b', 'A', 'c' | Sort-Object | Should -BeExactly 'A', 'b', 'c' }
  It 'sorts by several properties, each its own way' {
    $rows = @{ a = 1; b = 1 }, @{ a = 2; b = 5 }, @{ a = 1; b = 3 } | ForEach-Object { [pscustomobject]$_ }
    $sorted = $rows | Sort-Object a, @{ Expression = 'b'; Descending = $true }
    $sorted.b | Should -Be 3, 1, 5
  }
  It 'sorts by a script block' { 'ccc', 'a', 'bb' | Sort-Object { $_.Length } | Should -Be 'a', 'bb', 'ccc' }
  It 'keeps the order of equals' {
    $rows = 1..50 | ForEach-Object { [pscustomobject]@{ Key = $_ % 2; Number = $_ } }
    @($rows | Sort-Object Key -Stable | Where-Object Key -EQ 0).Number | Should -Be @(1..50 | Where-Object { $_ % 2 -eq 0 })
  }
  It 'is unique' { 3, 1, 3, 2, 1 | Sort-Object -Unique | Should -Be 1, 2, 3 }
  It 'takes the top' { 5, 3, 4, 1 | Sort-Object -Top 2 | Should -Be 1, 3 }
  It 'takes the bottom' { 5, 3, 4, 1 | Sort-Object -Bottom 2 | Should -Be 4, 5 }
}

Describe 'Group-Object' {
  It 'groups' {
    $groups = 'ab', 'b', 'cd' | Group-Object Length
    $groups.Name | Should -Be '1', '2'
    $groups[1].Count | Should -Be 2
    $groups[1].Group | Should -Be 'ab', 'cd'
  }
  It 'does not mind case' { @('a', 'A' | Group-Object).Count | Should -Be 1 }
  It 'minds case when told' { @('a', 'A' | Group-Object -CaseSensitive).Count | Should -Be 2 }
  It 'makes a table' { (1..4 | Group-Object { $_ % 2 } -AsHashTable)[1] | Should -Be 1, 3 }
  It 'makes a table with text keys' { (1..4 | Group-Object { $_ % 2 } -AsHashTable -AsString)['0'] | Should -Be 2, 4 }
}

Describe 'Measure-Object' {
  It 'counts' { (1..7 | Measure-Object).Count | Should -Be 7 }
  It 'counts nothing' { (@() | Measure-Object).Count | Should -Be 0 }
  It 'sums up' {
    $result = 1..4 | Measure-Object -Sum -Average -Minimum -Maximum
    $result.Sum, $result.Average, $result.Minimum, $result.Maximum | Should -Be 10, 2.5, 1, 4
  }
  It 'measures a property' { ('a', 'bbb' | Measure-Object Length -Sum).Sum | Should -Be 4 }
  It 'measures a deviation' { (2, 4, 4, 4, 5, 5, 7, 9 | Measure-Object -StandardDeviation).StandardDeviation | Should -BeGreaterThan 2.13 }
  It 'counts lines, words, characters' {
    $result = 'one two', 'three' | Measure-Object -Line -Word -Character
    $result.Lines, $result.Words, $result.Characters | Should -Be 2, 3, 12
  }
}

Describe 'Compare-Object' {
  It 'names what differs' {
    $result = Compare-Object 1, 2, 3 2, 3, 4
    ($result | Where-Object SideIndicator -EQ '=>').InputObject | Should -Be 4
    ($result | Where-Object SideIndicator -EQ '<=').InputObject | Should -Be 1
  }
  It 'says nothing of equals' { Compare-Object 1, 2 2, 1 | Should -BeNullOrEmpty }
  It 'includes equals when told' { @(Compare-Object 1, 2 1, 2 -IncludeEqual).SideIndicator | Should -Be '==', '==' }
  It 'compares properties' {
    $result = Compare-Object ([pscustomobject]@{ a = 1; b = 1 }) ([pscustomobject]@{ a = 1; b = 2 }) -Property a
    $result | Should -BeNullOrEmpty
  }
}

Describe 'Other pipeline commands' {
  It 'Get-Unique drops neighbours that are equal' { 1, 1, 2, 1 | Get-Unique | Should -Be 1, 2, 1 }
  It 'Write-Output enumerates' { @(Write-Output 1, 2).Count | Should -Be 2 }
  It 'Write-Output -NoEnumerate does not' { @(Write-Output 1, 2 -NoEnumerate).Count | Should -Be 1 }
  It 'Tee-Object keeps a variable' { 1, 2 | Tee-Object -Variable kept | Should -Be 1, 2; $kept | Should -Be 1, 2 }
  It 'Tee-Object writes a file' { 'a', 'b' | Tee-Object -FilePath TestDrive:/tee | Should -Be 'a', 'b'; Get-Content TestDrive:/tee | Should -Be 'a', 'b' }
  It 'Join-String joins' { 1..3 | Join-String -Separator ', ' | Should -Be '1, 2, 3' }
  It 'Select-String finds' {
    $match = 'alpha', 'beta' | Select-String 'B(.)t'
    $match.Line | Should -Be 'beta'
    $match.LineNumber | Should -Be 2
    $match.Matches[0].Groups[1].Value | Should -Be 'e'
  }
  It 'Select-String searches files' {
    'x', 'needle', 'y' | Set-Content TestDrive:/hay
    $match = Select-String -Path "$TestDrive/hay" -Pattern needle -SimpleMatch -Context 1
    $match.LineNumber | Should -Be 2
    $match.Context.PreContext | Should -Be 'x'
    $match.Filename | Should -Be 'hay'
  }
  It 'Select-String -Quiet answers' { 'a' | Select-String a -Quiet | Should -BeTrue; 'a' | Select-String b -Quiet | Should -BeFalse }
  It 'Select-String -NotMatch inverts' { ('a', 'b' | Select-String a -NotMatch).Line | Should -Be 'b' }
}
