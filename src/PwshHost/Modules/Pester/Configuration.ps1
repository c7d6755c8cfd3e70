# SPDX-License-Identifier: MIT

<#
.SYNOPSIS
  The settings of a run, with their defaults; fill in what differs and give it to Invoke-Pester -Configuration.
#>
function New-PesterConfiguration {
  [CmdletBinding()]
  param([System.Collections.IDictionary] $Hashtable)

  $configuration = [pscustomobject]@{
    PSTypeName = 'PesterConfiguration'
    Run        = [pscustomobject]@{
      Path          = @('.')
      ExcludePath   = @()
      ScriptBlock   = @()
      Container     = @()
      TestExtension = '.Tests.ps1'
      Exit          = $false
      Throw         = $false
      PassThru      = $false
      SkipRun       = $false
    }
    Filter     = [pscustomobject]@{
      Tag        = @()
      ExcludeTag = @()
      FullName   = @()
    }
    Output     = [pscustomobject]@{
      Verbosity = 'Normal'
    }
  }
  if ($Hashtable) { Merge-Configuration $configuration $Hashtable }
  $configuration
}

function Merge-Configuration {
  param($Target, [System.Collections.IDictionary] $Values)
  foreach ($key in $Values.Keys) {
    $property = $Target.PSObject.Properties[[string]$key]
    if (-not $property) { throw [System.ArgumentException]::new("There is no setting '$key'; known: $($Target.PSObject.Properties.Name -join ', ').") }
    if ($Values[$key] -is [System.Collections.IDictionary] -and $property.Value -is [pscustomobject]) {
      Merge-Configuration $property.Value $Values[$key]
    }
    else {
      $property.Value = $Values[$key]
    }
  }
}

<#
.SYNOPSIS
  A file or a script block with tests, and the parameters that it is to be called with.
#>
function New-PesterContainer {
  [CmdletBinding(DefaultParameterSetName = 'Path')]
  param(
    [Parameter(Mandatory, ParameterSetName = 'Path')] [string[]] $Path,
    [Parameter(Mandatory, ParameterSetName = 'ScriptBlock')] [scriptblock[]] $ScriptBlock,
    [System.Collections.IDictionary[]] $Data = @(@{})
  )
  foreach ($item in $Path ? @($Path | Resolve-Path | ForEach-Object ProviderPath) : $ScriptBlock) {
    foreach ($set in $Data) {
      [pscustomobject]@{ PSTypeName = 'Pester.ContainerInfo'; Item = $item; Data = $set }
    }
  }
}
