# SPDX-License-Identifier: MIT

<#
.SYNOPSIS
  Runs the tests in files, or in script blocks, and says how they went.
#>
function Invoke-Pester {
  [CmdletBinding(DefaultParameterSetName = 'Simple')]
  param(
    [Parameter(Position = 0, ParameterSetName = 'Simple')] [string[]] $Path = '.',
    [Parameter(ParameterSetName = 'Simple')] [string[]] $ExcludePath = @(),
    [Parameter(ParameterSetName = 'Simple')] [Alias('Tag')] [string[]] $TagFilter = @(),
    [Parameter(ParameterSetName = 'Simple')] [string[]] $ExcludeTagFilter = @(),
    [Parameter(ParameterSetName = 'Simple')] [Alias('Name')] [string[]] $FullNameFilter = @(),
    [Parameter(ParameterSetName = 'Simple')] [ValidateSet('None', 'Normal', 'Detailed', 'Diagnostic')] [string] $Output = 'Normal',
    [Parameter(ParameterSetName = 'Simple')] [object[]] $Container = @(),
    [Parameter(ParameterSetName = 'Simple')] [switch] $PassThru,
    [Parameter(ParameterSetName = 'Simple')] [switch] $CI,
    [Parameter(Mandatory, ValueFromPipeline, ParameterSetName = 'Advanced')] $Configuration
  )
  if ($script:Run) { throw [System.InvalidOperationException]::new('Invoke-Pester cannot be called from a test; start another process for that.') }
  if ($PSCmdlet.ParameterSetName -eq 'Simple') {
    $settings = New-PesterConfiguration
    $settings.Run.Path = $Container -and -not $PSBoundParameters.ContainsKey('Path') ? @() : $Path
    $settings.Run.ExcludePath = $ExcludePath
    $settings.Run.Container = $Container
    $settings.Run.PassThru = [bool]$PassThru
    $settings.Run.Exit = [bool]$CI
    $settings.Filter.Tag = $TagFilter
    $settings.Filter.ExcludeTag = $ExcludeTagFilter
    $settings.Filter.FullName = $FullNameFilter
    $settings.Output.Verbosity = $Output
  }
  elseif ($Configuration -is [System.Collections.IDictionary]) {
    $settings = New-PesterConfiguration -Hashtable $Configuration
  }
  else {
    $settings = $Configuration
  }

  $result = Start-Run $settings $PSCmdlet.SessionState
  if ($settings.Run.PassThru) { $result }
  $failures = $result.FailedCount + $result.FailedBlocksCount + $result.FailedContainersCount
  if ($failures -and $settings.Run.Throw) { throw [System.Exception]::new("Pester run failed, because $failures tests, blocks or containers failed") }
  if ($failures -and $settings.Run.Exit) { exit $failures }
  if ($settings.Run.Exit -or $CI) { $global:LASTEXITCODE = 0 }
}

function Start-Run {
  param($Settings, [System.Management.Automation.SessionState] $State)
  $watch = [System.Diagnostics.Stopwatch]::StartNew()
  $script:Run = @{
    Phase         = 'Discovery'
    User          = New-UserScope $State
    Block         = $null
    Test          = $null
    Verbosity     = $script:Levels[$Settings.Output.Verbosity]
    FailedBlocks  = [System.Collections.Generic.List[object]]::new()
    TestDrive     = $null
    StartLocation = $State.Path.CurrentLocation.Path
    Mocks         = @{}
    MockCalls     = [System.Collections.Generic.List[object]]::new()
  }
  try {
    $containers = @(Find-Container $Settings.Run)
    if (Test-Verbosity Detailed) { Write-Host "Pester v5 stand-in`n`nStarting discovery in $($containers.Count) files." -ForegroundColor Magenta }
    $failed = [System.Collections.Generic.List[object]]::new()
    $roots = foreach ($container in $containers) {
      $root = New-Block $null $container.Name 'Container' @() $false ($container.Item -is [scriptblock] ? $container.Item : $null) $false $null
      $script:Run.Block = $root
      try {
        $null = & $script:Run.User.Visit @{ Variables = @{}; Arguments = $container.Data; Target = $container.Item }
        Select-Test $root $Settings.Filter @()
        $root
      }
      catch {
        $container.ErrorRecord = @($_)
        $failed.Add($container)
        if (Test-Verbosity Normal) {
          Write-Host "[-] Discovery in $($container.Name) failed with:" -ForegroundColor Red
          Write-Failure $_ '  '
        }
      }
    }
    $script:Run.Block = $null
    $tests = @(foreach ($root in $roots) { Get-BlockTest $root })
    if (Test-Verbosity Detailed) {
      Write-Host "Discovery found $($tests.Count) tests in $(Format-Time $watch.Elapsed).`nRunning tests." -ForegroundColor Magenta
    }
    $script:Run.Phase = 'Run'
    foreach ($root in $Settings.Run.SkipRun ? @() : $roots) {
      New-TestDrive
      try { Invoke-Block $root } finally { Remove-TestDrive }
    }
    $result = New-Result $tests @($roots) $failed $watch.Elapsed
    Write-Summary $result
    $result
  }
  finally {
    $script:Run = $null
  }
}

# Paths may be files, folders (searched for *.Tests.ps1) and patterns.
function Find-Container {
  param($Settings)
  foreach ($block in $Settings.ScriptBlock) { New-Container 'ScriptBlock' $block @{} }
  foreach ($item in $Settings.Container) {
    New-Container ($item.Item -is [scriptblock] ? 'ScriptBlock' : $item.Item) $item.Item ($item.Data ?? @{})
  }
  if ($Settings.ScriptBlock -or $Settings.Container) {
    # The default path means "the current folder" only when nothing else is given.
    if (@($Settings.Path).Count -eq 1 -and $Settings.Path[0] -eq '.') { return }
  }
  foreach ($path in $Settings.Path) {
    foreach ($found in Get-Item -Path $path -ErrorAction Stop) {
      $files = $found.PSIsContainer ? (Get-ChildItem -LiteralPath $found.FullName -Recurse -File -Filter "*$($Settings.TestExtension)") : $found
      foreach ($file in $files) {
        $name = $file.FullName
        if (-not @($Settings.ExcludePath | Where-Object { $name -like $_ -or $name -eq $_ })) { New-Container $name $name @{} }
      }
    }
  }
}

function New-Container {
  param([string] $Name, $Item, $Data)
  [pscustomobject]@{ PSTypeName = 'Pester.Container'; Name = $Name; Item = $Item; Data = $Data; ErrorRecord = @() }
}

function Get-BlockTest {
  param($Block)
  foreach ($child in $Block.Order) {
    if ($child.PSTypeNames -contains 'Pester.Block') { Get-BlockTest $child } else { $child }
  }
}

function New-Result {
  param($Tests, $Roots, $FailedContainers, [timespan] $Duration)
  $sets = @{}
  foreach ($state in 'Passed', 'Failed', 'Skipped', 'Inconclusive', 'NotRun') { $sets[$state] = @($Tests | Where-Object Result -EQ $state) }
  $failed = $sets.Failed.Count + $script:Run.FailedBlocks.Count + $FailedContainers.Count
  [pscustomobject]@{
    PSTypeName            = 'Pester.Run'
    Result                = $failed ? 'Failed' : 'Passed'
    TotalCount            = $Tests.Count
    PassedCount           = $sets.Passed.Count
    FailedCount           = $sets.Failed.Count
    SkippedCount          = $sets.Skipped.Count
    InconclusiveCount     = $sets.Inconclusive.Count
    NotRunCount           = $sets.NotRun.Count
    FailedBlocksCount     = $script:Run.FailedBlocks.Count
    FailedContainersCount = $FailedContainers.Count
    Duration              = $Duration
    Tests                 = @($Tests)
    Passed                = $sets.Passed
    Failed                = $sets.Failed
    Skipped               = $sets.Skipped
    Inconclusive          = $sets.Inconclusive
    NotRun                = $sets.NotRun
    FailedBlocks          = $script:Run.FailedBlocks.ToArray()
    FailedContainers      = $FailedContainers.ToArray()
    Containers            = $Roots
  }
}

# "./x.Tests.ps1" called on its own: its first Describe runs the whole file, the others find that done.
function Start-DirectRun {
  param([System.Management.Automation.InvocationInfo] $Invocation, [System.Management.Automation.SessionState] $State)
  $file = $Invocation.ScriptName
  if (-not $file) { throw [System.InvalidOperationException]::new('Describe runs in a test file, or in a script block that is given to Invoke-Pester.') }
  $caller = "$file|$([runspace]::DefaultRunspace.Debugger.GetCallStack().Where({ $_.ScriptName -eq $file }, 'Last')[0].InvocationInfo.HistoryId)|$PID"
  if ($script:DirectRuns -contains $caller) { return }
  $script:DirectRuns = @($script:DirectRuns) + $caller
  $settings = New-PesterConfiguration
  $settings.Run.Path = $file
  $settings.Output.Verbosity = 'Detailed'
  $null = Start-Run $settings $State
}
$script:DirectRuns = @()
