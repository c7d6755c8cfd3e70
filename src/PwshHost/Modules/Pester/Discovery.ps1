# SPDX-License-Identifier: MIT

function New-Block {
  param($Parent, [string] $Name, [string] $Kind, [string[]] $Tag, [bool] $Skip, [scriptblock] $ScriptBlock, [bool] $HasItem, $Item)
  $variables = Get-NameVariable $Parent $HasItem $Item
  [pscustomobject]@{
    PSTypeName   = 'Pester.Block'
    Name         = $Name
    ExpandedName = Expand-Name $Name $variables
    Kind         = $Kind
    Parent       = $Parent
    Path         = @($Parent ? $Parent.Path : @()) + @($Kind -eq 'Container' ? @() : $Name)
    Tag          = @($Tag)
    Skip         = $Skip -or ($Parent -and $Parent.Skip)
    ScriptBlock  = $ScriptBlock
    HasItem      = $HasItem
    Data         = $Item
    Variables    = $variables
    BeforeAll    = [System.Collections.Generic.List[scriptblock]]::new()
    BeforeEach   = [System.Collections.Generic.List[scriptblock]]::new()
    AfterEach    = [System.Collections.Generic.List[scriptblock]]::new()
    AfterAll     = [System.Collections.Generic.List[scriptblock]]::new()
    Order        = [System.Collections.Generic.List[object]]::new()
    Result       = 'NotRun'
    ErrorRecord  = @()
    ShouldRun    = $false
    Duration     = [timespan]::Zero
  }
}

function New-Test {
  param($Block, [string] $Name, [string[]] $Tag, [bool] $Skip, [scriptblock] $ScriptBlock, [bool] $HasItem, $Item)
  $expanded = Expand-Name $Name (Get-NameVariable $Block $HasItem $Item)
  $blocks = for ($b = $Block; $b -and $b.Kind -ne 'Container'; $b = $b.Parent) { $b.ExpandedName }
  $blocks = @($blocks)
  [array]::Reverse($blocks)
  [pscustomobject]@{
    PSTypeName     = 'Pester.Test'
    Name           = $Name
    ExpandedName   = $expanded
    Path           = @($Block.Path) + $Name
    ExpandedPath   = (@($blocks) + $expanded) -join '.'
    Tag            = @($Tag)
    Skip           = $Skip -or $Block.Skip
    ScriptBlock    = $ScriptBlock
    HasItem        = $HasItem
    Data           = $Item
    Block          = $Block
    Result         = 'NotRun'
    Executed       = $false
    Passed         = $false
    Skipped        = $false
    ErrorRecord    = @()
    SkippedBecause = $null
    ShouldRun      = $false
    StandardOutput = $null
    ExecutedAt     = $null
    Duration       = [timespan]::Zero
  }
}

# What a name may refer to: the data of its own item, and of those of the blocks around it.
function Get-NameVariable {
  param($Parent, [bool] $HasItem, $Item)
  $variables = @{}
  if ($Parent) { foreach ($key in $Parent.Variables.Keys) { $variables[$key] = $Parent.Variables[$key] } }
  $own = Get-ItemVariable $HasItem $Item
  foreach ($key in $own.Keys) { $variables[$key] = $own[$key] }
  $variables
}

# "<name>" in a name is the value of that name, "<_>" the item, "<a.b>" a property of it.
function Expand-Name {
  param([string] $Name, [System.Collections.IDictionary] $Variables)
  if (-not $Variables.Count) { return $Name }
  [regex]::Replace($Name, '(?<!`)<([^<>`]+)>', {
      param($match)
      $keys = $match.Groups[1].Value.Split('.')
      if (-not $Variables.Contains($keys[0])) { return $match.Value }
      $value = $Variables[$keys[0]]
      foreach ($key in $keys | Select-Object -Skip 1) { $value = $value.$key }
      if ($null -eq $value) { '$null' } else { [string]$value }
    }).Replace('`<', '<').Replace('`>', '>')
}

function Assert-Discovering {
  param([string] $Command)
  if (-not $script:Run -or $script:Run.Phase -ne 'Discovery') {
    throw [System.InvalidOperationException]::new("$Command is only for a test file that Invoke-Pester runs, outside of any test.")
  }
}

function Add-Block {
  param([string] $Kind, [string] $Name, [string[]] $Tag, [bool] $Skip, [bool] $HasItems, $Items, [scriptblock] $ScriptBlock)
  Assert-Discovering $Kind
  $parent = $script:Run.Block
  foreach ($item in $HasItems ? @($Items) : @($null)) {
    $block = New-Block $parent $Name $Kind $Tag $Skip $ScriptBlock $HasItems $item
    $parent.Order.Add($block)
    $script:Run.Block = $block
    try {
      $null = & $script:Run.User.Visit @{
        Variables = Get-ItemVariable $HasItems $item
        Arguments = Get-ItemArgument $ScriptBlock $HasItems $item
        Target    = $ScriptBlock
      }
    }
    finally {
      $script:Run.Block = $parent
    }
  }
}

<#
.SYNOPSIS
  A group of tests.
#>
function Describe {
  [CmdletBinding()]
  param(
    [Parameter(Mandatory, Position = 0)] [string] $Name,
    [Alias('Tags')] [string[]] $Tag = @(),
    [Parameter(Position = 1)] [scriptblock] $Fixture = $(throw 'No test script block is provided. Is the opening brace on the same line as Describe?'),
    [switch] $Skip,
    $ForEach
  )
  if (-not $script:Run) { return Start-DirectRun $MyInvocation $PSCmdlet.SessionState }
  Add-Block 'Describe' $Name $Tag $Skip $PSBoundParameters.ContainsKey('ForEach') $ForEach $Fixture
}

<#
.SYNOPSIS
  A group of tests within a group.
#>
function Context {
  [CmdletBinding()]
  param(
    [Parameter(Mandatory, Position = 0)] [string] $Name,
    [Alias('Tags')] [string[]] $Tag = @(),
    [Parameter(Position = 1)] [scriptblock] $Fixture = $(throw 'No test script block is provided. Is the opening brace on the same line as Context?'),
    [switch] $Skip,
    $ForEach
  )
  Add-Block 'Context' $Name $Tag $Skip $PSBoundParameters.ContainsKey('ForEach') $ForEach $Fixture
}

<#
.SYNOPSIS
  A test: it passes when its script block ends without an error.
#>
function It {
  [CmdletBinding()]
  param(
    [Parameter(Mandatory, Position = 0)] [string] $Name,
    [Parameter(Position = 1)] [scriptblock] $Test = $(throw 'No test script block is provided. Is the opening brace on the same line as It?'),
    [Alias('TestCases')] $ForEach,
    [Alias('Tags')] [string[]] $Tag = @(),
    [switch] $Skip
  )
  Assert-Discovering 'It'
  $block = $script:Run.Block
  if ($block.Kind -eq 'Container') { throw [System.InvalidOperationException]::new("'It' cannot be used directly in a file; put it in a Describe.") }
  $hasItems = $PSBoundParameters.ContainsKey('ForEach')
  foreach ($item in $hasItems ? @($ForEach) : @($null)) {
    $block.Order.Add((New-Test $block $Name $Tag $Skip $Test $hasItems $item))
  }
}

<#
.SYNOPSIS
  Runs once, before the first test of the block.
#>
function BeforeAll {
  [CmdletBinding()] param([Parameter(Mandatory, Position = 0)] [scriptblock] $Scriptblock)
  Assert-Discovering 'BeforeAll'
  $script:Run.Block.BeforeAll.Add($Scriptblock)
}

<#
.SYNOPSIS
  Runs before each test of the block and of the blocks in it.
#>
function BeforeEach {
  [CmdletBinding()] param([Parameter(Mandatory, Position = 0)] [scriptblock] $Scriptblock)
  Assert-Discovering 'BeforeEach'
  $script:Run.Block.BeforeEach.Add($Scriptblock)
}

<#
.SYNOPSIS
  Runs after each test of the block and of the blocks in it, failed or not.
#>
function AfterEach {
  [CmdletBinding()] param([Parameter(Mandatory, Position = 0)] [scriptblock] $Scriptblock)
  Assert-Discovering 'AfterEach'
  $script:Run.Block.AfterEach.Add($Scriptblock)
}

<#
.SYNOPSIS
  Runs once, after the last test of the block, failed or not.
#>
function AfterAll {
  [CmdletBinding()] param([Parameter(Mandatory, Position = 0)] [scriptblock] $Scriptblock)
  Assert-Discovering 'AfterAll'
  $script:Run.Block.AfterAll.Add($Scriptblock)
}

<#
.SYNOPSIS
  Runs during discovery, to make what -ForEach and -Skip need.
#>
function BeforeDiscovery {
  [CmdletBinding()] param([Parameter(Mandatory, Position = 0)] [scriptblock] $ScriptBlock)
  Assert-Discovering 'BeforeDiscovery'
  . $ScriptBlock
}
