# SPDX-License-Identifier: MIT

$script:Levels = @{ None = 0; Normal = 1; Detailed = 2; Diagnostic = 3 }

function Test-Verbosity {
  param([string] $Level)
  $script:Run.Verbosity -ge $script:Levels[$Level]
}

function Get-Indent {
  param($Block)
  $depth = 0
  for ($b = $Block; $b -and $b.Kind -ne 'Container'; $b = $b.Parent) { $depth++ }
  ' ' * $depth
}

function Format-Time {
  param([timespan] $Time)
  if ($Time.TotalSeconds -ge 1) { '{0:0.##}s' -f $Time.TotalSeconds } else { '{0:0}ms' -f $Time.TotalMilliseconds }
}

function Write-BlockHeader {
  param($Block)
  if ($Block.Kind -eq 'Container') {
    if (Test-Verbosity Normal) {
      $what = $Block.ScriptBlock ? 'a script block' : "'$($Block.Name)'"
      Write-Host ((Test-Verbosity Detailed) ? "`nRunning tests from $what" : "Running tests from $what") -ForegroundColor Magenta
    }
    return
  }
  if (Test-Verbosity Detailed) {
    $indent = Get-Indent $Block.Parent
    Write-Host "$indent$($Block.Kind -eq 'Describe' ? 'Describing' : 'Context') $($Block.ExpandedName)" -ForegroundColor Green
  }
}

function Write-TestResult {
  param($Test)
  $failed = $Test.Result -eq 'Failed'
  if (-not (Test-Verbosity ($failed ? 'Normal' : 'Detailed'))) { return }
  $mark, $colour = switch ($Test.Result) {
    'Passed' { '[+]', 'DarkGreen' }
    'Failed' { '[-]', 'Red' }
    'Skipped' { '[!]', 'Yellow' }
    default { '[?]', 'Gray' }
  }
  # Without the headers of the blocks the whole path says which test it is.
  $detailed = Test-Verbosity Detailed
  $indent = $detailed ? (Get-Indent $Test.Block) + ' ' : ''
  $line = "$indent$mark $($detailed ? $Test.ExpandedName : $Test.ExpandedPath)"
  if ($Test.SkippedBecause) { $line += ", because $($Test.SkippedBecause)" }
  Write-Host "$line $(Format-Time $Test.Duration)" -ForegroundColor $colour
  if ($failed) { Write-Failure $Test.ErrorRecord "$indent " }
}

function Write-BlockFailure {
  param($Block)
  if (-not (Test-Verbosity Normal)) { return }
  $indent = Get-Indent $Block
  $name = $Block.Kind -eq 'Container' ? $Block.Name : $Block.ExpandedName
  Write-Host "$indent[-] $($Block.Kind) $name failed" -ForegroundColor Red
  Write-Failure $Block.ErrorRecord "$indent "
}

function Write-Failure {
  param($ErrorRecord, [string] $Indent)
  foreach ($record in $ErrorRecord) {
    $message = $record.FullyQualifiedErrorId -eq 'PesterAssertionFailed' ? $record.Exception.Message : "$($record.Exception.GetType().Name): $($record.Exception.Message)"
    foreach ($line in $message -split "`n") { Write-Host "$Indent$line" -ForegroundColor Red }
    $place = $record.FullyQualifiedErrorId -eq 'PesterAssertionFailed' ? $record.TargetObject.Place : $null
    if (-not $place -and $record.InvocationInfo -and $record.InvocationInfo.ScriptName) {
      $place = "at $($record.InvocationInfo.Line.Trim()), $($record.InvocationInfo.ScriptName):$($record.InvocationInfo.ScriptLineNumber)"
    }
    if ($place) { Write-Host "$Indent$place" -ForegroundColor Red }
  }
}

function Write-Summary {
  param($Result)
  if (-not (Test-Verbosity Normal)) { return }
  Write-Host "Tests completed in $(Format-Time $Result.Duration)"
  Write-Host ("Tests Passed: $($Result.PassedCount), Failed: $($Result.FailedCount), Skipped: $($Result.SkippedCount), " +
    "Inconclusive: $($Result.InconclusiveCount), NotRun: $($Result.NotRunCount)") -ForegroundColor ($Result.Result -eq 'Passed' ? 'Gray' : 'Red')
  if ($Result.FailedBlocksCount) {
    Write-Host "BeforeAll \ AfterAll failed: $($Result.FailedBlocksCount)" -ForegroundColor Red
    foreach ($block in $Result.FailedBlocks) { Write-Host "  - $($block.Path -join '.')" -ForegroundColor Red }
  }
  if ($Result.FailedContainersCount) {
    Write-Host "Container failed: $($Result.FailedContainersCount)" -ForegroundColor Red
    foreach ($container in $Result.FailedContainers) { Write-Host "  - $($container.Name)" -ForegroundColor Red }
  }
}
