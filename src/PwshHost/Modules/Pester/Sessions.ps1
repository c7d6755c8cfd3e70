# SPDX-License-Identifier: MIT
# A script block runs in the session it is bound to, and its scope there is a child of that session's current scope.
# So the blocks below, bound to the session of the test files, make the scopes that the tests live in.

$script:SessionOfBlock = [scriptblock].GetProperty('SessionStateInternal', [System.Reflection.BindingFlags]'Instance,NonPublic')
$script:SessionOfState = [System.Management.Automation.SessionState].GetProperty('Internal', [System.Reflection.BindingFlags]'Instance,NonPublic')

function Join-Session {
  param([scriptblock] $ScriptBlock, $Session)
  $copy = [scriptblock]::Create($ScriptBlock.ToString())
  $script:SessionOfBlock.SetValue($copy, $Session)
  $copy
}

function New-UserScope {
  param([System.Management.Automation.SessionState] $State)
  $session = $script:SessionOfState.GetValue($State)
  @{
    Session = $session

    # Calls a file, or a block, with the data of one -ForEach item as variables.
    Visit = Join-Session -Session $session -ScriptBlock {
      param($__pester)
      foreach ($__pester_name in $__pester.Variables.Keys) {
        Set-Variable -Name $__pester_name -Value $__pester.Variables[$__pester_name]
      }
      $__pester_arguments = $__pester.Arguments
      & $__pester.Target @__pester_arguments
    }

    # Runs a block: its setups in one scope, the tests and blocks in it in scopes below, its teardowns at the end.
    Block = Join-Session -Session $session -ScriptBlock {
      param($__pester)
      foreach ($__pester_name in $__pester.Variables.Keys) {
        Set-Variable -Name $__pester_name -Value $__pester.Variables[$__pester_name]
      }
      try {
        foreach ($__pester_step in $__pester.Before) { $null = . $__pester_step }
        $__pester.Failed = $false
      }
      catch {
        $__pester.Errors.Add($_)
      }
      & $__pester.Content $__pester
      foreach ($__pester_step in $__pester.After) {
        try { $null = . $__pester_step } catch { $__pester.Errors.Add($_) }
      }
    }

    # Runs one test: the setups of all blocks around it, outermost first, and the teardowns, innermost first.
    Test = Join-Session -Session $session -ScriptBlock {
      param($__pester)
      foreach ($__pester_name in $__pester.Variables.Keys) {
        Set-Variable -Name $__pester_name -Value $__pester.Variables[$__pester_name]
      }
      try {
        foreach ($__pester_step in $__pester.Before) { $null = . $__pester_step }
        $__pester_arguments = $__pester.Arguments
        $__pester.Output = . $__pester.Target @__pester_arguments
      }
      catch {
        $__pester.Errors.Add($_)
      }
      foreach ($__pester_step in $__pester.After) {
        try { $null = . $__pester_step } catch { $__pester.Errors.Add($_) }
      }
    }
  }
}

# The variables that one item of -ForEach defines: $_ and, of a dictionary, its keys.
function Get-ItemVariable {
  param([bool] $HasItem, $Item)
  $variables = [ordered]@{}
  if ($HasItem) {
    if ($Item -is [System.Collections.IDictionary]) {
      foreach ($key in $Item.Keys) { $variables[[string]$key] = $Item[$key] }
    }
    $variables['_'] = $Item
  }
  $variables
}

# A test with a param block gets its data as arguments too.
function Get-ItemArgument {
  param([scriptblock] $ScriptBlock, [bool] $HasItem, $Item)
  if ($HasItem -and $Item -is [System.Collections.IDictionary] -and $ScriptBlock.Ast.ParamBlock) {
    $arguments = @{}
    foreach ($parameter in $ScriptBlock.Ast.ParamBlock.Parameters) {
      $name = $parameter.Name.VariablePath.UserPath
      if ($Item.Contains($name)) { $arguments[$name] = $Item[$name] }
    }
    return $arguments
  }
  @{}
}
