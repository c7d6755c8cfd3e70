# SPDX-License-Identifier: MIT
# A mock is a function of the command's name and parameters, put where the callers look: in the scope of the test
# or block that asks for it, or in the module that is named. It hands each call to Invoke-MockedCommand here.

# What this module itself needs while the tests have mocked it.
$script:SafeCommands = @{}
foreach ($name in 'Test-Path', 'Get-Content', 'Get-Command', 'Set-Item', 'Remove-Item', 'Get-Module') {
  $script:SafeCommands[$name] = $ExecutionContext.InvokeCommand.GetCommand($name, 'Cmdlet')
}

<#
.SYNOPSIS
  Replaces a command by a script block until the test or block that calls this ends.
#>
function Mock {
  [CmdletBinding()]
  param(
    [Parameter(Mandatory, Position = 0)] [string] $CommandName,
    [Parameter(Position = 1)] [scriptblock] $MockWith = {},
    [Parameter(Position = 2)] [scriptblock] $ParameterFilter,
    [string] $ModuleName,
    [switch] $Verifiable
  )
  if (-not $script:Run -or $script:Run.Phase -ne 'Run') { throw [System.InvalidOperationException]::new('Mock is for tests and for Before blocks.') }
  $module = $ModuleName ? (& $script:SafeCommands['Get-Module'] -Name $ModuleName) : $null
  if ($ModuleName -and -not $module) { throw [System.ArgumentException]::new("No module named '$ModuleName' is loaded.") }
  $session = $module ? $script:SessionOfState.GetValue($module.SessionState) : $script:Run.User.Session

  $key = "$ModuleName|$CommandName".ToLowerInvariant()
  if (-not $script:Run.Mocks.ContainsKey($key)) { $script:Run.Mocks[$key] = [System.Collections.Generic.List[object]]::new() }
  $behaviors = $script:Run.Mocks[$key]
  $original = $behaviors.Count ? $behaviors[0].Original : (& (Join-Session { param($find, $name) & $find -Name $name -ErrorAction Ignore | Select-Object -First 1 } $session) $script:SafeCommands['Get-Command'] $CommandName)
  if ($original -is [System.Management.Automation.AliasInfo]) { return Mock -CommandName $original.Definition @PSBoundParameters }
  if (-not $original) { throw [System.Management.Automation.CommandNotFoundException]::new("Could not find Command $CommandName") }

  $behaviors.Add([pscustomobject]@{
      Name       = $CommandName
      MockWith   = $MockWith
      Filter     = $ParameterFilter
      Verifiable = [bool]$Verifiable
      Called     = $false
      Owner      = $script:Run.Test ?? $script:Run.Block
      Original   = $original
    })
  $body = New-MockBody $original $key
  # "script:" in a module outlives the call; in the tests' session the function goes with the scope it is put in.
  $put = Join-Session { param($__pester_set, $__pester_path, $__pester_body) & $__pester_set -LiteralPath $__pester_path -Value $__pester_body } $session
  . $put $script:SafeCommands['Set-Item'] "function:$($module ? 'script' : 'local'):$CommandName" (Join-Session $body $session)
}

function New-MockBody {
  param($Original, [string] $Key)
  $parameters = ''
  $binding = ''
  if ($Original -is [System.Management.Automation.CmdletInfo] -or $Original.CmdletBinding) {
    $metadata = [System.Management.Automation.CommandMetadata]::new($Original)
    $parameters = [System.Management.Automation.ProxyCommand]::GetParamBlock($metadata)
    $binding = [System.Management.Automation.ProxyCommand]::GetCmdletBindingAttribute($metadata)
  }
  elseif ($Original -is [System.Management.Automation.FunctionInfo]) {
    $parameters = [System.Management.Automation.ProxyCommand]::GetParamBlock([System.Management.Automation.CommandMetadata]::new($Original))
  }
  $escaped = $Key.Replace("'", "''")
  $extra = $binding ? '@()' : '$args'
  [scriptblock]::Create(@"
$binding
param($parameters)
end {
  `$__pester_input = @(`$input)
  & (Get-Module -Name Pester) { param(`$key, `$bound, `$arguments, `$items) Invoke-MockedCommand `$key `$bound `$arguments `$items } '$escaped' `$PSBoundParameters $extra `$__pester_input
}
"@)
}

function Invoke-MockedCommand {
  param([string] $Key, $Parameters, $Arguments, $Items)
  $behaviors = $script:Run.Mocks[$Key]
  $script:Run.MockCalls.Add([pscustomobject]@{
      Key        = $Key
      Parameters = $Parameters
      Arguments  = $Arguments
      Test       = $script:Run.Test
      Block      = $script:Run.Block
    })

  # The newest that fits; those with a filter before those without.
  $fitting = $null
  for ($i = $behaviors.Count - 1; $i -ge 0 -and -not $fitting; $i--) {
    if ($behaviors[$i].Filter -and (Test-MockFilter $behaviors[$i].Filter $Parameters $Arguments)) { $fitting = $behaviors[$i] }
  }
  for ($i = $behaviors.Count - 1; $i -ge 0 -and -not $fitting; $i--) {
    if (-not $behaviors[$i].Filter) { $fitting = $behaviors[$i] }
  }
  if (-not $fitting) {
    $original = $behaviors[0].Original
    if ($Items) { return $Items | & $original @Parameters @Arguments }
    return & $original @Parameters @Arguments
  }
  $fitting.Called = $true
  Invoke-WithParameter $fitting.MockWith $Parameters $Arguments
}

function Test-MockFilter {
  param([scriptblock] $Filter, $Parameters, $Arguments)
  [bool](Invoke-WithParameter $Filter $Parameters $Arguments)
}

# Runs a user's block with the parameters of the mocked call as its variables.
function Invoke-WithParameter {
  param([scriptblock] $ScriptBlock, $Parameters, $Arguments)
  $scope = Join-Session -Session $script:SessionOfBlock.GetValue($ScriptBlock) -ScriptBlock {
    param($__pester)
    foreach ($__pester_name in $__pester.Parameters.Keys) {
      Set-Variable -Name $__pester_name -Value $__pester.Parameters[$__pester_name]
    }
    $PesterBoundParameters = $__pester.Parameters
    $__pester_named = $__pester.Named
    $__pester_arguments = $__pester.Arguments
    . $__pester.Target @__pester_named @__pester_arguments
  }
  $named = @{}
  if ($ScriptBlock.Ast.ParamBlock) {
    foreach ($parameter in $ScriptBlock.Ast.ParamBlock.Parameters) {
      $name = $parameter.Name.VariablePath.UserPath
      if ($Parameters.ContainsKey($name)) { $named[$name] = $Parameters[$name] }
    }
  }
  & $scope @{ Parameters = $Parameters; Named = $named; Arguments = @($Arguments); Target = $ScriptBlock }
}

function Get-MockCall {
  param([string] $Name, [string] $ModuleName, [string] $Scope)
  $key = "$ModuleName|$Name".ToLowerInvariant()
  if (-not $script:Run.Mocks.ContainsKey($key)) {
    throw [System.InvalidOperationException]::new("Should -Invoke: there is no mock of the command '$Name'$($ModuleName ? " in module $ModuleName" : '').")
  }
  $block = $script:Run.Block
  while ($Scope -eq 'Describe' -and $block.Kind -eq 'Context' -and $block.Parent) { $block = $block.Parent }
  foreach ($call in $script:Run.MockCalls) {
    if ($call.Key -ne $key) { continue }
    if ($Scope -eq 'It' ? [object]::ReferenceEquals($call.Test, $script:Run.Test) : (Test-Within $call.Block $block)) { $call }
  }
}

function Test-Within {
  param($Block, $Outer)
  for ($b = $Block; $b; $b = $b.Parent) { if ([object]::ReferenceEquals($b, $Outer)) { return $true } }
  $false
}

# Functions in the tests' session went with their scope; those in modules are taken out here.
function Remove-Mock {
  param($Owner)
  foreach ($key in @($script:Run.Mocks.Keys)) {
    $behaviors = $script:Run.Mocks[$key]
    $null = $behaviors.RemoveAll([Predicate[object]] { param($behavior) [object]::ReferenceEquals($behavior.Owner, $Owner) })
    if ($behaviors.Count) { continue }
    $script:Run.Mocks.Remove($key)
    $moduleName, $name = $key -split '\|', 2
    $module = $moduleName ? (& $script:SafeCommands['Get-Module'] -Name $moduleName) : $null
    if ($module) {
      $session = $script:SessionOfState.GetValue($module.SessionState)
      & (Join-Session { param($remove, $name) & $remove -LiteralPath "function:$name" -ErrorAction Ignore } $session) $script:SafeCommands['Remove-Item'] $name
    }
  }
}

<#
.SYNOPSIS
  Runs a script block as if it stood in a module, so that what the module keeps to itself can be tested.
#>
function InModuleScope {
  [CmdletBinding()]
  param(
    [Parameter(Mandatory, Position = 0)] [string] $ModuleName,
    [Parameter(Mandatory, Position = 1)] [scriptblock] $ScriptBlock,
    [System.Collections.IDictionary] $Parameters = @{},
    [object[]] $ArgumentList = @()
  )
  $module = & $script:SafeCommands['Get-Module'] -Name $ModuleName
  if (-not $module) { throw [System.ArgumentException]::new("No module named '$ModuleName' is loaded.") }
  $bound = $module.NewBoundScriptBlock($ScriptBlock)
  $named = @{}
  foreach ($key in $Parameters.Keys) { $named[$key] = $Parameters[$key] }
  if ($ScriptBlock.Ast.ParamBlock) { return & $bound @named @ArgumentList }
  Invoke-WithParameter $bound $named $ArgumentList
}
