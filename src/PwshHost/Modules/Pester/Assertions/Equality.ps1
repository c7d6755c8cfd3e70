# SPDX-License-Identifier: MIT

function Test-Same {
  param($Actual, $Expected, [bool] $CaseSensitive)
  if ($Expected -is [array] -or $Actual -is [array]) {
    if (-not ($Expected -is [array] -and $Actual -is [array])) {
      # One element without its array, as a pipeline delivers it, is that element.
      if ($Expected -is [array] -and $Expected.Count -eq 1) { return Test-Same $Actual $Expected[0] $CaseSensitive }
      if ($Actual -is [array] -and $Actual.Count -eq 1) { return Test-Same $Actual[0] $Expected $CaseSensitive }
      return $false
    }
    if ($Actual.Count -ne $Expected.Count) { return $false }
    for ($i = 0; $i -lt $Actual.Count; $i++) {
      if (-not (Test-Same $Actual[$i] $Expected[$i] $CaseSensitive)) { return $false }
    }
    return $true
  }
  [bool]($CaseSensitive ? ($Expected -ceq $Actual) : ($Expected -eq $Actual))
}

function Get-DifferenceText {
  param($Actual, $Expected, [string] $Because, [bool] $CaseSensitive)
  if ($Actual -isnot [string] -or $Expected -isnot [string]) {
    return "Expected$(${CaseSensitive} ? ' exactly' : '') $(Format-Value $Expected),$Because but got $(Format-Value $Actual)."
  }
  $comparison = $CaseSensitive ? [System.StringComparison]::Ordinal : [System.StringComparison]::OrdinalIgnoreCase
  $at = 0
  while ($at -lt $Actual.Length -and $at -lt $Expected.Length -and [string]::Equals($Actual[$at], $Expected[$at], $comparison)) { $at++ }
  $lengths = $Actual.Length -eq $Expected.Length ? "String lengths are both $($Actual.Length)." : "Expected length: $($Expected.Length)`nActual length:   $($Actual.Length)"
  "Expected strings to be the same,$Because but they were different.`n$lengths`nStrings differ at index $at.`nExpected: '$Expected'`nBut was:  '$Actual'"
}

function Assert-Be {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-Verdict (Test-Same $Actual $ExpectedValue $false) $Not (Get-DifferenceText $Actual $ExpectedValue $Because $false) (
    "Expected $(Format-Value $ExpectedValue) to be different from the actual value,$Because but got the same value.")
}

function Assert-BeExactly {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-Verdict (Test-Same $Actual $ExpectedValue $true) $Not (Get-DifferenceText $Actual $ExpectedValue $Because $true) (
    "Expected $(Format-Value $ExpectedValue) to be different from the actual value,$Because but got exactly the same value.")
}

function Assert-BeTrue {
  param($Actual, [bool] $Not, [string] $Because)
  Get-Verdict ([bool]$Actual) $Not "Expected `$true,$Because but got $(Format-Value $Actual)." "Expected `$false,$Because but got $(Format-Value $Actual)."
}

function Assert-BeFalse {
  param($Actual, [bool] $Not, [string] $Because)
  Get-Verdict (-not $Actual) $Not "Expected `$false,$Because but got $(Format-Value $Actual)." "Expected `$true,$Because but got $(Format-Value $Actual)."
}

function Assert-BeNullOrEmpty {
  param($Actual, [bool] $Not, [string] $Because)
  $empty = $null -eq $Actual -or ($Actual -is [string] -and $Actual.Length -eq 0) -or
    ($Actual -isnot [string] -and $Actual -is [System.Collections.ICollection] -and $Actual.Count -eq 0)
  Get-Verdict $empty $Not "Expected `$null or empty,$Because but got $(Format-Value $Actual)." "Expected a value,$Because but got `$null or empty."
}
