// SPDX-License-Identifier: MIT
using Blksnap;

namespace Unit.Cmdlets;

/// <summary>Runspaces of one process that work at the same time do not disturb each other.</summary>
public sealed class RunspaceTests : CmdletTest
{
    private const int Runspaces = 8;
    private const int Rounds = 5;

    [Fact]
    public async Task Eight_runspaces_have_each_their_own_snapshots()
    {
        for (int i = 0; i < Runspaces; i++)
        {
            Driver.AddDevice($"/dev/original{i}", 32 * MiB);
            Driver.AddDevice($"/dev/storage{i}", 64 * MiB);
        }

        Task<EngineResult>[] running =
        [
            .. Enumerable.Range(0, Runspaces).Select(number => Task.Factory.StartNew(
                () => Work(number), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)),
        ];
        foreach (EngineResult result in await Task.WhenAll(running).WaitAsync(TimeSpan.FromMinutes(5)))
        {
            Assert.Equal(Rounds, result.Ok().Output.Count);
            Assert.Single(result.Output.Select(item => item.BaseObject).Distinct());
        }

        Assert.Empty(Driver.Snapshots);
        Assert.Equal(0, Driver.OpenChannels);
        Assert.Equal(Runspaces, Driver.Trackers.Count);
    }

    // Each round puts out the one device of the snapshot that it saw, changed, waited for and removed.
    private static EngineResult Work(int number)
    {
        using Engine engine = new();
        return engine.Run($$"""
            foreach ($round in 1..{{Rounds}}) {
                $snapshot = New-BlkSnapshot /dev/original{{number}} -DiffStorage /dev/storage{{number}}
                $event = Wait-BlkSnapshotEvent $snapshot.Id -Timeout 60
                if ($event.SnapshotId -ne $snapshot.Id) { throw "an event of $($event.SnapshotId)" }
                Add-ChangedBlocks /dev/original{{number}} -Offset 0 -Length 4096
                $null = Get-ChangedBlocks /dev/original{{number}} -Since $snapshot.Images[0].ChangeToken
                $null = Get-BlkSnapshot
                (Get-BlkSnapshot $snapshot.Id).DevicePath[0]
                $snapshot | Remove-BlkSnapshot -Confirm:$false
            }
            """);
    }
}
