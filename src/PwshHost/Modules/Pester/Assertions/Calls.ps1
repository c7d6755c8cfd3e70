# SPDX-License-Identifier: MIT

function Assert-Invoke {
  param($Actual, [string] $CommandName, [int] $Times = 1, [scriptblock] $ParameterFilter, [string] $ModuleName, [string] $Scope, [switch] $Exactly, [bool] $Not, [string] $Because)
  $name = $CommandName ? $CommandName : [string]$Actual
  if (-not $Scope) { $Scope = $script:Run.Test ? 'It' : 'Describe' }
  $calls = @(Get-MockCall $name $ModuleName $Scope | Where-Object { -not $ParameterFilter -or (Test-MockFilter $ParameterFilter $_.Parameters $_.Arguments) })
  # Zero times means never; any other number means "at least" unless it is exact.
  $exact = $Exactly -or $Times -eq 0
  $success = $exact ? $calls.Count -eq $Times : $calls.Count -ge $Times
  $how = $exact ? "$Times times exactly" : "at least $Times times"
  Get-Verdict $success $Not (
    "Expected $name to be called $how,$Because but was called $($calls.Count) times.") (
    "Expected $name to not be called $how,$Because but was called $($calls.Count) times.")
}

function Assert-InvokeVerifiable {
  param($Actual, [bool] $Not, [string] $Because)
  $all = @(foreach ($list in $script:Run.Mocks.Values) { $list | Where-Object Verifiable })
  $missing = @($all | Where-Object { -not $_.Called } | ForEach-Object Name)
  $called = @($all | Where-Object Called | ForEach-Object Name)
  # -Not means that none was called.
  if ($Not) {
    return Get-Verdict ($called.Count -eq 0) $false "Expected no verifiable mocks to be called,$Because but these were: $($called -join ', ')." ''
  }
  Get-Verdict ($missing.Count -eq 0) $false "Expected all verifiable mocks to be called,$Because but these were not: $($missing -join ', ')." ''
}
