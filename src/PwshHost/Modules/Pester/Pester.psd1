# SPDX-License-Identifier: MIT
@{
  RootModule        = 'Pester.psm1'
  ModuleVersion     = '5.5.0'
  GUID              = '5d7a1c1e-9a34-4a53-8f19-3b0f6a1d2c47'
  Author            = 'The BlksnapPS authors'
  Copyright         = '(c) 2026 The BlksnapPS authors. MIT License.'
  Description       = 'A small stand-in for Pester 5 where the real one is not to be had: the same test files run under both.'
  PowerShellVersion = '7.4'
  FunctionsToExport = @(
    'Describe', 'Context', 'It', 'BeforeAll', 'BeforeEach', 'AfterAll', 'AfterEach', 'BeforeDiscovery'
    'Should', 'Mock', 'InModuleScope', 'Set-ItResult', 'Invoke-Pester', 'New-PesterConfiguration', 'New-PesterContainer'
  )
  CmdletsToExport   = @()
  VariablesToExport = @()
  AliasesToExport   = @()
}
