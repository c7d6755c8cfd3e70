// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;
using Tmds.Linux;

namespace Unit.Library;

public sealed class DiffStorageTests : StorageTest
{
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
        BlockDevice part = Fake.AddDevice("/dev/store1", Size, null, device => device with { MountPoints = ["/part"], IsPartition = true });
        BlockDevice disk = Fake.AddDevice("/dev/disk", Size, null, device => device with { MountPoints = ["/disk"] });
        Fake.AddDevice("/dev/store", Size, why == "content" ? "xfs" : null, device => why switch
        {
            "mounted" => device with { MountPoints = ["/mnt"] },
            "holders" => device with { Holders = ["dm-0"] },
            "partition" => device with { Partitions = [part.Id] },
            "disk" => device with { IsPartition = true, Disk = disk.Id },
            _ => device,
        });
        foreach (string text in new[] { "/dev/store", "/dev/store:0+1M" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.CheckStorage(DiffStorageSpec.Parse(text)));
            Assert.Equal(ErrorIds.StorageInUse, e.ErrorId);
            Assert.Equal("/dev/store", e.Target);
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
            Manager.CheckStorage(DiffStorageSpec.Parse(text), force: true);
        }
    }

    [Fact]
    public void SwapAndImagesAreNeverStorage()
    {
        Fake.AddDevice("/dev/swap", Size, "swap", device => device with { IsSwap = true });
        Fake.AddDevice("/dev/image", Size, null, device => device with { IsSnapshotImage = true });
        foreach (string path in new[] { "/dev/swap", "/dev/image" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.CheckStorage(DiffStorageSpec.Parse(path), force: true));
            Assert.Equal(ErrorIds.StorageInUse, e.ErrorId);
        }
    }

    [Fact]
    public void OriginAsAWholeIsNotItsOwnStorage()
    {
        SnapshotRequest request = new() { Devices = [Origin], Storage = [DiffStorageSpec.Parse("/dev/fake0")], Force = true };
        Assert.Equal(ErrorIds.StorageInUse, Assert.Throws<BlksnapException>(() => Manager.Check(request)).ErrorId);
        Manager.Check(request with { Storage = [DiffStorageSpec.Parse("/dev/fake0:32M+32M")] });
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
        Fake.AddDevice("/dev/store", Size, null, device => device with { LogicalBlockSize = 4096 });
        Fake.AddDevice("/dev/readonly", Size, null, device => device with { IsReadOnly = true });
        Assert.Equal(errorId, Assert.Throws<BlksnapException>(() => Manager.CheckStorage(DiffStorageSpec.Parse(text))).ErrorId);
    }

    [Fact]
    public void SizeLimitsADevice()
    {
        Fake.AddDevice("/dev/store", Size);
        Snapshot snapshot = Manager.Create(new SnapshotRequest { Devices = [Origin], Storage = [DiffStorageSpec.Parse("/dev/store", 8 << 20)] });
        Assert.Equal(8L << 20, snapshot.StorageCapacity);
    }

    [Fact]
    public void EndsOfAWholeDeviceStayUnusedAndAreCleared()
    {
        // Not a multiple of 64 KiB: the unused end begins at one.
        BlockDevice store = Fake.AddDevice("/dev/store", Size + 4096, "ext4");
        Assert.Throws<BlksnapException>(() => Manager.Create(Request("/dev/store")));
        Assert.Empty(Fake.Cleared);

        Snapshot snapshot = Manager.Create(Request("/dev/store") with { Force = true });
        DiffStorageRange range = Assert.Single(Manager.GetStorage(snapshot.Id).Ranges);
        Assert.Equal((128L << 10, Size - (256 << 10)), (range.Offset, range.Length));
        Assert.Equal([(store.Id, 0L, 128L << 10), (store.Id, Size - (128 << 10), (128L << 10) + 4096)], Fake.Cleared);

        Manager.Remove(snapshot.Id);
        Manager.CheckStorage(DiffStorageSpec.Parse("/dev/store"));
    }

    [Fact]
    public void NothingIsClearedBeforeTheSnapshotIsTaken()
    {
        Fake.AddDevice("/dev/store", Size, "ext4");
        Fake.FailRequest(8, Errno.ETIMEDOUT);
        Assert.Throws<BlksnapException>(() => Manager.Create(Request("/dev/store") with { Force = true }));
        Assert.Empty(Fake.Cleared);
    }

    [Fact]
    public void NamedRangesAndTheirDeviceAreNotCleared()
    {
        Fake.AddDevice("/dev/store", Size);
        Snapshot snapshot = Manager.Create(Request("/dev/store:0+64M"));
        Assert.Equal(Size, snapshot.StorageCapacity);
        Assert.Empty(Fake.Cleared);
    }

    [Fact]
    public void StorageOfOthersIsNotCleared()
    {
        BlockDevice other = Fake.AddDevice("/dev/fake1", Size);
        BlockDevice store = Fake.AddDevice("/dev/store", Size);
        Manager.Create(Request("/dev/store:64K+4K"));
        Snapshot second = Manager.Create(Request("/dev/store") with { Devices = [other] });
        Assert.Equal([(store.Id, Size - (128 << 10), 128L << 10)], Fake.Cleared);

        // Also what is given later, and where a partition is named and then its disk.
        BlockDevice disk = Fake.AddDevice("/dev/disk", Size);
        Fake.AddDevice("/dev/disk1", Size / 2, null, device => device with { IsPartition = true, Disk = disk.Id });
        Manager.AddStorage(second.Id, DiffStorageSpec.Parse("/dev/disk1:0+4K"));
        Manager.AddStorage(second.Id, DiffStorageSpec.Parse("/dev/disk"));
        Assert.Single(Fake.Cleared);

        BlockDevice more = Fake.AddDevice("/dev/more", Size);
        Manager.AddStorage(second.Id, DiffStorageSpec.Parse("/dev/more", 1 << 20));
        Assert.Equal((more.Id, 0L, 128L << 10), Fake.Cleared[^1]);
        Assert.Equal(2, Fake.Cleared.Count);
    }

    [Fact]
    public void DeviceWithoutRoomBetweenItsEndsIsTooSmall()
    {
        Fake.AddDevice("/dev/store", 256 << 10);
        BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.CheckStorage(DiffStorageSpec.Parse("/dev/store")));
        Assert.Equal(ErrorIds.StorageTooSmall, e.ErrorId);
        Manager.CheckStorage(DiffStorageSpec.Parse("/dev/store:0+256K"));
    }

    [Fact]
    public void DeviceAboveTheOriginIsNotStorage()
    {
        BlockDevice part = Fake.AddDevice("/dev/fake0p1", Size, null, device => device with { IsPartition = true, Disk = Origin.Id });
        BlockDevice raid = Fake.AddDevice("/dev/raid", Size, null, device => device with { MadeOf = [part.Id] });
        BlockDevice volume = Fake.AddDevice("/dev/volume", Size, null, device => device with { MadeOf = [raid.Id] });
        Fake.AddDevice("/dev/volume1", Size, null, device => device with { IsPartition = true, Disk = volume.Id });
        Fake.AddDevice("/dev/beside", Size, null, device => device with { MadeOf = [new DeviceId(1, 1)] });
        foreach (string text in new[] { "/dev/raid", "/dev/volume", "/dev/volume1", "/dev/volume:0+1M" })
        {
            BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.Check(Request(text) with { Force = true }));
            Assert.Equal(ErrorIds.StorageAboveOrigin, e.ErrorId);
            Assert.Contains("/dev/fake0", e.Message, StringComparison.Ordinal);
        }

        // The partition is a part of the origin: what is written to it is known to be storage.
        Manager.Check(Request("/dev/fake0p1:0+1M"));
        Manager.Check(Request("/dev/beside"));

        Snapshot snapshot = Manager.Create(Request("/dev/beside"));
        Assert.Equal(
            ErrorIds.StorageAboveOrigin,
            Assert.Throws<BlksnapException>(() => Manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse("/dev/raid"))).ErrorId);
    }

    [Fact]
    public void OriginsSideBySideOnOneDiskAreNotAboveEachOther()
    {
        BlockDevice disk = Fake.AddDevice("/dev/disk", Size);
        BlockDevice one = Fake.AddDevice("/dev/one", Size, null, device => device with { MadeOf = [disk.Id] });
        Fake.AddDevice("/dev/two", Size, null, device => device with { MadeOf = [disk.Id] });
        Manager.Check(Request("/dev/two") with { Devices = [one] });
    }

    [ExtentFact]
    public void FileIsHeldBeforeItsExtentsAreAppended()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 4 << 20).Dispose();
        Snapshot snapshot = Manager.Create(Request(file));
        Assert.Equal([5, 67, 7, 8], Fake.MutatingRequests.Select(request => request.Number));
        Assert.Equal([file], Fake.Snapshots[0].HeldFiles);
        Assert.Equal(4L << 20, snapshot.StorageCapacity);
        Assert.All(Fake.Snapshots[0].Ranges, range => Assert.Equal(StorageFile.DeviceOf(file).Id, range.Device));
        Manager.Remove(snapshot.Id);
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
        Snapshot snapshot = Manager.Create(Request(folder.Path, 2 << 20));
        Assert.Equal(2L << 20, snapshot.StorageCapacity);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.EndsWith("(deleted)", Assert.Single(Fake.Snapshots[0].HeldFiles), StringComparison.Ordinal);
    }

    [ExtentFact]
    public void CheckOfAFolderMakesNoFile()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Manager.Check(Request(folder.Path, 2 << 20));
        Manager.Check(Request(folder.File("fresh"), 2 << 20));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Empty(Fake.MutatingRequests);
    }

    [ExtentFact]
    public void FileThatIsNotThereIsMadeIfASizeIsGiven()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("fresh");
        Assert.Equal(ErrorIds.StorageNotFound, Assert.Throws<BlksnapException>(() => Manager.Check(Request(file))).ErrorId);
        Snapshot snapshot = Manager.Create(Request(file, 2 << 20));
        Assert.Equal(2 << 20, new FileInfo(file).Length);
        Assert.Equal(2L << 20, snapshot.StorageCapacity);
    }

    [ExtentFact]
    public void FileIsExtendedToTheSize()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        Assert.Equal(3L << 20, Manager.Create(Request(file, 3 << 20)).StorageCapacity);
        Assert.Equal(3 << 20, new FileInfo(file).Length);
    }

    [ExtentFact]
    public void OnlyTheSizeOfALargerFileIsUsed()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 3 << 20).Dispose();
        Assert.Equal(1L << 20, Manager.Create(Request(file, 1 << 20)).StorageCapacity);
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
            BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.Create(Request(file)));
            Assert.Equal(ErrorIds.StorageHoles, e.ErrorId);
            Assert.Equal(file, e.Target);
        }

        Assert.Empty(Fake.MutatingRequests);
    }

    [ExtentFact]
    public void FileThatSomebodyWritesIsBusy()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        using FileStream writer = File.OpenWrite(file);
        BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.Create(Request(file)));
        Assert.Equal(ErrorIds.StorageFileBusy, e.ErrorId);
        Assert.Empty(Fake.Snapshots);
        Assert.True(File.Exists(file));
    }

    [ExtentFact]
    public void FileThatWasMadeIsDeletedWhenALaterStepFails()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Fake.FailRequest(8, Errno.ETIMEDOUT);
        Assert.Throws<BlksnapException>(() => Manager.Create(Request(folder.File("fresh"), 1 << 20)));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));

        Snapshot snapshot = Manager.Create(Request(folder.Path, 1 << 20));
        Fake.FailRequest(7, Errno.ENOMEM);
        Assert.Throws<BlksnapException>(() => Manager.AddStorage(snapshot.Id, DiffStorageSpec.Parse(folder.File("fresh"), 1 << 20)));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [ExtentFact]
    public void FileThatDoesNotFitIsTooSmall()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        BlksnapException e = Assert.Throws<BlksnapException>(() => Manager.Create(Request(folder.File("fresh"), 1L << 50)));
        Assert.Equal(ErrorIds.StorageTooSmall, e.ErrorId);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.Empty(Fake.Snapshots);
    }

    [ExtentFact]
    public void FileThatIsNoFileIsRefused()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        string link = folder.File("link");
        string file = folder.File("storage");
        StorageFile.Make(file, hasName: true, 1 << 20).Dispose();
        File.CreateSymbolicLink(link, file);
        Manager.Check(Request(link));

        string empty = folder.File("empty");
        File.WriteAllText(empty, "less than a page");
        Assert.Equal(ErrorIds.StorageTooSmall, Assert.Throws<BlksnapException>(() => Manager.Check(Request(empty))).ErrorId);

        Assert.Equal(
            ErrorIds.StorageNotFound,
            Assert.Throws<BlksnapException>(() => Manager.Check(Request(file + ":0+4096"))).ErrorId);
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
