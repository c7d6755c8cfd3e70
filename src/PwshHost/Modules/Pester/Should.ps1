# SPDX-License-Identifier: MIT

# Each assertion is a function Assert-<Name>; its result is $null when it holds (-Not considered), else the message.
# These take all of the piped values as one collection, the others one value after the other.
$script:TakesCollection = 'Be', 'BeExactly', 'BeNullOrEmpty', 'Contain', 'HaveCount'

<#
.SYNOPSIS
  Says what must be true of a value; throws when it is not.
#>
function Should {
  [CmdletBinding(DefaultParameterSetName = 'Be')]
  param(
    [Parameter(ValueFromPipeline)] $ActualValue,
    [Parameter(Mandatory, ParameterSetName = 'Be')] [Alias('EQ')] [switch] $Be,
    [Parameter(Mandatory, ParameterSetName = 'BeExactly')] [Alias('CEQ')] [switch] $BeExactly,
    [Parameter(Mandatory, ParameterSetName = 'BeTrue')] [switch] $BeTrue,
    [Parameter(Mandatory, ParameterSetName = 'BeFalse')] [switch] $BeFalse,
    [Parameter(Mandatory, ParameterSetName = 'BeNullOrEmpty')] [switch] $BeNullOrEmpty,
    [Parameter(Mandatory, ParameterSetName = 'BeOfType')] [Alias('HaveType')] [switch] $BeOfType,
    [Parameter(Mandatory, ParameterSetName = 'BeGreaterThan')] [Alias('GT')] [switch] $BeGreaterThan,
    [Parameter(Mandatory, ParameterSetName = 'BeGreaterOrEqual')] [Alias('GE')] [switch] $BeGreaterOrEqual,
    [Parameter(Mandatory, ParameterSetName = 'BeLessThan')] [Alias('LT')] [switch] $BeLessThan,
    [Parameter(Mandatory, ParameterSetName = 'BeLessOrEqual')] [Alias('LE')] [switch] $BeLessOrEqual,
    [Parameter(Mandatory, ParameterSetName = 'BeLike')] [switch] $BeLike,
    [Parameter(Mandatory, ParameterSetName = 'BeLikeExactly')] [switch] $BeLikeExactly,
    [Parameter(Mandatory, ParameterSetName = 'Match')] [switch] $Match,
    [Parameter(Mandatory, ParameterSetName = 'MatchExactly')] [Alias('CMATCH')] [switch] $MatchExactly,
    [Parameter(Mandatory, ParameterSetName = 'Contain')] [switch] $Contain,
    [Parameter(Mandatory, ParameterSetName = 'BeIn')] [switch] $BeIn,
    [Parameter(Mandatory, ParameterSetName = 'HaveCount')] [switch] $HaveCount,
    [Parameter(Mandatory, ParameterSetName = 'HaveParameter')] [switch] $HaveParameter,
    [Parameter(Mandatory, ParameterSetName = 'Exist')] [switch] $Exist,
    [Parameter(Mandatory, ParameterSetName = 'FileContentMatch')] [switch] $FileContentMatch,
    [Parameter(Mandatory, ParameterSetName = 'FileContentMatchExactly')] [switch] $FileContentMatchExactly,
    [Parameter(Mandatory, ParameterSetName = 'FileContentMatchMultiline')] [switch] $FileContentMatchMultiline,
    [Parameter(Mandatory, ParameterSetName = 'Throw')] [switch] $Throw,
    [Parameter(Mandatory, ParameterSetName = 'Invoke')] [switch] $Invoke,
    [Parameter(Mandatory, ParameterSetName = 'InvokeVerifiable')] [switch] $InvokeVerifiable,

    [Parameter(Position = 0, ParameterSetName = 'Be')]
    [Parameter(Position = 0, ParameterSetName = 'BeExactly')]
    [Parameter(Position = 0, ParameterSetName = 'BeGreaterThan')]
    [Parameter(Position = 0, ParameterSetName = 'BeGreaterOrEqual')]
    [Parameter(Position = 0, ParameterSetName = 'BeLessThan')]
    [Parameter(Position = 0, ParameterSetName = 'BeLessOrEqual')]
    [Parameter(Position = 0, ParameterSetName = 'BeLike')]
    [Parameter(Position = 0, ParameterSetName = 'BeLikeExactly')]
    [Parameter(Position = 0, ParameterSetName = 'Contain')]
    [Parameter(Position = 0, ParameterSetName = 'BeIn')]
    [Parameter(Position = 0, ParameterSetName = 'HaveCount')]
    $ExpectedValue,
    [Parameter(Position = 0, ParameterSetName = 'BeOfType')] $ExpectedType,
    [Parameter(Position = 0, ParameterSetName = 'Match')]
    [Parameter(Position = 0, ParameterSetName = 'MatchExactly')] [string] $RegularExpression,
    [Parameter(Position = 0, ParameterSetName = 'FileContentMatch')]
    [Parameter(Position = 0, ParameterSetName = 'FileContentMatchExactly')]
    [Parameter(Position = 0, ParameterSetName = 'FileContentMatchMultiline')] [string] $ExpectedContent,
    [Parameter(Position = 0, ParameterSetName = 'Throw')] [string] $ExpectedMessage,
    [Parameter(Position = 1, ParameterSetName = 'Throw')] [string] $ErrorId,
    [Parameter(Position = 2, ParameterSetName = 'Throw')] [type] $ExceptionType,
    [Parameter(ParameterSetName = 'Throw')] [switch] $PassThru,
    [Parameter(Position = 0, ParameterSetName = 'HaveParameter')] [string] $ParameterName,
    [Parameter(Position = 1, ParameterSetName = 'HaveParameter')] $Type,
    [Parameter(Position = 2, ParameterSetName = 'HaveParameter')] [string] $DefaultValue,
    [Parameter(ParameterSetName = 'HaveParameter')] [switch] $Mandatory,
    [Parameter(ParameterSetName = 'HaveParameter')] [string[]] $Alias,
    [Parameter(Position = 0, ParameterSetName = 'Invoke')] [string] $CommandName,
    [Parameter(Position = 1, ParameterSetName = 'Invoke')] [int] $Times = 1,
    [Parameter(ParameterSetName = 'Invoke')] [scriptblock] $ParameterFilter,
    [Parameter(ParameterSetName = 'Invoke')] [string] $ModuleName,
    [Parameter(ParameterSetName = 'Invoke')] [ValidateSet('It', 'Context', 'Describe')] [string] $Scope,
    [Parameter(ParameterSetName = 'Invoke')] [switch] $Exactly,

    [switch] $Not,
    [string] $Because
  )
  begin {
    $values = [System.Collections.Generic.List[object]]::new()
    $piped = -not $PSBoundParameters.ContainsKey('ActualValue')
  }
  process {
    if ($piped -and -not $MyInvocation.ExpectingInput) { return }
    $values.Add($ActualValue)
  }
  end {
    $name = $PSCmdlet.ParameterSetName
    $arguments = @{ Not = [bool]$Not; Because = $Because ? " because $Because," : '' }
    $sources = switch ($name) {
      'Throw' { 'ExpectedMessage', 'ErrorId', 'ExceptionType', 'PassThru' }
      'HaveParameter' { 'ParameterName', 'Type', 'DefaultValue', 'Mandatory', 'Alias' }
      'Invoke' { 'CommandName', 'Times', 'ParameterFilter', 'ModuleName', 'Scope', 'Exactly' }
      'BeOfType' { 'ExpectedType' }
      { $_ -in 'Match', 'MatchExactly' } { 'RegularExpression' }
      { $_ -like 'FileContent*' } { 'ExpectedContent' }
      { $_ -in 'BeTrue', 'BeFalse', 'BeNullOrEmpty', 'Exist', 'InvokeVerifiable' } { }
      default { 'ExpectedValue' }
    }
    foreach ($source in $sources) {
      if ($PSBoundParameters.ContainsKey($source)) { $arguments[$source] = $PSBoundParameters[$source] }
    }

    if ($name -in $script:TakesCollection) {
      $actuals = , ($piped ? ($values.Count -eq 1 ? $values[0] : $values.ToArray()) : $ActualValue)
    }
    elseif ($piped -and $values.Count) {
      $actuals = $values.ToArray()
    }
    else {
      $actuals = , ($piped ? $null : $ActualValue)
    }

    foreach ($actual in $actuals) {
      $verdict = & "Assert-$name" -Actual $actual @arguments
      if ($verdict.Message) { throw (New-AssertionError $verdict.Message $MyInvocation) }
      if ($verdict.ContainsKey('Output')) { $verdict.Output }
    }
  }
}

function New-AssertionError {
  param([string] $Message, [System.Management.Automation.InvocationInfo] $Invocation)
  $detail = @{
    Message  = $Message
    File     = $Invocation.ScriptName
    Line     = $Invocation.ScriptLineNumber
    LineText = $Invocation.Line.TrimEnd()
    Place    = "at $($Invocation.Line.Trim()), $($Invocation.ScriptName):$($Invocation.ScriptLineNumber)"
  }
  [System.Management.Automation.ErrorRecord]::new([System.Exception]::new($Message), 'PesterAssertionFailed', 'InvalidResult', $detail)
}

# What an assertion answers: nothing when the test came out as wanted, else one of two messages.
function Get-Verdict {
  param([bool] $Success, [bool] $Not, [string] $Message, [string] $NotMessage)
  if ($Success -ne $Not) { return @{} }
  @{ Message = $Not ? $NotMessage : $Message }
}

function Format-Value {
  param($Value)
  if ($null -eq $Value) { return '$null' }
  if ($Value -is [string]) { return "'$Value'" }
  if ($Value -is [bool]) { return "`$$($Value.ToString().ToLowerInvariant())" }
  if ($Value -is [type]) { return "[$($Value.FullName)]" }
  if ($Value -is [System.Collections.IDictionary]) {
    return '@{' + (@(foreach ($key in $Value.Keys) { "$key=$(Format-Value $Value[$key])" }) -join '; ') + '}'
  }
  if ($Value -is [System.Collections.IEnumerable]) {
    $items = @(foreach ($item in $Value) { Format-Value $item })
    $shown = $items.Count -gt 10 ? ($items[0..9] -join ', ') + ", ...$($items.Count - 10) more" : $items -join ', '
    return "@($shown)"
  }
  [string]$Value
}
