# SPDX-License-Identifier: MIT

function Assert-Exist {
  param($Actual, [bool] $Not, [string] $Because)
  $exists = & $script:SafeCommands['Test-Path'] -Path $Actual
  Get-Verdict $exists $Not "Expected path $(Format-Value $Actual) to exist,$Because but it did not exist." (
    "Expected path $(Format-Value $Actual) to not exist,$Because but it did exist.")
}

function Get-ContentVerdict {
  param([bool] $Success, [bool] $Not, [string] $Relation, $Actual, [string] $Expected, [string] $Because)
  Get-Verdict $Success $Not (
    "Expected $(Format-Value $Expected) to be $Relation in file $(Format-Value $Actual),$Because but it was not found.") (
    "Expected $(Format-Value $Expected) to not be $Relation in file $(Format-Value $Actual),$Because but it was found.")
}

function Assert-FileContentMatch {
  param($Actual, [string] $ExpectedContent, [bool] $Not, [string] $Because)
  $found = [bool](@(& $script:SafeCommands['Get-Content'] -Path $Actual) -match $ExpectedContent)
  Get-ContentVerdict $found $Not 'found' $Actual $ExpectedContent $Because
}

function Assert-FileContentMatchExactly {
  param($Actual, [string] $ExpectedContent, [bool] $Not, [string] $Because)
  $found = [bool](@(& $script:SafeCommands['Get-Content'] -Path $Actual) -cmatch $ExpectedContent)
  Get-ContentVerdict $found $Not 'case sensitively found' $Actual $ExpectedContent $Because
}

function Assert-FileContentMatchMultiline {
  param($Actual, [string] $ExpectedContent, [bool] $Not, [string] $Because)
  $found = [regex]::IsMatch((& $script:SafeCommands['Get-Content'] -Path $Actual -Raw), $ExpectedContent, 'IgnoreCase, Multiline')
  Get-ContentVerdict $found $Not 'found' $Actual $ExpectedContent $Because
}
