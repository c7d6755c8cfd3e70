# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
Builds, shows and tests this project: ./pwshw build.ps1 <task>

.DESCRIPTION
Build  The cmdlets (out/module/BlksnapPS) and the kernel module for each kernel (out/kmod/<kernel>/blksnap.ko).
Demo   The main job on a real kernel, in a virtual machine, with every command shown and every claim checked.
Test   Every test (-Long: with many more rounds); the last line is "N passed, N failed, N skipped".
       -Debug: instead the kernel tests on a kernel that is built here, once, with checks of memory, locks and races, and
       what they cover of the kernel module (docs/testing.md).
Bench  How fast it is, beside the bare disk and what the kernel has for snapshots, in a virtual machine (docs/performance.md).
Vm     A virtual machine with the kernel module loaded and the cmdlets imported: a prompt, or -Command, or -File.
Clean  Removes everything that was built. The kernels in the cache folder stay.
#>
param(
  [Parameter(Position = 0)] [string] $Task,
  # 6.1 or 6.12. Test and Build take both when it is left out, Demo and Vm the newer. debug and kcsan are built here.
  [ArgumentCompletions('6.1', '6.12', 'debug', 'kcsan')] [string[]] $Kernel,
  # Vm: what to run instead of a prompt.
  [string] $Command,
  # Vm: a script of your own to run instead of a prompt; what follows are its arguments.
  [string] $File,
  # Test: only these.
  [ArgumentCompletions('Unit', 'Host', 'Kernel', 'Pester')] [string[]] $Suite,
  # Test: the kernel tests with many times as many rounds where chance decides.
  [switch] $Long,
  # Test -Debug: only these programs of tests/Kernel, or Model.
  [string[]] $Program,
  # Bench: how often everything is measured; what is shown are the medians.
  [ValidateRange(1, 1000)] [int] $Rounds = 5,
  # Bench: only these disks.
  [ArgumentCompletions('memory', 'virtio')] [string[]] $Device,
  # Bench: only these patterns and contestants, by their names or the beginnings of them.
  [string[]] $Pattern,
  [string[]] $Contestant,
  # Bench: in place of time, the instructions that one processor executes: the same on a busy machine. Memory disks only.
  [switch] $Instructions,
  # Bench: another kernel module of the same interface, a .ko file, to measure beside this one.
  [string] $OtherModule,
  [Parameter(ValueFromRemainingArguments)] [string[]] $Arguments
)

$ErrorActionPreference = 'Stop'
# Exit codes are looked at here, with what they mean.
$PSNativeCommandUseErrorActionPreference = $false
$env:DOTNET_NOLOGO = '1'
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'

$root = $PSScriptRoot
$out = "$root/out"
$manifest = "$out/module/BlksnapPS/BlksnapPS.psd1"
$kernels = @('6.1', '6.12')
$vm = "$root/tools/vm"
# The guest runs the PowerShell that runs this script. One that is a tool of .NET runs as dotnet, and has its program beside it.
$pwsh = [Environment]::ProcessPath
if ((Split-Path $pwsh -Leaf) -eq 'dotnet') {
  $pwsh = "$PSHOME/pwsh"
}
$started = [DateTime]::UtcNow
# One of the parameters that every script has.
$checks = [bool] $PSBoundParameters['Debug']

# What a parameter may have. From a shell, a list comes as one word with commas in it.
function Expand-List {
  param([string] $Name, [string[]] $Value, [string[]] $Allowed)
  foreach ($word in $Value -split ',' | Where-Object { $_ }) {
    if ($word -notin $Allowed) {
      Write-Host "error: -$Name $($word): it is one of $($Allowed -join ', ')."
      exit 1
    }
    $word
  }
}

$Kernel = @(Expand-List Kernel $Kernel ($kernels + 'debug', 'kcsan'))
$Suite = @(Expand-List Suite ($Suite ? $Suite : 'Unit', 'Host', 'Kernel', 'Pester') 'Unit', 'Host', 'Kernel', 'Pester')
$Program = @($Program -split ',' | Where-Object { $_ })
$Device = @(Expand-List Device $Device 'memory', 'virtio')

function Write-Step {
  param([string] $Text)
  $elapsed = [DateTime]::UtcNow - $started
  Write-Host ('[{0:00}:{1:00}] {2}' -f [int][Math]::Floor($elapsed.TotalMinutes), $elapsed.Seconds, $Text)
}

# Runs a program whose failure ends the build; a build log is shown only then.
function Invoke-Step {
  param([string] $Text, [string] $Program, [string[]] $With)
  Write-Step $Text
  $log = & $Program @With 2>&1
  if ($LASTEXITCODE -ne 0) {
    $log | ForEach-Object { Write-Host "$_" }
    throw "$Text failed with exit code $LASTEXITCODE."
  }
}

# A guest has the programs of this machine: what tests and demo use there is installed here.
function Install-Tool {
  & "$vm/packages"
  if ($LASTEXITCODE -ne 0) {
    throw 'What the virtual machine needs is not installed.'
  }
}

$runtime = if ([Runtime.InteropServices.RuntimeInformation]::OSArchitecture -eq 'Arm64') { 'linux-arm64' } else { 'linux-x64' }

function Build-Cmdlets {
  if (-not (Get-Command dotnet -CommandType Application -ErrorAction Ignore)) {
    throw 'The .NET SDK is missing: install dotnet-sdk-10.0, then run this again.'
  }
  # Unchanged since the last time: starting the .NET build to learn that takes longer than the question.
  $sources = (& sh -c 'cd "$1" && find src/Blksnap src/BlksnapPS tools/help docs/en-US BlksnapPS.psd1 Directory.Build.props \( -name bin -o -name obj \) -prune -o -type f -print | sort | xargs sha256sum' sh $root) -join "`n"
  $stamp = "$out/module/sources"
  if ((Test-Path $manifest) -and (Test-Path $stamp) -and [IO.File]::ReadAllText($stamp) -eq $sources) {
    return
  }
  Invoke-Step 'Building the cmdlets' dotnet @(
    'publish', "$root/src/BlksnapPS/BlksnapPS.csproj", '-c', 'Release', '-r', $runtime, '-v', 'quiet', '-nologo', '-nodeReuse:false')
  Invoke-Step 'Building their help' dotnet @(
    'run', '--project', "$root/tools/help", '-c', 'Release', '-v', 'quiet', '--', 'build', "$root/docs/en-US", "$out/module/BlksnapPS/en-US")
  [IO.File]::WriteAllText($stamp, $sources)
}

# The path of the kernel module for a kernel, built when its sources are newer.
function Build-KernelModule {
  param([string] $For)
  Write-Step "Kernel module for Linux $For"
  $built = & "$vm/kmod" $For
  if ($LASTEXITCODE -ne 0) {
    throw "The kernel module for Linux $For could not be built."
  }
  $built
}

# Runs a command in a guest; what it prints streams down the pipeline, $LASTEXITCODE is its exit code.
function Invoke-Guest {
  param([string] $On, [string[]] $Options, [string[]] $Run)
  & "$vm/run" --kernel $On @Options -- @Run
}

function Invoke-Build {
  Build-Cmdlets
  foreach ($name in $Kernel ? $Kernel : $kernels) {
    $null = Build-KernelModule $name
  }
  Write-Step "Done: $manifest"
}

function Invoke-Demo {
  $name = $Kernel ? $Kernel[0] : '6.12'
  Install-Tool
  Build-Cmdlets
  $module = Build-KernelModule $name
  Invoke-Step 'Collecting real files of this machine' "$root/tools/demo/collect" @("$out/demo")
  Write-Step "Starting a guest with Linux $name"
  # Storage is asked for in small steps, so that the demo's small disks run low.
  Invoke-Guest $name @('--timeout', '600', '--disk', '192M', '--disk', '340M', '--disk', '512M', '--disk', '1200M', '--module', "$module,diff_storage_minimum=65536") @(
    # The file systems' modules are loaded while PowerShell starts.
    'sh', '-c', 'modprobe -a ext4 xfs & exec "$@"', 'sh', $pwsh, '-NoProfile', '-File', "$root/examples/Demo.ps1", '-ModulePath', $manifest)
  $code = $LASTEXITCODE
  Write-Step ($code -eq 0 ? 'The demo succeeded' : "The demo failed (exit code $code)")
  $code
}

function Invoke-Vm {
  $name = $Kernel ? $Kernel[0] : '6.12'
  Install-Tool
  Build-Cmdlets
  $module = Build-KernelModule $name
  $options = @('--disk', '1G', '--disk', '1G', '--disk', '1G', '--module', $module)
  $import = "Import-Module '$manifest'"
  if ($File) {
    # What looks like the name of a parameter is one, as with pwsh -File.
    $words = @((Resolve-Path $File).ProviderPath) + @($Arguments) | Where-Object { $_ } | ForEach-Object { $_ -match '^-[a-z]\w*$' ? $_ : "'$($_.Replace("'", "''"))'" }
    $Command = "& $($words -join ' '); exit `$LASTEXITCODE"
  }
  if ($Command) {
    Invoke-Guest $name ($options + @('--timeout', '0')) @($pwsh, '-NoProfile', '-Command', "$import; $Command")
  }
  else {
    Write-Step "Starting a guest with Linux $name; scratch disks /dev/vda, /dev/vdb, /dev/vdc; leave with 'exit'"
    $script:interactive = @('--kernel', $name, '--timeout', '0') + $options + @('--interactive', '--', $pwsh, '-NoProfile', '-NoExit', '-Command', $import)
    return 0
  }
  $LASTEXITCODE
}

$script:count = @{ Passed = 0; Failed = 0; Skipped = 0 }
$script:failures = @()

function Add-Count {
  param([string] $Where, [int] $Passed, [int] $Failed, [int] $Skipped, [string] $Problem, [string[]] $Details)
  $script:count.Passed += $Passed
  $script:count.Failed += $Failed
  $script:count.Skipped += $Skipped
  if ($Problem) {
    # A run that broke counts as a failure of its own.
    $script:count.Failed++
    $script:failures += "$($Where): $Problem"
  }
  elseif ($Failed) {
    $script:failures += "$($Where): $Failed failed"
  }
  if ($Problem -or $Failed) {
    # The end of the output may be all that somebody gets to see.
    $script:failures += @($Details | Where-Object { $_ } | ForEach-Object { "  $_" })
  }
  Write-Step "$($Where): $Passed passed, $Failed failed, $Skipped skipped$(if ($Problem) { "; $Problem" })"
}

# What an exit code of a guest says beside the results it has printed.
function Get-GuestProblem {
  param([int] $Code, [int] $Ran, [int] $Failed)
  if ($Code -eq 124) { 'the time limit was reached' }
  elseif ($Code -eq 125) { 'the guest died' }
  elseif ($Code -eq 99) { 'the kernel log is not clean' }
  elseif ($Ran -eq 0) { 'no test ran' }
  elseif ($Code -ne 0 -and $Failed -eq 0) { "exit code $Code" }
}

# The first lines of a guest's kernel log that tell of trouble.
function Get-KernelTrouble {
  param([string] $Log)
  & "$vm/scan-log" $Log 2>&1 | Select-Object -First 12 | ForEach-Object { "$_" }
}

function Test-Unit {
  Write-Step 'Unit tests'
  $results = "$out/results/unit.trx"
  $null = Remove-Item $results -Force -ErrorAction Ignore
  & timeout 900 dotnet test "$root/tests/Unit" -c Release -nologo -v quiet -nodeReuse:false --logger "trx;LogFileName=$results" |
    ForEach-Object { Write-Host $_ }
  $code = $LASTEXITCODE
  if (-not (Test-Path $results)) {
    Add-Count 'tests/Unit' 0 0 0 "no results, exit code $code"
    return
  }
  $counters = ([xml][IO.File]::ReadAllText($results)).TestRun.ResultSummary.Counters
  $failed = [int]$counters.executed - [int]$counters.passed
  $problem = if ($code -eq 124) { 'the time limit was reached' } elseif ($code -ne 0 -and $failed -eq 0) { "exit code $code" } elseif ([int]$counters.executed -eq 0) { 'no test ran' }
  Add-Count 'tests/Unit' ([int]$counters.passed) $failed ([int]$counters.total - [int]$counters.executed) $problem
}

function Test-Host {
  Write-Step 'Tests of pwshw and its PowerShell host'
  $last = ''
  & timeout 900 "$root/tests/Host/run.sh" 2>&1 | ForEach-Object { Write-Host $_; $last = "$_" }
  $code = $LASTEXITCODE
  if ($last -match '^(\d+) passed, (\d+) failed, (\d+) skipped$') {
    $problem = if ($code -ne 0 -and $Matches[2] -eq '0') { "exit code $code" }
    Add-Count 'tests/Host' ([int]$Matches[1]) ([int]$Matches[2]) ([int]$Matches[3]) $problem
  }
  else {
    Add-Count 'tests/Host' 0 0 0 "no results, exit code $code"
  }
}

$testDisks = @('--disk', '512M', '--disk', '512M', '--disk', '512M', '--disk', '512M')

function Test-Kernel {
  param([string] $Name, [string] $Module, [string[]] $Options, [string[]] $Only)
  Write-Step "Kernel tests on Linux $Name"
  $log = "$out/results/kernel-$Name.log"
  $broken = @()
  $passed = 0
  $failed = 0
  $skipped = 0
  $env:BLKSNAP_MODULE_KO = $Module
  $run = @("$root/tests/Kernel/run.sh", "$out/kernel-tests") + @($Only | Where-Object { $_ })
  Invoke-Guest $Name ($testDisks + @('--timeout', ($Long ? '14400' : '3600'), '--log', $log) + @($Options | Where-Object { $_ })) $run |
    ForEach-Object {
      Write-Host $_
      if ($_ -match '^\w+: not ok\b') { $failed++; $broken += $_ }
      elseif ($_ -match '^\w+: ok\b.*# SKIP') { $skipped++ }
      elseif ($_ -match '^\w+: ok\b') { $passed++ }
    }
  $code = $LASTEXITCODE
  Add-Count "tests/Kernel on Linux $Name" $passed $failed $skipped (Get-GuestProblem $code ($passed + $failed) $failed) (
    @($broken | Select-Object -First 12) + @(if ($code -ne 0) { Get-KernelTrouble $log }))
}

function Add-PesterCount {
  param([string] $Where, [string] $Summary, [int] $Code, [string[]] $Details)
  if (-not (Test-Path $Summary)) {
    Add-Count $Where 0 0 0 "no results, exit code $Code" $Details
    return
  }
  $counts = [IO.File]::ReadAllText($Summary) | ConvertFrom-Json
  Add-Count $Where $counts.Passed $counts.Failed $counts.Skipped (
    Get-GuestProblem $Code ($counts.Passed + $counts.Failed) $counts.Failed) $Details
}

function Test-Pester {
  param([string] $Name, [string] $Module)
  Write-Step "Pester tests on Linux $Name"
  $results = "$out/results/pester-$Name"
  $null = Remove-Item $results -Recurse -Force -ErrorAction Ignore
  $null = New-Item $results -ItemType Directory -Force
  $env:BLKSNAP_MODULE_KO = $Module
  $env:BLKSNAP_PS_MODULE = $manifest
  Invoke-Guest $Name ($testDisks + @('--timeout', '1800', '--module', $Module, '--share', $results, '--log', "$out/results/pester-$Name.log")) @(
    $pwsh, '-NoProfile', '-File', "$root/tools/test/Pester.ps1", '-Results', "$results/summary.json") |
    ForEach-Object { Write-Host $_ }
  $code = $LASTEXITCODE
  Add-PesterCount "tests/Pester on Linux $Name" "$results/summary.json" $code @(
    if ($code -ne 0) { Get-KernelTrouble "$out/results/pester-$Name.log" })
}

# What the cmdlets do on the simulation, by the same tests that say what they do on a kernel.
function Test-Simulation {
  Write-Step 'Pester tests on the simulation'
  $summary = "$out/results/simulation.json"
  $null = Remove-Item $summary -Force -ErrorAction Ignore
  $env:BLKSNAP_PS_MODULE = $manifest
  & timeout 1800 $pwsh -NoProfile -File "$root/tools/test/Pester.ps1" -Results $summary -Simulation | ForEach-Object { Write-Host $_ }
  Add-PesterCount 'tests/Pester on the simulation' $summary $LASTEXITCODE @()
}

# Random requests and writes against a model; the unit tests do the same with the simulation.
function Test-Model {
  param([string] $Name, [string] $Module, [string[]] $Options)
  Write-Step "Model test on Linux $Name"
  $log = "$out/results/model-$Name.log"
  $lines = @(Invoke-Guest $Name ($testDisks + @('--timeout', '3600', '--module', $Module, '--log', $log) + @($Options | Where-Object { $_ })) @(
      'sh', '-c', '"$@" && "$0" "$BLKSNAP_COVERAGE"', "$root/tests/Kernel/inspect.sh",
      "$out/model/Model", '--driver', 'kernel', '--steps', ($Long ? '30000' : '1500')))
  $code = $LASTEXITCODE
  $lines | ForEach-Object { Write-Host $_ }
  $passed = @($lines -match '^model: ok').Count
  $failed = @($lines -match '^model: not ok').Count
  Add-Count "tests/Model on Linux $Name" $passed $failed 0 (Get-GuestProblem $code ($passed + $failed) $failed) @(
    if ($failed) { $lines }
    elseif ($code -ne 0) { Get-KernelTrouble $log })
}

function Build-KernelTest {
  Invoke-Step 'Building the kernel tests' make @('-s', '-C', "$root/tests/Kernel", "OUT=$out/kernel-tests")
  Invoke-Step 'Building the model test' dotnet @(
    'publish', "$root/tests/Model/Model.csproj", '-c', 'Release', '-r', $runtime, '--self-contained', '-o', "$out/model", '-v', 'quiet', '-nologo', '-nodeReuse:false')
  $env:BLKSNAP_TEST_LONG = $Long ? '1' : '0'
  $env:BLKSNAP_TEST_DISKS = '/dev/vda /dev/vdb /dev/vdc /dev/vdd'
}

# The kernel tests on kernels with checks. They are slow, which only says how long to wait before something hangs.
function Test-Debug {
  Build-KernelTest
  $env:BLKSNAP_TEST_SLOW = '4'
  foreach ($name in $Kernel ? $Kernel : @('debug', 'kcsan')) {
    $module = Build-KernelModule $name
    $programs = @($Program | Where-Object { $_ -ne 'Model' })
    # Counters and what else a guest leaves.
    $coverage = @('kernel', 'model') | ForEach-Object { "$out/coverage/$name/$_" }
    $null = Remove-Item "$out/coverage/$name" -Recurse -Force -ErrorAction Ignore
    $null = New-Item $coverage -ItemType Directory -Force
    $options = @('--memory', '4096', '--timeout', ($Long ? '0' : '14400'))
    if ($programs -or -not $Program) {
      $env:BLKSNAP_COVERAGE = $coverage[0]
      Test-Kernel $name $module ($options + @('--share', $coverage[0])) $programs
    }
    if (-not $Program -or $Program -contains 'Model') {
      $env:BLKSNAP_COVERAGE = $coverage[1]
      Test-Model $name $module ($options + @('--share', $coverage[1]))
    }
    if ($name -eq 'debug') {
      & "$root/tools/test/Show-Coverage.ps1" -Counters $coverage -Notes "$out/kmod/debug/src" -Result "$out/coverage" | ForEach-Object { Write-Host $_ }
    }
  }
}

function Invoke-Test {
  Install-Tool
  $null = New-Item "$out/results" -ItemType Directory -Force
  if ($checks) {
    $Suite = @()
    Test-Debug
  }
  if ($Suite -contains 'Unit') {
    Test-Unit
  }
  if ($Suite -contains 'Host') {
    Test-Host
    Build-Cmdlets
    Test-Simulation
  }
  if ($Suite -contains 'Kernel' -or $Suite -contains 'Pester') {
    if ($Suite -contains 'Pester') {
      Build-Cmdlets
    }
    if ($Suite -contains 'Kernel') {
      Build-KernelTest
    }
    $env:BLKSNAP_TEST_DISKS = '/dev/vda /dev/vdb /dev/vdc /dev/vdd'
    foreach ($name in $Kernel ? $Kernel : $kernels) {
      try {
        $module = Build-KernelModule $name
      }
      catch {
        Add-Count "Linux $name" 0 0 0 "$_"
        continue
      }
      if ($Suite -contains 'Kernel') {
        Test-Kernel $name $module
        Test-Model $name $module
      }
      if ($Suite -contains 'Pester') {
        Test-Pester $name $module
      }
    }
  }
  foreach ($line in $script:failures) {
    Write-Host ($line.StartsWith(' ') ? $line : "FAILED $line")
  }
  Write-Host "$($script:count.Passed) passed, $($script:count.Failed) failed, $($script:count.Skipped) skipped"
  ($script:count.Failed -eq 0 -and $script:count.Passed -gt 0) ? 0 : 1
}

function Invoke-Bench {
  $name = $Kernel ? $Kernel[0] : '6.12'
  Install-Tool
  $module = Build-KernelModule $name
  $folder = "$out/bench"
  $null = New-Item $folder -ItemType Directory -Force
  Invoke-Step 'Building the bench' make @('-s', '-C', "$root/tools/bench", "OUT=$folder/bin")
  $run = @("$folder/bin/bench", '--module', $module, '--out', "$folder/records.json", '--rounds', "$Rounds")
  if ($OtherModule) { $run += @('--other-module', (Resolve-Path $OtherModule).ProviderPath) }
  if ($Instructions) {
    $Device = @('memory')
    $run += '--small'
  }
  if ($Device) { $run += @('--device', ($Device -join ',')) }
  if ($Pattern) { $run += @('--pattern', ($Pattern -join ',')) }
  if ($Contestant) { $run += @('--contestant', ($Contestant -join ',')) }
  Write-Step "Starting a guest with Linux $name"
  $options = @('--disk', '512M', '--disk', '768M', '--disk', '64M', '--share', $folder, '--timeout', '0')
  if ($Instructions) { $options += @('--accel', 'icount') }
  Invoke-Guest $name $options $run |
    ForEach-Object { Write-Step $_ }
  $code = $LASTEXITCODE
  if ($code -eq 0) {
    & "$root/tools/bench/Show-Bench.ps1" -Records "$folder/records.json" -Json "$folder/bench.json"
    Write-Step "Done: $folder/bench.json"
  }
  $code
}

function Invoke-Clean {
  Write-Step 'Removing out/ and the bin and obj folders'
  # Last, and by another program: this PowerShell may itself live in out/.
  & sh -c 'find "$1/src" "$1/tests" "$1/tools" -depth -type d \( -name bin -o -name obj \) -exec rm -rf {} + ; rm -rf "$1/out"' sh $root
}

function Show-Task {
  Write-Host @'
./pwshw build.ps1 <task>

  Build   [-Kernel 6.1|6.12]                 build the cmdlets and the kernel module
  Demo    [-Kernel 6.1|6.12]                 the main job on a real kernel, checked, in a virtual machine
  Test    [-Kernel 6.1|6.12] [-Suite ...]    every test (suites: Unit, Host, Kernel, Pester)
          [-Long]                            the kernel tests with many times as many rounds: half an hour each
          -Debug [-Program ...]              the kernel tests on kernels with checks, and what they cover
  Bench   [-Kernel 6.1|6.12]                 how fast it is, in a virtual machine
          [-Rounds 5] [-Device memory|virtio] [-Pattern ...] [-Contestant ...]
          [-Instructions] [-OtherModule FILE]
  Vm      [-Kernel 6.1|6.12]                 a prompt in a virtual machine, module loaded, cmdlets imported
          [-Command ...] [-File ... [...]]   or a command or a script of your own in it
  Clean                                      remove everything that was built
'@
}

$exitCode = 0
$script:interactive = $null
try {
  switch ($Task) {
    '' { Show-Task }
    'Build' { Invoke-Build }
    # Everything a task prints goes to the console; the last object is its exit code.
    'Demo' { Invoke-Demo | ForEach-Object { if ($_ -is [int]) { $exitCode = $_ } else { Write-Host $_ } } }
    'Test' { $exitCode = Invoke-Test }
    'Bench' { $exitCode = Invoke-Bench }
    'Vm' {
      Invoke-Vm | ForEach-Object { if ($_ -is [int]) { $exitCode = $_ } else { Write-Host $_ } }
      if ($script:interactive) {
        # Here nothing is captured: the terminal has to be the guest's.
        & "$vm/run" @interactive
        $exitCode = $LASTEXITCODE
      }
    }
    'Clean' { Invoke-Clean }
    default { Show-Task; throw "There is no task '$Task'." }
  }
}
catch {
  Write-Host "error: $($_.Exception.Message)"
  $exitCode = 1
}
exit $exitCode
