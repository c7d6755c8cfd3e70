# SPDX-License-Identifier: MIT

function Assert-Contain {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-Verdict (@($Actual) -contains $ExpectedValue) $Not (
    "Expected $(Format-Value $ExpectedValue) to be found in collection $(Format-Value $Actual),$Because but it was not found.") (
    "Expected $(Format-Value $ExpectedValue) to not be found in collection $(Format-Value $Actual),$Because but it was found.")
}

function Assert-BeIn {
  param($Actual, $ExpectedValue, [bool] $Not, [string] $Because)
  Get-Verdict (@($ExpectedValue) -contains $Actual) $Not (
    "Expected collection $(Format-Value $ExpectedValue) to contain $(Format-Value $Actual),$Because but it was not found.") (
    "Expected collection $(Format-Value $ExpectedValue) to not contain $(Format-Value $Actual),$Because but it was found.")
}

function Assert-HaveCount {
  param($Actual, [int] $ExpectedValue, [bool] $Not, [string] $Because)
  # Piped nothing has no element; one piped $null is an element.
  $count = $Actual -is [System.Collections.ICollection] ? $Actual.Count : 1
  Get-Verdict ($count -eq $ExpectedValue) $Not (
    "Expected a collection with size $ExpectedValue,$Because but got collection with size $count $(Format-Value $Actual).") (
    "Expected a collection with size different from $ExpectedValue,$Because but got collection with that size $(Format-Value $Actual).")
}
