# SPDX-License-Identifier: MIT
# Get-Help belongs to the engine: this shows that a session of the host, or of pwsh, finds the help of a module.

Describe 'Help of a module' {
  BeforeAll {
    $script:folder = Join-Path $TestDrive 'Sample'
    $null = New-Item "$folder/en-US" -ItemType Directory -Force
    'function Get-Sample { <#
.SYNOPSIS
Gets a sample.
.PARAMETER Name
The name of the sample.
.EXAMPLE
Get-Sample -Name first
#> param([string] $Name) $Name }' | Set-Content "$folder/Sample.psm1"
    "TOPIC`n    about_Sample`n`nSHORT DESCRIPTION`n    What samples are." | Set-Content "$folder/en-US/about_Sample.help.txt"
    Import-Module "$folder/Sample.psm1"
  }
  AfterAll { Remove-Module Sample }

  It 'shows the synopsis' {
    (Get-Help Get-Sample).Synopsis | Should -BeLike 'Gets a sample.*'
  }
  It 'shows a parameter' {
    (Get-Help Get-Sample -Parameter Name | Out-String) | Should -BeLike '*The name of the sample.*'
  }
  It 'shows examples' {
    (Get-Help Get-Sample -Examples | Out-String) | Should -BeLike '*Get-Sample -Name first*'
  }
  It 'shows everything' {
    (Get-Help Get-Sample -Full | Out-String) | Should -BeLike '*Required?*'
  }
  It 'finds topics' {
    (Get-Help about_Sample | Out-String) | Should -BeLike '*What samples are.*'
  }
}
