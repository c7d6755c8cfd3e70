# SPDX-License-Identifier: MIT
# Assertions that must fail, and mocks; the counting of results is tested by standin.sh.

Describe 'Should' {
  It '<Name> fails when it must' -ForEach @(
    @{ Name = 'Be'; Test = { 1 | Should -Be 2 } }
    @{ Name = 'Be, null'; Test = { $null | Should -Be 0 } }
    @{ Name = 'Be, collections'; Test = { 1, 2 | Should -Be 1, 3 } }
    @{ Name = 'BeExactly'; Test = { 'a' | Should -BeExactly 'A' } }
    @{ Name = 'BeTrue'; Test = { $false | Should -BeTrue } }
    @{ Name = 'BeFalse'; Test = { 1 | Should -BeFalse } }
    @{ Name = 'BeNullOrEmpty'; Test = { 'x' | Should -BeNullOrEmpty } }
    @{ Name = 'Not BeNullOrEmpty'; Test = { @() | Should -Not -BeNullOrEmpty } }
    @{ Name = 'BeOfType'; Test = { 1 | Should -BeOfType [string] } }
    @{ Name = 'BeGreaterThan'; Test = { 1 | Should -BeGreaterThan 1 } }
    @{ Name = 'BeGreaterOrEqual'; Test = { 1 | Should -BeGreaterOrEqual 2 } }
    @{ Name = 'BeLessThan'; Test = { 1 | Should -BeLessThan 1 } }
    @{ Name = 'BeLessOrEqual'; Test = { 2 | Should -BeLessOrEqual 1 } }
    @{ Name = 'BeLike'; Test = { 'abc' | Should -BeLike 'b*' } }
    @{ Name = 'Match'; Test = { 'abc' | Should -Match '^b' } }
    @{ Name = 'MatchExactly'; Test = { 'abc' | Should -MatchExactly 'A' } }
    @{ Name = 'Contain'; Test = { 1, 2 | Should -Contain 3 } }
    @{ Name = 'BeIn'; Test = { 3 | Should -BeIn 1, 2 } }
    @{ Name = 'HaveCount'; Test = { 1, 2 | Should -HaveCount 3 } }
    @{ Name = 'HaveParameter'; Test = { Get-Command Get-Item | Should -HaveParameter NoSuch } }
    @{ Name = 'Exist'; Test = { '/no/such' | Should -Exist } }
    @{ Name = 'Throw'; Test = { { 1 } | Should -Throw } }
    @{ Name = 'Throw, message'; Test = { { throw 'a' } | Should -Throw 'b' } }
    @{ Name = 'Throw, id'; Test = { { throw 'a' } | Should -Throw -ErrorId 'b' } }
    @{ Name = 'Throw, type'; Test = { { throw 'a' } | Should -Throw -ExceptionType ([System.IO.IOException]) } }
    @{ Name = 'Not Throw'; Test = { { throw 'a' } | Should -Not -Throw } }
  ) {
    $failure = $null
    try { & $Test } catch { $failure = $_ }
    $failure.FullyQualifiedErrorId | Should -Be 'PesterAssertionFailed'
  }
  It 'gives the reason' { { 1 | Should -Be 2 -Because 'so it is' } | Should -Throw '*because so it is*' }
  It 'gives the error with -PassThru' { ({ throw 'abc' } | Should -Throw -PassThru).Exception.Message | Should -Be 'abc' }
  It 'looks into files' { 'one', 'two' | Set-Content TestDrive:/f; 'TestDrive:/f' | Should -FileContentMatch '^TWO'; 'TestDrive:/f' | Should -Not -FileContentMatchExactly '^TWO' }
}

Describe 'Mock' {
  BeforeAll {
    function Get-HostTestThing { param([string] $Kind) "real $Kind" }
    function Use-HostTestThing { param([string] $Kind) Get-HostTestThing -Kind $Kind }
  }
  It 'replaces for the callers' { Mock Get-HostTestThing { 'fake' }; Use-HostTestThing x | Should -Be 'fake' }
  It 'ends with the test' { Use-HostTestThing x | Should -Be 'real x' }
  It 'has the parameters' { Mock Get-HostTestThing { "fake $Kind" }; Use-HostTestThing y | Should -Be 'fake y' }
  It 'filters, and calls the real one otherwise' {
    Mock Get-HostTestThing { 'fake' } -ParameterFilter { $Kind -eq 'a' }
    Use-HostTestThing a | Should -Be 'fake'
    Use-HostTestThing b | Should -Be 'real b'
  }
  It 'counts' {
    Mock Get-HostTestThing { }
    Use-HostTestThing a
    Use-HostTestThing b
    Should -Invoke Get-HostTestThing -Times 2 -Exactly
    Should -Invoke Get-HostTestThing -Times 1 -Exactly -ParameterFilter { $Kind -eq 'b' }
    { Should -Invoke Get-HostTestThing -Times 3 } | Should -Throw
  }
  It 'replaces cmdlets' { Mock Get-Date { 42 }; Get-Date | Should -Be 42; Should -Invoke Get-Date -Times 1 -Exactly }
  It 'knows the verifiable' { Mock Get-HostTestThing { } -Verifiable; { Should -InvokeVerifiable } | Should -Throw; Get-HostTestThing; Should -InvokeVerifiable }
  It 'reaches into modules' {
    $module = New-Module -Name HostTestModule { function Get-Inner { 'inner' }; function Get-Outer { Get-Inner }; Export-ModuleMember -Function Get-Outer } | Import-Module -PassThru
    Mock Get-Inner { 'mocked' } -ModuleName HostTestModule
    Get-Outer | Should -Be 'mocked'
    InModuleScope HostTestModule { Get-Command Get-Inner | Should -Not -BeNullOrEmpty }
    Remove-Module HostTestModule
  }
}
