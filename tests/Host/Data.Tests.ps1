# SPDX-License-Identifier: MIT
# Conversions, objects, variables, aliases, streams, formatting.

Describe 'JSON' {
  It 'reads' {
    $value = '{"a":1,"b":[1,2.5,"x",null,true],"c":{"d":"e"}}' | ConvertFrom-Json
    $value.a | Should -BeOfType [long]
    $value.b[1] | Should -BeOfType [double]
    $value.b.Count | Should -Be 5
    $value.c.d | Should -Be 'e'
  }
  It 'enumerates an array' { @('[1,2,3]' | ConvertFrom-Json).Count | Should -Be 3; @('[1,2,3]' | ConvertFrom-Json -NoEnumerate).Count | Should -Be 1 }
  It 'reads a document of many lines' { ('{', '"a": 1', '}' | ConvertFrom-Json).a | Should -Be 1 }
  It 'reads into tables' { $t = '{"a":{"b":1},"A":2}' | ConvertFrom-Json -AsHashtable; $t['a']['b'] | Should -Be 1; $t['A'] | Should -Be 2 }
  It 'reads dates' { ('{"t":"2020-01-02T03:04:05Z"}' | ConvertFrom-Json).t | Should -BeOfType [datetime] }
  It 'refuses what is none' { { '{"a":' | ConvertFrom-Json -ErrorAction Stop } | Should -Throw }
  It 'writes' {
    $text = [pscustomobject]@{ a = 1; b = @(1, 'x', $null, $true); c = [ordered]@{ d = 'é"\' } } | ConvertTo-Json -Compress
    $text | Should -BeExactly '{"a":1,"b":[1,"x",null,true],"c":{"d":"é\"\\"}}'
  }
  It 'indents by two' { [ordered]@{ a = @(1); b = @() } | ConvertTo-Json | Should -BeExactly "{`n  `"a`": [`n    1`n  ],`n  `"b`": []`n}" }
  It 'writes one value as it is, and several as an array' { 1 | ConvertTo-Json | Should -Be '1'; 1, 2 | ConvertTo-Json -Compress | Should -Be '[1,2]'; , 1 | ConvertTo-Json -Compress -AsArray | Should -Be '[1]' }
  It 'stops at the depth, and says so' {
    $text = @{ a = @{ b = @{ c = @{ d = 1 } } } } | ConvertTo-Json -Compress -WarningVariable warnings -WarningAction SilentlyContinue
    $text | Should -BeLike '*System.Collections.Hashtable*'
    $warnings.Count | Should -Be 1
    @{ a = @{ b = @{ c = @{ d = 1 } } } } | ConvertTo-Json -Compress -Depth 5 | Should -Be '{"a":{"b":{"c":{"d":1}}}}'
  }
  It 'writes enums as numbers, or as names' { [System.DayOfWeek]'Monday' | ConvertTo-Json | Should -Be '1'; [System.DayOfWeek]'Monday' | ConvertTo-Json -EnumsAsStrings | Should -Be '"Monday"' }
}

Describe 'CSV and the like' {
  It 'writes CSV' { [pscustomobject]@{ a = 1; b = 'x"y' } | ConvertTo-Csv | Should -BeExactly '"a","b"', '"1","x""y"' }
  It 'quotes as needed' { [pscustomobject]@{ a = 1; b = 'x,y' } | ConvertTo-Csv -UseQuotes AsNeeded | Should -BeExactly 'a,b', '1,"x,y"' }
  It 'reads CSV' { $rows = 'a,b', '1,"x,y"', '2,' | ConvertFrom-Csv; $rows.a | Should -Be '1', '2'; $rows[0].b | Should -Be 'x,y' }
  It 'goes through a file' { 1..3 | ForEach-Object { [pscustomobject]@{ n = $_ } } | Export-Csv TestDrive:/x.csv; (Import-Csv TestDrive:/x.csv).n | Should -Be '1', '2', '3' }
  It 'keeps objects as CLI XML' { [pscustomobject]@{ n = 1; t = [datetime]'2020-01-02' } | Export-Clixml TestDrive:/x.xml; (Import-Clixml TestDrive:/x.xml).t | Should -Be ([datetime]'2020-01-02') }
  It 'reads string data' { ("a=1`n# no`nb = two" | ConvertFrom-StringData).b | Should -Be 'two' }
  It 'reads a data file' { '@{ A = 1; B = @(2, 3) }' | Set-Content TestDrive:/x.psd1; (Import-PowerShellDataFile TestDrive:/x.psd1).B | Should -Be 2, 3 }
}

Describe 'Objects' {
  It 'New-Object constructs' { (New-Object System.Text.StringBuilder 'abc').Length | Should -Be 3; (New-Object PSObject -Property @{ a = 1 }).a | Should -Be 1 }
  It 'New-Object reports an unknown type' { { New-Object No.Such.Type } | Should -Throw -ErrorId 'TypeNotFound*' }
  It 'Add-Member adds' {
    $object = [pscustomobject]@{ a = 2 }
    $object | Add-Member -NotePropertyName b -NotePropertyValue 3
    $object | Add-Member -MemberType ScriptProperty -Name c -Value { $this.a * $this.b }
    $object | Add-Member -MemberType ScriptMethod -Name d -Value { param($x) $this.a + $x }
    $object.c | Should -Be 6
    $object.d(5) | Should -Be 7
    { $object | Add-Member -NotePropertyName b -NotePropertyValue 4 -ErrorAction Stop } | Should -Throw -ErrorId 'MemberAlreadyExists*'
  }
  It 'Get-Member lists' { ('abc' | Get-Member -Name Length).MemberType | Should -Be 'Property'; ('abc' | Get-Member -MemberType Method).Name | Should -Contain 'Trim' }
  It 'New-Guid, Get-Random, Get-Date, New-TimeSpan' {
    New-Guid | Should -BeOfType [guid]
    Get-Random -Minimum 5 -Maximum 6 | Should -Be 5
    @(1..10 | Get-Random -Count 3).Count | Should -Be 3
    Get-Date '2020-02-03' -Format yyyyMMdd | Should -Be '20200203'
    (New-TimeSpan -Minutes 2).TotalSeconds | Should -Be 120
  }
}

Describe 'Variables and aliases' {
  It 'sets in the caller''s scope' {
    function Test-Scope { Set-Variable -Name inner -Value 1; $inner }
    Test-Scope | Should -Be 1
    $inner | Should -BeNullOrEmpty
  }
  It 'gets by pattern and value' { $varOne = 1; $varTwo = 2; (Get-Variable varO*).Name | Should -Be 'varOne'; Get-Variable varTwo -ValueOnly | Should -Be 2 }
  It 'reaches other scopes' { $level = 'out'; & { $level = 'in'; Get-Variable level -Scope 1 -ValueOnly } | Should -Be 'out' }
  It 'refuses a new one that is there' {
    $taken = 1
    try { New-Variable taken 2 -ErrorAction Stop } catch { $failure = $_ }
    $failure.FullyQualifiedErrorId | Should -BeLike 'VariableAlreadyExists*'
  }
  It 'keeps read-only ones' {
    New-Variable fixed 1 -Option ReadOnly
    try { Set-Variable fixed 2 -ErrorAction Stop } catch { $failure = $_ }
    $failure.FullyQualifiedErrorId | Should -BeLike 'VariableNotWritable*'
    Set-Variable fixed 3 -Force
    $fixed | Should -Be 3
  }
  It 'removes' { $gone = 1; Remove-Variable gone; Test-Path variable:gone | Should -BeFalse }
  It 'reports what is not there' { { Get-Variable no_such_one -ErrorAction Stop } | Should -Throw -ErrorId 'VariableNotFound*' }
  It 'defines aliases' { Set-Alias hostTestAlias Get-Date; (Get-Alias hostTestAlias).Definition | Should -Be 'Get-Date'; hostTestAlias | Should -BeOfType [datetime] }
  It 'runs text in the same scope' { Invoke-Expression '$made = 6 * 7'; $made | Should -Be 42 }
}

Describe 'Streams' {
  It 'Write-Error goes to the error stream, and tells its id' {
    $record = Write-Error -Message m -ErrorId MyId -Category InvalidData -TargetObject t 2>&1
    $record.FullyQualifiedErrorId | Should -Be 'MyId'
    $record.CategoryInfo.Category | Should -Be 'InvalidData'
    $record.TargetObject | Should -Be 't'
  }
  It 'Write-Error stops when told' { { Write-Error m -ErrorAction Stop } | Should -Throw m }
  It 'has the other streams' {
    (Write-Warning w 3>&1).Message | Should -Be 'w'
    (Write-Verbose v -Verbose 4>&1).Message | Should -Be 'v'
    (Write-Debug d -Debug 5>&1).Message | Should -Be 'd'
    (Write-Information i 6>&1).MessageData | Should -Be 'i'
    (Write-Host h 6>&1).MessageData.Message | Should -Be 'h'
  }
  It 'Write-Host joins' { (Write-Host a, b -Separator '-' 6>&1).MessageData.Message | Should -Be 'a-b' }
  It 'Out-String formats' { [pscustomobject]@{ Name = 'n' } | Out-String -Stream | Should -Contain 'Name' }
  It 'Format-List and Format-Table choose properties' {
    ([pscustomobject]@{ a = 1; b = 2 } | Format-List a | Out-String).Trim() | Should -Be 'a : 1'
    ([pscustomobject]@{ a = 1; b = 2 } | Format-Table b -HideTableHeaders | Out-String).Trim() | Should -Be '2'
  }
  It 'Measure-Command measures' { (Measure-Command { Start-Sleep -Milliseconds 30 }).TotalMilliseconds | Should -BeGreaterThan 25 }
  It 'Read-Host and confirmations are refused without a person' {
    $pwsh = [Environment]::ProcessPath
    if ((Split-Path $pwsh -Leaf) -eq 'dotnet') {
      # PowerShell as a tool of .NET has its program beside it.
      $pwsh = "$PSHOME/pwsh"
    }
    & $pwsh -NoProfile -NonInteractive -Command 'try { Read-Host } catch { "refused" }' | Should -Be 'refused'
  }
}

Describe 'Processes' {
  It 'finds this one' { (Get-Process -Id $PID).Id | Should -Be $PID }
  It 'reports one that is not there' { { Get-Process -Name no-such-process -ErrorAction Stop } | Should -Throw -ErrorId 'NoProcessFoundForGivenName*' }
  It 'starts, waits, tells the exit code' { (Start-Process sh -ArgumentList '-c', '"exit 3"' -Wait -PassThru).ExitCode | Should -Be 3 }
  It 'redirects to files' { Start-Process echo -ArgumentList hi -Wait -RedirectStandardOutput "$TestDrive/out"; Get-Content "$TestDrive/out" | Should -Be 'hi' }
  It 'stops' { $p = Start-Process sleep -ArgumentList 60 -PassThru; Stop-Process -Id $p.Id; $p.WaitForExit(5000) | Should -BeTrue }
}
