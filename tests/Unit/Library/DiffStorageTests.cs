// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;
using Tmds.Linux;

namespace Unit.Library;

public sealed class DiffStorageTests : IDisposable
{
    private const long Size = 64 << 20;

    private readonly SimulatedDriver _fake = new();
    private readonly BlksnapDriver _driver = BlksnapDriver.Open();
    private readonly SnapshotManager _manager;
    private readonly BlockDevice _origin;

    public DiffStorageTests()
    {
        _manager = new SnapshotManager(_driver);
        _origin = _fake.AddDevice("/dev/fake0", Size);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _fake.Dispose();
    }

    [Theory]
    [InlineData("/dev/vdc", "/dev/vdc", null, null)]
    [InlineData("/dev/vdc:0+64MiB", "/dev/vdc", 0L, 64L << 20)]
    [InlineData("/dev/vdc:512+512", "/dev/vdc", 512L, 512L)]
    [InlineData("/dev/vdc:1g+2T", "/dev/vdc", 1L << 30, 2L << 40)]
    [InlineData("/dev/vdc:1KB+4k", "/dev/vdc", 1024L, 4096L)]
    [InlineData("/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", null, null)]
    [InlineData("/dev/disk/by-path/pci-0000:00:1f.2-ata-1:4K+8K", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", 4096L, 8192L)]
    [InlineData("relative:0+1", "relative:0+1", null, null)]
    public void TextIsTakenApart(string text, string path, long? offset, long? length)
    {
        DiffStorageSpec spec = DiffStorageSpec.Parse(text);
        Assert.Equal((path, offset, length), (spec.Path, spec.Offset, spec.Length));
    }

    [Theory]
    [InlineData("/dev/vdc:0+0", null)]
    [InlineData("/dev/vdc:0+99999999T", null)]
    [InlineData("/dev/vdc:99999999999999999999+1", null)]
    [InlineData("/dev/vdc", 0L)]
    [InlineData("/dev/vdc", -1L)]
    public void TextWithoutSenseIsRefused(string text, long? size)
        => Assert.Equal(ErrorIds.StorageInvalid, Assert.Throws<BlksnapException>(() => DiffStorageSpec.Parse(text, size)).ErrorId);

    [Fact]
    public void PathThatExistsIsNotTakenApart()
    {
        using TemporaryFolder folder = new(Directory.CreateTempSubdirectory("blksnap-").FullName);
        string file = folder.File("disk:0+1");
        File.WriteAllText(file, "x");
        Assert.Equal(file, DiffStorageSpec.Parse(file).Path);
    }

    [Theory]
    [InlineData("mounted", "/mnt")]
    [InlineData("content", "xfs")]
    [InlineData("holders", "dm-0")]
    [InlineData("partition", "/dev/store1")]
    [InlineData("disk", "/dev/disk")]
    public void DeviceWithDataIsUsedOnlyByForce(string why, string message)
    {
        BlockDevice part = _fake.AddDevice("/dev/store1", Size, null, device => device with { MountPoints = ["/part"], IsPartition = true });
        BlockDevice disk = _fake.AddDevice("/dev/disk", Size, null, device => device with { MountPoints = ["/disk"] });
        _fake.AddDevice("/dev/store", Size, why == "content" ? "xfs" : null, device => why switch
        {
            "mounted" => device with { MountPoints = ["/mnt"] },
            "holders" => device with { Holders = ["dm-0"] },
            "partition" => device with { Partitions = [part.Id] },
            "disk" => device with { IsPartition = true, Disk = disk.Id },
            _ => device,
        });
        foreach (string text in new[] { "/dev/store", "/dev/store:0+1M" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.CheckStorage(DiffStorageSpec.Parse(text)));
            Assert.Equal(ErrorIds.StorageInUse, e.ErrorId);
            Assert.Equal("/dev/store", e.Target);
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
            _manager.CheckStorage(DiffStorageSpec.Parse(text), force: true);
        }
    }

    [Fact]
    public void SwapAndImagesAreNeverStorage()
    {
        _fake.AddDevice("/dev/swap", Size, "swap", device => device with { IsSwap = true });
        _fake.AddDevice("/dev/image", Size, null, device => device with { IsSnapshotImage = true });
        foreach (string path in new[] { "/dev/swap", "/dev/image" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.CheckStorage(DiffStorageSpec.Parse(path), force: true));
            Assert.Equal(ErrorIds.StorageInUse, e.ErrorId);
        }
    }

    [Fact]
    public void OriginAsAWholeIsNotItsOwnStorage()
    {
        SnapshotRequest request = new() { Devices = [_origin], Storage = [DiffStorageSpec.Parse("/dev/fake0")], Force = true };
        Assert.Equal(ErrorIds.StorageInUse, Assert.Throws<BlksnapException>(() => _manager.Check(request)).ErrorId);
        _manager.Check(request with { Storage = [DiffStorageSpec.Parse("/dev/fake0:32M+32M")] });
    }

    [Theory]
    [InlineData("/dev/store:63M+2M", ErrorIds.StorageOutOfRange)]
    [InlineData("/dev/store:9000T+1M", ErrorIds.StorageOutOfRange)]
    [InlineData("/dev/store:512+4096", ErrorIds.StorageUnaligned)]
    [InlineData("/dev/store:4096+6144", ErrorIds.StorageUnaligned)]
    [InlineData("/dev/store:4096+512", ErrorIds.StorageTooSmall)]
    [InlineData("/dev/readonly", ErrorIds.StorageReadOnly)]
    [InlineData("/dev/nothing", ErrorIds.StorageNotFound)]
    [InlineData("/dev/null", ErrorIds.StorageUnsupportedType)]
    [InlineData("/nonexistent/folder/file", ErrorIds.StorageNotFound)]
    [InlineData("/proc/version", ErrorIds.StorageUnsupportedFileSystem)]
    [InlineData("/proc", ErrorIds.StorageUnsupportedFileSystem)]
    public void UnusableStorageHasItsReason(string text, string errorId)
    {
        _fake.AddDevice("/dev/store", Size, null, device => device with { LogicalBlockSize = 4096 });
        _fake.AddDevice("/dev/readonly", Size, null, device => device with { IsReadOnly = true });
        Assert.Equal(errorId, Assert.Throws<BlksnapException>(() => _manager.CheckStorage(DiffStorageSpec.Parse(text))).ErrorId);
    }

    [Fact]
    public void SizeLimitsADevice()
    {
        _fake.AddDevice("/dev/store", Size);
        Snapshot snapshot = _manager.Create(new SnapshotRequest { Devices = [_origin], Storage = [DiffStorageSpec.Parse("/dev/store", 8 << 20)] });
        Assert.Equal(8L << 20, snapshot.StorageCapacity);
    }

    [Fact]
    public void EndsOfAWholeDeviceStayUnusedAndAreCleared()
    {
        // Not a multiple of 64 KiB: the unused end begins at one.
        BlockDevice store = _fake.AddDevice("/dev/store", Size + 4096, "ext4");
        Assert.Throws<BlksnapException>(() => _manager.Create(Request("/dev/store")));
        Assert.Empty(_fake.Cleared);

        Snapshot snapshot = _manager.Create(Request("/dev/store") with { Force = true });
        DiffStorageRange range = Assert.Single(_manager.GetStorage(snapshot.Id).Ranges);
        Assert.Equal((128L << 10, Size - (256 << 10)), (range.Offset, range.Length));
        Assert.Equal([(store.Id, 0L, 128L << 10), (store.Id, Size - (128 << 10), (128L << 10) + 4096)], _fake.Cleared);

        _manager.Remove(snapshot.Id);
        _manager.CheckStorage(DiffStorageSpec.Parse("/dev/store"));
    }

    [Fact]
    public void NothingIsClearedBeforeTheSnapshotIsTaken()
    {
        _fake.AddDevice("/dev/store", Size, "ext4");
        _fake.FailRequest(8, Errno.ETIMEDOUT);
        Assert.Throws<BlksnapException>(() => _manager.Create(Request("/dev/store") with { Force = true }));
        Assert.Empty(_fake.Cleared);
    }

    [Fact]
    public void NamedRangesAndTheirDeviceAreNotCleared()
    {
        _fake.AddDevice("/dev/store", Size);
        Snapshot snapshot = _manager.Create(Request("/dev/store:0+64M"));
        Assert.Equal(Size, snapshot.StorageCapacity);
        Assert.Empty(_fake.Cleared);
    }

    [Fact]
    public void StorageOfOthersIsNotCleared()
    {
        BlockDevice other = _fake.AddDevice("/dev/fake1", Size);
        BlockDevice store = _fake.AddDevice("/dev/store", Size);
        _manager.Create(Request("/dev/store:64K+4K"));
        Snapshot second = _manager.Create(Request("/dev/store") with { Devices = [other] });
        Assert.Equal([(store.Id, Size - (128 << 10), 128L << 10)], _fake.Cleared);

        // Also what is given later, and where a partition is named and then its disk.
        BlockDevice disk = _fake.AddDevice("/dev/disk", Size);
        _fake.AddDevice("/dev/disk1", Size / 2, null, device => device with { IsPartition = true, Disk = disk.Id });
        _manager.AddStorage(second.Id, DiffStorageSpec.Parse("/dev/disk1:0+4K"));
        _manager.AddStorage(second.Id, DiffStorageSpec.Parse("/dev/disk"));
        Assert.Single(_fake.Cleared);

        BlockDevice more = _fake.AddDevice("/dev/more", Size);
        _manager.AddStorage(second.Id, DiffStorageSpec.Parse("/dev/more", 1 << 20));
        Assert.Equal((more.Id, 0L, 128L << 10), _fake.Cleared[^1]);
        Assert.Equal(2, _fake.Cleared.Count);
    }

    [Fact]
    public void DeviceWithoutRoomBetweenItsEndsIsTooSmall()
    {
        _fake.AddDevice("/dev/store", 256 << 10);
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.CheckStorage(DiffStorageSpec.Parse("/dev/store")));
        Assert.Equal(ErrorIds.StorageTooSmall, e.ErrorId);
        _manager.CheckStorage(DiffStorageSpec.Parse("/dev/store:0+256K"));
    }

    [Fact]
    public void DeviceAboveTheOriginIsNotStorage()
    {
        BlockDevice part = _fake.AddDevice("/dev/fake0p1", Size, null, device => device with { IsPartition = true, Disk = _origin.Id });
        BlockDevice raid = _fake.AddDevice("/dev/raid", Size, null, device => device with { MadeOf = [part.Id] });
        BlockDevice volume = _fake.AddDevice("/dev/volume", Size, null, device => device with { MadeOf = [raid.Id] });
        _fake.AddDevice("/dev/volume1", Size, null, device => device with { IsPartition = true, Disk = volume.Id });
        _fake.AddDevice("/dev/beside", Size, null, device => device with { MadeOf = [new DeviceId(1, 1)] });
        foreach (string text in new[] { "/dev/raid", "/dev/volume", "/dev/volume1", "/dev/volume:0+1M" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Check(Request(text) with { Force = true }));
            Assert.Equal(ErrorIds.StorageAboveOrigin, e.ErrorId);
            Assert.Contains("/dev/fake0", e.Message, StringComparison.Ordinal);
        }

        // The partition is a part of the origin: what is written to it is known to be storage.
        _manager.Check(Request("/dev/fake0p1:0+1M"));
        _manager.Check(Request("/dev/beside"));

        Snapshot snapshot = _manager.Create(Request("/dev/beside"));
        Assert.Equal(
            ErrorIds.StorageAboveOrigin,
            Assert.Throws<BlksnapException>(() => _manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse("/dev/raid"))).ErrorId);
    }

    [Fact]
    public void DeviceThatASnapshotHoldsIsNotStorageOfAnother()
    {
        _fake.AddDevice("/dev/fake0p1", Size, null, device => device with { IsPartition = true, Disk = _origin.Id });
        _fake.AddDevice("/dev/beside", Size);
        BlockDevice other = _fake.AddDevice("/dev/other", Size);
        SnapshotRequest request = Request("/dev/fake0:0+1M") with { Devices = [other] };
        _manager.Check(request);
        Snapshot snapshot = _manager.Create(Request("/dev/beside:0+1M"));
        foreach (string text in new[] { "/dev/fake0:0+1M", "/dev/fake0", "/dev/fake0p1" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Check(Request(text) with { Devices = [other] }));
            Assert.Equal(ErrorIds.StorageAfterTake, e.ErrorId);
        }

        _manager.Check(request with { Force = true });
        _manager.Remove(snapshot.Id);
        _manager.Check(request);
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

    [Fact]
    public void OriginsSideBySideOnOneDiskAreNotAboveEachOther()
    {
        BlockDevice disk = _fake.AddDevice("/dev/disk", Size);
        BlockDevice one = _fake.AddDevice("/dev/one", Size, null, device => device with { MadeOf = [disk.Id] });
        _fake.AddDevice("/dev/two", Size, null, device => device with { MadeOf = [disk.Id] });
        _manager.Check(Request("/dev/two") with { Devices = [one] });
    }

    [ExtentFact]
    public void FileIsHeldBeforeItsExtentsAreAppended()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 4 << 20).Dispose();
        Snapshot snapshot = _manager.Create(Request(file));
        Assert.Equal([5, 67, 7, 8], _fake.MutatingRequests.Select(request => request.Number));
        Assert.Equal([file], _fake.Snapshots[0].HeldFiles);
        Assert.Equal(4L << 20, snapshot.StorageCapacity);
        Assert.All(_fake.Snapshots[0].Ranges, range => Assert.Equal(StorageFile.DeviceOf(file).Id, range.Device));
        _manager.Remove(snapshot.Id);
        Assert.True(File.Exists(file));
    }

    [ExtentFact]
    public void ExtentsAreWhereTheBytesAre()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string path = folder.File("storage");
        byte[] content = new byte[1 << 20];
        new Random(1).NextBytes(content);
        using (FileStream stream = File.Create(path))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }

        using FileDescriptor file = FileDescriptor.Open(path, LibC.O_RDONLY | LibC.O_CLOEXEC, "Test");
        List<ByteRange> ranges = FileExtents.Map(file, path, content.Length);
        Assert.Equal(content.Length, ranges.Sum(range => range.Length));
        Assert.All(ranges, range => Assert.Equal(0, range.Offset % 512));
        Assert.All(ranges.Zip(ranges.Skip(1)), pair => Assert.NotEqual(pair.First.End, pair.Second.Offset));

        // Where the device may be read, its bytes decide.
        if (ReadDevice(StorageFile.DeviceOf(path).Path, ranges) is { } onDevice)
        {
            Assert.Equal(content, onDevice);
        }

        // A part that begins and ends within an extent.
        List<ByteRange> part = FileExtents.Map(file, path, 8192);
        Assert.Equal(new ByteRange(ranges[0].Offset, 8192), Assert.Single(part));
    }

    [ExtentFact]
    public void FileInAFolderHasNoNameAndGoesWithTheSnapshot()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = _manager.Create(Request(folder.Path, 2 << 20));
        Assert.Equal(2L << 20, snapshot.StorageCapacity);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.EndsWith("(deleted)", Assert.Single(_fake.Snapshots[0].HeldFiles), StringComparison.Ordinal);
    }

    [ExtentFact]
    public void CheckOfAFolderMakesNoFile()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        _manager.Check(Request(folder.Path, 2 << 20));
        _manager.Check(Request(folder.File("fresh"), 2 << 20));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Empty(_fake.MutatingRequests);
    }

    [ExtentFact]
    public void FileThatIsNotThereIsMadeIfASizeIsGiven()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("fresh");
        Assert.Equal(ErrorIds.StorageNotFound, Assert.Throws<BlksnapException>(() => _manager.Check(Request(file))).ErrorId);
        Snapshot snapshot = _manager.Create(Request(file, 2 << 20));
        Assert.Equal(2 << 20, new FileInfo(file).Length);
        Assert.Equal(2L << 20, snapshot.StorageCapacity);
    }

    [ExtentFact]
    public void FileIsExtendedToTheSize()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        Assert.Equal(3L << 20, _manager.Create(Request(file, 3 << 20)).StorageCapacity);
        Assert.Equal(3 << 20, new FileInfo(file).Length);
    }

    [ExtentFact]
    public void OnlyTheSizeOfALargerFileIsUsed()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 3 << 20).Dispose();
        Assert.Equal(1L << 20, _manager.Create(Request(file, 1 << 20)).StorageCapacity);
    }

    [ExtentFact]
    public void FileWithHolesIsRefused()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string sparse = folder.File("sparse");
        using (FileStream stream = File.Create(sparse))
        {
            stream.SetLength(1 << 20);
        }

        string hole = folder.File("hole");
        using (FileStream stream = File.Create(hole))
        {
            stream.Write(new byte[4096]);
            stream.Position = 1 << 20;
            stream.Write(new byte[4096]);
        }

        string tail = folder.File("tail");
        using (FileStream stream = File.Create(tail))
        {
            stream.Write(new byte[4096]);
            stream.SetLength(1 << 20);
        }

        foreach (string file in new[] { sparse, hole, tail })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request(file)));
            Assert.Equal(ErrorIds.StorageHoles, e.ErrorId);
            Assert.Equal(file, e.Target);
        }

        Assert.Empty(_fake.MutatingRequests);
    }

    [ExtentFact]
    public void FileThatSomebodyWritesIsBusy()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        using FileStream writer = File.OpenWrite(file);
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request(file)));
        Assert.Equal(ErrorIds.StorageFileBusy, e.ErrorId);
        Assert.Empty(_fake.Snapshots);
        Assert.True(File.Exists(file));
    }

    [ExtentFact]
    public void FileThatWasMadeIsDeletedWhenALaterStepFails()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        _fake.FailRequest(8, Errno.ETIMEDOUT);
        Assert.Throws<BlksnapException>(() => _manager.Create(Request(folder.File("fresh"), 1 << 20)));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));

        Snapshot snapshot = _manager.Create(Request(folder.Path, 1 << 20));
        _fake.FailRequest(7, Errno.ENOMEM);
        Assert.Throws<BlksnapException>(() => _manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse(folder.File("fresh"), 1 << 20)));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [ExtentFact]
    public void FileThatDoesNotFitIsTooSmall()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        BlksnapException e = Assert.Throws<BlksnapException>(() => _manager.Create(Request(folder.File("fresh"), 1L << 50)));
        Assert.Equal(ErrorIds.StorageTooSmall, e.ErrorId);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Empty(_fake.Snapshots);
    }

    [ExtentFact]
    public void FileThatIsNoFileIsRefused()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string link = folder.File("link");
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        File.CreateSymbolicLink(link, file);
        _manager.Check(Request(link));

        string empty = folder.File("empty");
        File.WriteAllText(empty, "less than a page");
        Assert.Equal(ErrorIds.StorageTooSmall, Assert.Throws<BlksnapException>(() => _manager.Check(Request(empty))).ErrorId);

        Assert.Equal(
            ErrorIds.StorageNotFound,
            Assert.Throws<BlksnapException>(() => _manager.Check(Request(file + ":0+4096"))).ErrorId);
    }

    [Theory]
    [InlineData(0x0u, null)]
    [InlineData(0x801u, null)]
    [InlineData(0x1000u, null)]
    [InlineData(0x2000u, ErrorIds.StorageSharedExtents)]
    [InlineData(0x2u, ErrorIds.StorageEncodedExtents)]
    [InlineData(0x4u, ErrorIds.StorageEncodedExtents)]
    [InlineData(0x8u, ErrorIds.StorageEncodedExtents)]
    [InlineData(0x80u, ErrorIds.StorageEncodedExtents)]
    [InlineData(0x200u, ErrorIds.StorageEncodedExtents)]
    [InlineData(0x400u, ErrorIds.StorageEncodedExtents)]
    [InlineData(0x100u, ErrorIds.StorageUnaligned)]
    public void ExtentsThatAreNoPlainBlocksAreRefused(uint flags, string? errorId)
    {
        Exception? e = Record.Exception(() => FileExtents.CheckFlags(flags, "/file"));
        Assert.Equal(errorId, (e as BlksnapException)?.ErrorId);
    }

    private SnapshotRequest Request(string storage, long? size = null)
        => new() { Devices = [_origin], Storage = [DiffStorageSpec.Parse(storage, size)] };

    private static byte[]? ReadDevice(string path, List<ByteRange> ranges)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            MemoryStream result = new();
            foreach (ByteRange range in ranges)
            {
                byte[] part = new byte[range.Length];
                stream.Position = range.Offset;
                stream.ReadExactly(part);
                result.Write(part);
            }

            return result.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
