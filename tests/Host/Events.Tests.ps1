# SPDX-License-Identifier: MIT

Describe 'Engine events' {
  AfterEach {
    Get-EventSubscriber | Unregister-Event
    Get-Event | Remove-Event
  }
  It 'runs an action, with the event and its data' {
    $script:got = $null
    $job = Register-EngineEvent -SourceIdentifier host.test -MessageData extra -Action { $global:hostTestGot = "$($Event.SourceIdentifier) $($Event.MessageData)" }
    $job.GetType().Name | Should -Be 'PSEventJob'
    $null = New-Event -SourceIdentifier host.test
    for ($i = 0; $i -lt 50 -and -not $global:hostTestGot; $i++) { Start-Sleep -Milliseconds 20 }
    $global:hostTestGot | Should -BeLike 'host.test*'
    Remove-Variable hostTestGot -Scope Global
  }
  It 'queues an event that has no action' {
    $null = New-Event -SourceIdentifier host.queue -MessageData 5
    (Get-Event -SourceIdentifier host.queue).MessageData | Should -Be 5
    Remove-Event -SourceIdentifier host.queue
    Get-Event -SourceIdentifier host.q* | Should -BeNullOrEmpty
  }
  It 'waits for an event of an object' {
    $timer = [System.Timers.Timer]::new(50)
    $timer.AutoReset = $false
    Register-ObjectEvent -InputObject $timer -EventName Elapsed -SourceIdentifier host.timer
    $timer.Start()
    (Wait-Event -SourceIdentifier host.timer -Timeout 10).SourceIdentifier | Should -Be 'host.timer'
  }
  It 'gives nothing when the time is over' {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    Wait-Event -SourceIdentifier host.never -Timeout 1 | Should -BeNullOrEmpty
    $watch.Elapsed.TotalSeconds | Should -BeGreaterThan 0.9
  }
  It 'runs actions while it waits' {
    $timer = [System.Timers.Timer]::new(50)
    $timer.AutoReset = $false
    $null = Register-ObjectEvent -InputObject $timer -EventName Elapsed -SourceIdentifier host.action -Action { $null = New-Event -SourceIdentifier host.done }
    $timer.Start()
    (Wait-Event -SourceIdentifier host.done -Timeout 10).SourceIdentifier | Should -Be 'host.done'
  }
  It 'lists and ends subscriptions' {
    $null = Register-EngineEvent -SourceIdentifier host.sub -Action {}
    (Get-EventSubscriber -SourceIdentifier host.sub).SourceIdentifier | Should -Be 'host.sub'
    Unregister-Event -SourceIdentifier host.sub
    Get-EventSubscriber | Where-Object SourceIdentifier -EQ host.sub | Should -BeNullOrEmpty
  }
  It 'reports a subscription that is not there' { { Unregister-Event -SourceIdentifier host.none -ErrorAction Stop } | Should -Throw -ErrorId 'INVALID_SOURCE_IDENTIFIER*' }
}
