# SPDX-License-Identifier: MIT
<#
.SYNOPSIS
What was run of the kernel module, by file: a table, and coverage.json and coverage.txt in the folder of the result.

.DESCRIPTION
The counters are those that guests have left, one folder each; a line counts as run when any of them has run it.
#>
param(
  # Folders with .gcda files.
  [Parameter(Mandatory)] [string[]] $Counters,
  # The folder that the module was built in, with its .gcno files.
  [Parameter(Mandatory)] [string] $Notes,
  [Parameter(Mandatory)] [string] $Result
)

$ErrorActionPreference = 'Stop'
$gcov = (Get-Command gcov-12, gcov -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source
if (-not $gcov) {
  throw 'gcov is missing: it comes with gcc-12.'
}

# file -> line -> how often; file -> function -> how often.
$lines = @{}
$functions = @{}
$work = Join-Path ([IO.Path]::GetTempPath()) "coverage-$PID"
foreach ($folder in $Counters) {
  $files = @(Get-ChildItem $folder -Filter '*.gcda')
  if (-not $files) {
    continue
  }
  $null = New-Item $work -ItemType Directory -Force
  foreach ($file in $files) {
    # Both have to be in one folder.
    Copy-Item $file.FullName $work
    Copy-Item (Join-Path $Notes "$($file.BaseName).gcno") $work
    $report = (& $gcov --json-format --stdout (Join-Path $work $file.Name) 2>$null) -join '' | ConvertFrom-Json
    foreach ($source in $report.files) {
      $name = [IO.Path]::GetFileName($source.file)
      # Headers of the kernel have their lines here too.
      if ($source.file -notlike "$Notes/*") {
        continue
      }
      if (-not $lines.ContainsKey($name)) {
        $lines[$name] = @{}
        $functions[$name] = @{}
      }
      foreach ($line in $source.lines) {
        $lines[$name][[int] $line.line_number] += [long] $line.count
      }
      foreach ($function in $source.functions) {
        $functions[$name][$function.name] += [long] $function.execution_count
      }
    }
  }
  Remove-Item $work -Recurse -Force
}
if ($lines.Count -eq 0) {
  'No coverage: no guest has left counters.'
  return
}

# 3, 4, 5, 9 as 3-5, 9; lines between that are no code do not break a range.
function Format-Missing {
  param([Collections.IDictionary] $Of)
  $ranges = @()
  $first = $null
  foreach ($number in $Of.Keys | Sort-Object) {
    if ($Of[$number]) {
      if ($first) { $ranges += $first -eq $last ? "$first" : "$first-$last" }
      $first = $null
      continue
    }
    $first = $first ? $first : $number
    $last = $number
  }
  if ($first) { $ranges += $first -eq $last ? "$first" : "$first-$last" }
  $ranges -join ', '
}

$table = foreach ($name in $lines.Keys | Sort-Object) {
  $hit = @($lines[$name].Values | Where-Object { $_ }).Count
  [pscustomobject] @{
    File = $name
    Lines = $lines[$name].Count
    Run = $hit
    Percent = [Math]::Round(100 * $hit / $lines[$name].Count, 1)
    NotRun = Format-Missing $lines[$name]
    FunctionsNotRun = @($functions[$name].Keys | Where-Object { -not $functions[$name][$_] } | Sort-Object)
  }
}
$text = @('{0,-24} {1,6} {2,6} {3,6}  {4}' -f 'file', 'lines', 'run', '%', 'not run')
foreach ($row in $table) {
  $text += '{0,-24} {1,6} {2,6} {3,6:0.0}  {4}' -f $row.File, $row.Lines, $row.Run, $row.Percent, $row.NotRun
}
$all = ($table | Measure-Object Lines -Sum).Sum
$run = ($table | Measure-Object Run -Sum).Sum
$text += '{0,-24} {1,6} {2,6} {3,6:0.0}' -f 'together', $all, $run, (100 * $run / $all)
[IO.File]::WriteAllText("$Result/coverage.json", (ConvertTo-Json @($table) -Depth 4))
[IO.File]::WriteAllText("$Result/coverage.txt", ($text -join "`n") + "`n")
$text
