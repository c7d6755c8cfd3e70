# SPDX-License-Identifier: MIT

# Marks what the filters select; a block runs when something in it does.
function Select-Test {
  param($Block, $Filter, [string[]] $Tags)
  $tags = @($Tags) + @($Block.Tag)
  foreach ($child in $Block.Order) {
    if ($child.PSTypeNames -contains 'Pester.Block') {
      Select-Test $child $Filter $tags
    }
    else {
      $own = @($tags) + @($child.Tag)
      $child.ShouldRun = (Test-Filter $own $Filter.Tag $true) -and -not (Test-Filter $own $Filter.ExcludeTag $false) -and
        (Test-Filter @($child.ExpandedPath, ($child.Path -join '.')) $Filter.FullName $true)
    }
    if ($child.ShouldRun) { $Block.ShouldRun = $true }
  }
}

function Test-Filter {
  param([string[]] $Values, [string[]] $Patterns, [bool] $WhenEmpty)
  if (-not $Patterns) { return $WhenEmpty }
  foreach ($pattern in $Patterns) {
    foreach ($value in $Values) { if ($value -like $pattern) { return $true } }
  }
  $false
}

function Test-AllSkipped {
  param($Block)
  foreach ($child in $Block.Order) {
    if (-not $child.ShouldRun) { continue }
    if ($child.PSTypeNames -contains 'Pester.Block' ? -not (Test-AllSkipped $child) : -not $child.Skip) { return $false }
  }
  $true
}

function Invoke-Block {
  param($Block)
  if (-not $Block.ShouldRun) { return }
  $outer = $script:Run.Block
  $watch = [System.Diagnostics.Stopwatch]::StartNew()
  $script:Run.Block = $Block
  Write-BlockHeader $Block
  $setups = -not (Test-AllSkipped $Block)
  $before = Get-TestDriveItem
  $frame = @{
    Variables = Get-ItemVariable $Block.HasItem $Block.Data
    Before    = $setups ? $Block.BeforeAll.ToArray() : @()
    After     = $setups ? $Block.AfterAll.ToArray() : @()
    Content   = { param($frame) Invoke-BlockContent $frame }
    Block     = $Block
    Failed    = $true
    Errors    = [System.Collections.Generic.List[object]]::new()
  }
  try {
    $null = & $script:Run.User.Block $frame
  }
  finally {
    $script:Run.Block = $outer
    Remove-Mock $Block
    Remove-TestDriveItem -Except $before
  }
  $Block.Duration = $watch.Elapsed
  $Block.ErrorRecord = $frame.Errors.ToArray()
  $Block.Result = $frame.Errors.Count -or @($Block.Order | Where-Object Result -EQ 'Failed').Count ? 'Failed' : 'Passed'
  if ($frame.Errors.Count) {
    $script:Run.FailedBlocks.Add($Block)
    Write-BlockFailure $Block
  }
}

# Called from within the block's scope, so that what runs here sees what its setups made.
function Invoke-BlockContent {
  param($Frame)
  foreach ($child in $Frame.Block.Order) {
    if ($Frame.Failed) { Set-FailedBySetup $child $Frame.Errors[0] }
    elseif ($child.PSTypeNames -contains 'Pester.Block') { Invoke-Block $child }
    else { Invoke-Test $child }
  }
}

# A setup that failed fails every test that needed it.
function Set-FailedBySetup {
  param($Item, $ErrorRecord)
  if (-not $Item.ShouldRun) { return }
  if ($Item.PSTypeNames -contains 'Pester.Block') {
    $Item.Result = 'Failed'
    foreach ($child in $Item.Order) { Set-FailedBySetup $child $ErrorRecord }
    return
  }
  $Item.Result = $Item.Skip ? 'Skipped' : 'Failed'
  $Item.Skipped = $Item.Skip
  if (-not $Item.Skip) { $Item.ErrorRecord = @($ErrorRecord) }
  Write-TestResult $Item
}

function Invoke-Test {
  param($Test)
  if (-not $Test.ShouldRun) { return }
  if ($Test.Skip) {
    $Test.Result = 'Skipped'
    $Test.Skipped = $true
    Write-TestResult $Test
    return
  }
  $before = [System.Collections.Generic.List[scriptblock]]::new()
  $after = [System.Collections.Generic.List[scriptblock]]::new()
  for ($block = $Test.Block; $block; $block = $block.Parent) {
    $before.InsertRange(0, $block.BeforeEach)
    $after.AddRange($block.AfterEach)
  }
  $frame = @{
    Variables = Get-ItemVariable $Test.HasItem $Test.Data
    Arguments = Get-ItemArgument $Test.ScriptBlock $Test.HasItem $Test.Data
    Before    = $before.ToArray()
    After     = $after.ToArray()
    Target    = $Test.ScriptBlock
    Output    = $null
    Errors    = [System.Collections.Generic.List[object]]::new()
  }
  $script:Run.Test = $Test
  $Test.ExecutedAt = [datetime]::Now
  $watch = [System.Diagnostics.Stopwatch]::StartNew()
  try {
    $null = & $script:Run.User.Test $frame
  }
  finally {
    $script:Run.Test = $null
    Remove-Mock $Test
  }
  $Test.Duration = $watch.Elapsed
  $Test.Executed = $true
  $Test.StandardOutput = $frame.Output
  $verdict = @($frame.Errors | Where-Object { $_.FullyQualifiedErrorId -in 'PesterTestSkipped', 'PesterTestInconclusive' })
  $failures = @($frame.Errors | Where-Object { $_.FullyQualifiedErrorId -notin 'PesterTestSkipped', 'PesterTestInconclusive' })
  if ($failures) {
    $Test.Result = 'Failed'
    $Test.ErrorRecord = $failures
  }
  elseif ($verdict) {
    $Test.Result = $verdict[0].FullyQualifiedErrorId.Substring('PesterTest'.Length)
    $Test.Skipped = $Test.Result -eq 'Skipped'
    $Test.SkippedBecause = $verdict[0].TargetObject
  }
  else {
    $Test.Result = 'Passed'
    $Test.Passed = $true
  }
  Write-TestResult $Test
}

<#
.SYNOPSIS
  Ends the test that calls it, as skipped or inconclusive.
#>
function Set-ItResult {
  [CmdletBinding()]
  param(
    [Parameter(Mandatory, ParameterSetName = 'Inconclusive')] [switch] $Inconclusive,
    [Parameter(Mandatory, ParameterSetName = 'Skipped')] [switch] $Skipped,
    [string] $Because
  )
  $kind = $PSCmdlet.ParameterSetName
  $message = $Because ? "is $($kind.ToLowerInvariant()), because $Because" : "is $($kind.ToLowerInvariant())"
  throw [System.Management.Automation.ErrorRecord]::new([System.Exception]::new($message), "PesterTest$kind", 'InvalidResult', $Because)
}
