# SPDX-License-Identifier: MIT

function Get-OrderVerdict {
  param([bool] $Success, [bool] $Not, [string] $Relation, $Actual, $Expected, [string] $Because)
  Get-Verdict $Success $Not (
    "Expected the actual value to be $Relation $(Format-Value $Expected),$Because but got $(Format-Value $Actual).") (
    "Expected the actual value not to be $Relation $(Format-Value $Expected),$Because but got $(Format-Value $Actual).")
}

function Assert-BeGreaterThan {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-OrderVerdict ($Actual -gt $ExpectedValue) $Not 'greater than' $Actual $ExpectedValue $Because
}

function Assert-BeGreaterOrEqual {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-OrderVerdict ($Actual -ge $ExpectedValue) $Not 'greater than or equal to' $Actual $ExpectedValue $Because
}

function Assert-BeLessThan {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-OrderVerdict ($Actual -lt $ExpectedValue) $Not 'less than' $Actual $ExpectedValue $Because
}

function Assert-BeLessOrEqual {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-OrderVerdict ($Actual -le $ExpectedValue) $Not 'less than or equal to' $Actual $ExpectedValue $Because
}

function Get-PatternVerdict {
  param([bool] $Success, [bool] $Not, [string] $Relation, $Actual, $Expected, [string] $Because)
  Get-Verdict $Success $Not (
    "Expected $Relation $(Format-Value $Expected) to match $(Format-Value $Actual),$Because but it did not match.") (
    "Expected $Relation $(Format-Value $Expected) to not match $(Format-Value $Actual),$Because but it did match.")
}

function Assert-BeLike {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-PatternVerdict ($Actual -like $ExpectedValue) $Not 'like wildcard' $Actual $ExpectedValue $Because
}

function Assert-BeLikeExactly {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-PatternVerdict ($Actual -clike $ExpectedValue) $Not 'case sensitive like wildcard' $Actual $ExpectedValue $Because
}

function Assert-Match {
  param($Actual, [string] $RegularExpression, [bool] $Not, [string] $Because)
  Get-PatternVerdict ($Actual -match $RegularExpression) $Not 'regular expression' $Actual $RegularExpression $Because
}

function Assert-MatchExactly {
  param($Actual, [string] $RegularExpression, [bool] $Not, [string] $Because)
  Get-PatternVerdict ($Actual -cmatch $RegularExpression) $Not 'case sensitive regular expression' $Actual $RegularExpression $Because
}
