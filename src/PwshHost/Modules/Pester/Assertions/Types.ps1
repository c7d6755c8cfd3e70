# SPDX-License-Identifier: MIT

function Assert-BeOfType {
  param($Actual, $ExpectedType, [bool] $Not, [string] $Because)
  $type = $ExpectedType -is [string] ? ($ExpectedType.Trim('[', ']') -as [type]) : $ExpectedType
  if ($null -eq $type) { throw [System.ArgumentException]::new("Could not find type [$ExpectedType]. Make sure that the assembly that contains that type is loaded.") }
  $actualType = $null -eq $Actual ? 'no type' : "type $(Format-Value $Actual.GetType())"
  Get-Verdict ($Actual -is $type) $Not (
    "Expected the value to have type $(Format-Value $type) or any of its subtypes,$Because but got $(Format-Value $Actual) with $actualType.") (
    "Expected the given value to not have type $(Format-Value $type) or any of its subtypes,$Because but got $(Format-Value $Actual) with $actualType.")
}

function Assert-HaveParameter {
  param($Actual, [string] $ParameterName, $Type, [string] $DefaultValue, [switch] $Mandatory, [string[]] $Alias, [bool] $Not, [string] $Because)
  if ($Actual -isnot [System.Management.Automation.CommandInfo]) {
    throw [System.ArgumentException]::new('The value must be a command; use (Get-Command <name>) | Should -HaveParameter.')
  }
  $found = $Actual.Parameters[$ParameterName]
  $faults = @()
  if (-not $found) {
    $faults += 'the parameter is missing'
  }
  else {
    $wanted = $Type -is [string] ? ($Type.Trim('[', ']') -as [type]) : $Type
    if ($PSBoundParameters.ContainsKey('Type') -and $found.ParameterType -ne $wanted) { $faults += "it was of type $(Format-Value $found.ParameterType)" }
    $attributes = @($found.Attributes | Where-Object { $_ -is [System.Management.Automation.ParameterAttribute] })
    if ($Mandatory -and -not @($attributes | Where-Object Mandatory)) { $faults += "it wasn't mandatory" }
    foreach ($name in $Alias) { if ($name -notin $found.Aliases) { $faults += "it didn't have the alias '$name'" } }
    if ($PSBoundParameters.ContainsKey('DefaultValue')) {
      $ast = @($Actual.ScriptBlock.Ast.FindAll({ $args[0] -is [System.Management.Automation.Language.ParameterAst] -and $args[0].Name.VariablePath.UserPath -eq $ParameterName }, $true))[0]
      $value = $ast -and $ast.DefaultValue ? $ast.DefaultValue.Extent.Text.Trim('"', "'") : ''
      if ($value -ne $DefaultValue) { $faults += "the default value was '$value'" }
    }
  }
  Get-Verdict ($faults.Count -eq 0) $Not (
    "Expected command $($Actual.Name) to have a parameter $ParameterName,$Because but $($faults -join ' and ').") (
    "Expected command $($Actual.Name) to not have a parameter $ParameterName,$Because but it has one.")
}
