// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;

namespace Unit.Library;

/// <summary>Storage on devices that snapshots hold: only with blocks that were its own at the take.</summary>
public sealed class HeldDevicesTests : StorageTest
{
    [Fact]
    public void DeviceThatASnapshotHoldsIsNotStorageOfAnother()
    {
        Fake.AddDevice("/dev/fake0p1", Size, null, device => device with { IsPartition = true, Disk = Origin.Id });
        Fake.AddDevice("/dev/beside", Size);
        BlockDevice other = Fake.AddDevice("/dev/other", Size);
        SnapshotRequest request = Request("/dev/fake0:0+1M") with { Devices = [other] };
        Manager.Check(request);
        Snapshot snapshot = Manager.Create(Request("/dev/beside:0+1M"));
        foreach (string text in new[] { "/dev/fake0:0+1M", "/dev/fake0", "/dev/fake0p1" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.Check(Request(text) with { Devices = [other] }));
            Assert.Equal(ErrorIds.StorageAfterTake, e.ErrorId);
        }

        Manager.Check(request with { Force = true });
        Manager.Remove(snapshot.Id);
        Manager.Check(request);
    }

    [Theory]
    [InlineData(-1.0, true)]
    [InlineData(-0.01, false)]
    [InlineData(1.0, false)]
    [InlineData(null, false)]
    public void BlocksHaveToBeOlderThanTheTake(double? seconds, bool isSafe)
    {
        DateTime take = new(2026, 11, 1, 12, 0, 0, DateTimeKind.Local);
        DateTime? since = seconds is { } offset ? take.ToUniversalTime().AddSeconds(offset) : null;
        Snapshot snapshot = new() { Id = Guid.NewGuid(), State = SnapshotState.Taken, TakeTime = take, DevicePath = [], Devices = [], Images = [] };
        Assert.Equal(isSafe, HeldDevices.IsSafe(since, snapshot));
        Assert.False(HeldDevices.IsSafe(since, snapshot with { TakeTime = null }));
        Assert.True(HeldDevices.IsSafe(since, snapshot with { State = SnapshotState.Created }));

        // One image is lost; those of other devices may be read all the same.
        Assert.Equal(isSafe, HeldDevices.IsSafe(since, snapshot with { State = SnapshotState.Corrupted }));
    }

    [ExtentFact]
    public void TheTimeOfAFileIsThatOfItsLastChange()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("file");
        DateTime before = DateTime.UtcNow.AddSeconds(-1);
        File.WriteAllText(file, "text");
        File.SetLastWriteTimeUtc(file, before.AddYears(-1));
        Assert.InRange(StorageFile.ChangeTimeOf(file)!.Value, before, DateTime.UtcNow.AddSeconds(1));
        Assert.Null(StorageFile.ChangeTimeOf(folder.File("none")));
    }
}
