# SPDX-License-Identifier: MIT
# A run has two phases, as in Pester 5. Discovery runs the test files, where Describe and It only note what there is.
# The run then calls the noted script blocks, in scopes that are nested as the blocks are.
Set-StrictMode -Version 1

foreach ($part in 'Sessions', 'Configuration', 'Discovery', 'Run', 'Output', 'TestDrive', 'Mock', 'Should', 'Invoke') {
  . (Join-Path $PSScriptRoot "$part.ps1")
}
foreach ($part in 'Equality', 'Order', 'Collections', 'Types', 'Exceptions', 'Files', 'Calls') {
  . (Join-Path $PSScriptRoot 'Assertions' "$part.ps1")
}

# What the current run knows; $null while there is none.
$script:Run = $null
