// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Unit.Library;

namespace Unit.Cmdlets;

/// <summary>Every request that a cmdlet sends, refused with every error number that docs/abi.md has for it.</summary>
public sealed class RefusedRequestTests : CmdletTest
{
    // What sends the request; {0} is a snapshot that exists.
    private static readonly Dictionary<int, string> s_commands = new()
    {
        [0] = "Get-BlkSnapshotDriver",
        [1] = "Remove-BlkTracker /dev/fake1 -Confirm:$false",
        [2] = "Get-BlkTracker",
        [3] = "Get-ChangedBlocks /dev/fake0",
        [4] = "Add-ChangedBlocks /dev/fake0 -Offset 0 -Length 512",
        [5] = "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/other",
        [6] = "Remove-BlkSnapshot {0} -Confirm:$false",
        [7] = "Add-DiffStorage {0} /dev/other",
        [8] = "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/other",
        [9] = "Get-BlkSnapshot",
        [10] = "Get-BlkSnapshotImage {0}",
        [11] = "Wait-BlkSnapshotEvent {0} -Timeout 0",
        [64] = "Get-BlkSnapshot {0}",
        [65] = "Get-BlkSnapshot {0}",
        [66] = "Get-DiffStorage {0}",
        [68] = "New-BlkSnapshot /dev/fake1 -DiffStorage /dev/other -LowSpaceMark 1MB",
    };

    // These are part of the normal course: asked again, or an answer of its own.
    private static readonly string[] s_handled =
    [
        "TrackerCollect,ENOBUFS", "SnapshotCollect,ENODATA", "SnapshotCollectImages,ENODATA", "SnapshotCollectImages,ENODEV",
        "SnapshotWaitEvent,ENOENT", "SnapshotWaitEvent,EINTR", "SnapshotCollectDevices,ENOBUFS", "SnapshotCollectStorage,ENOBUFS",
    ];

    public static TheoryData<int, string, int> Cases { get; } = Data();

    private static TheoryData<int, string, int> Data()
    {
        TheoryData<int, string, int> data = [];
        foreach (DocumentedError error in DocumentedError.Read().Where(error => s_commands.ContainsKey(error.Number)))
        {
            data.Add(error.Number, error.Request, error.Errno);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_cmdlet_says_what_the_table_says(int number, string request, int errno)
    {
        Driver.AddDevice("/dev/other", 256 * MiB);
        Snapshot snapshot = Take();
        bool isHandled = s_handled.Contains($"{request},{Errno.Name(errno)}");

        // The first of these only asks for the length of the list.
        Driver.FailRequest(number, errno, isHandled && number is 2 or 9 ? 1 : 0);
        EngineResult result = Run(string.Format(null, s_commands[number], snapshot.Id));
        BlksnapException expected = DriverErrors.Create(request, errno, null);
        if (isHandled)
        {
            result.Ok();
            return;
        }

        ErrorRecord error = result.Error(expected.ErrorId, Enum.Parse<ErrorCategory>(expected.Kind.ToString()));
        Assert.Equal(errno, Assert.IsType<BlksnapException>(error.Exception).Errno);
        Assert.DoesNotContain("{0}", error.ErrorDetails.Message + error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(0, Driver.OpenChannels);
    }
}
