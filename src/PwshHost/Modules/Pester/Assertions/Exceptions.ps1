# SPDX-License-Identifier: MIT

function Assert-Throw {
  param($Actual, [string] $ExpectedMessage, [string] $ErrorId, [type] $ExceptionType, [switch] $PassThru, [bool] $Not, [string] $Because)
  if ($Actual -isnot [scriptblock]) {
    throw [System.ArgumentException]::new('Input is not a ScriptBlock. Input to "-Throw" and "-Not -Throw" must be enclosed in curly braces.')
  }

  # A terminating error of a command stops the block because a try is around it; other errors do not count.
  $caught = $null
  try { $null = & $Actual } catch { $caught = $_ }

  if ($Not) {
    if ($caught) { return @{ Message = "Expected no exception to be thrown,$Because but an exception `"$($caught.Exception.Message)`" was thrown." } }
    return @{}
  }

  $wants = @()
  if ($ExpectedMessage) { $wants += "message like $(Format-Value $ExpectedMessage)" }
  if ($ErrorId) { $wants += "FullyQualifiedErrorId $(Format-Value $ErrorId)" }
  if ($ExceptionType) { $wants += "type $(Format-Value $ExceptionType)" }
  $with = $wants ? " with $($wants -join ', ')" : ''
  if (-not $caught) { return @{ Message = "Expected an exception$with to be thrown,$Because but no exception was thrown." } }

  $faults = @()
  if ($ExpectedMessage -and $caught.Exception.Message -notlike $ExpectedMessage) { $faults += "the message was $(Format-Value $caught.Exception.Message)" }
  if ($ErrorId -and $caught.FullyQualifiedErrorId -notlike $ErrorId) { $faults += "the FullyQualifiedErrorId was $(Format-Value $caught.FullyQualifiedErrorId)" }
  if ($ExceptionType -and $caught.Exception -isnot $ExceptionType) { $faults += "the exception type was $(Format-Value $caught.Exception.GetType())" }
  if ($faults) {
    $place = $caught.InvocationInfo -and $caught.InvocationInfo.ScriptName ? " from $($caught.InvocationInfo.ScriptName):$($caught.InvocationInfo.ScriptLineNumber)" : ''
    return @{ Message = "Expected an exception$with to be thrown,$Because but $($faults -join ' and ')$place." }
  }
  if ($PassThru) { return @{ Output = $caught } }
  @{}
}
