// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Unit.Library;

public sealed class BlockDeviceTests : IDisposable
{
    private readonly TemporaryFolder _root = new(Directory.CreateTempSubdirectory("blksnap-").FullName);
    private readonly SystemBlockDevices _devices;

    public BlockDeviceTests()
    {
        AddDevice("vda", "254:0", ("size", "2048"), ("ro", "0"), ("queue/logical_block_size", "4096"), ("device/model", "QEMU DISK  "));
        AddDevice("vda/vda1", "254:1", ("size", "1024"), ("ro", "1"), ("partition", "1"));
        AddDevice("dm-0", "253:0", ("size", "8"), ("queue/logical_block_size", "512"));
        AddDevice("blksnap-image0", "252:0", ("size", "8"));
        Directory.CreateDirectory(_root.File("sys/devices/vda/vda1/holders/dm-0"));
        Write("proc/self/mountinfo", """
            22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/root rw
            30 22 254:1 /home /mnt/with\040blank rw - ext4 /dev/root rw
            31 22 0:25 / /proc rw shared:2 master:1 - proc proc rw
            not a line of this kind
            """);
        string swap = _root.File("dev/dm-0");
        Write("dev/dm-0", string.Empty);
        Write("proc/swaps", $"Filename\tType\tSize\n{swap} partition 100 0 -2\n");
        _devices = new SystemBlockDevices(_root.File("sys"), _root.File("proc"), _root.File("dev"));
    }

    public void Dispose() => _root.Dispose();

    [Fact]
    public void DiskIsRead()
    {
        BlockDevice disk = _devices.FromId(new DeviceId(254, 0))!;
        Assert.Equal(_root.File("dev/vda"), disk.Path);
        Assert.Equal("vda", disk.Name);
        Assert.Equal(2048 * 512, disk.Size);
        Assert.Equal(4096, disk.LogicalBlockSize);
        Assert.Equal("QEMU DISK", disk.Model);
        Assert.False(disk.IsPartition);
        Assert.False(disk.IsReadOnly);
        Assert.Null(disk.Disk);
        Assert.Equal([new DeviceId(254, 1)], disk.Partitions);
        Assert.Empty(disk.MountPoints);
    }

    [Fact]
    public void PartitionIsReadWithItsDisk()
    {
        BlockDevice partition = _devices.FromId(new DeviceId(254, 1))!;
        Assert.True(partition.IsPartition);
        Assert.True(partition.IsReadOnly);
        Assert.Equal(new DeviceId(254, 0), partition.Disk);
        Assert.Equal(4096, partition.LogicalBlockSize);
        Assert.Equal("QEMU DISK", partition.Model);
        Assert.Equal(["dm-0"], partition.Holders);
        Assert.Equal(["/", "/mnt/with blank"], partition.MountPoints);
    }

    [Fact]
    public void SwapAndImagesAreRecognised()
    {
        Assert.True(_devices.FromId(new DeviceId(253, 0))!.IsSwap);
        Assert.False(_devices.FromId(new DeviceId(254, 0))!.IsSwap);
        Assert.True(_devices.FromId(new DeviceId(252, 0))!.IsSnapshotImage);
        Assert.False(_devices.FromId(new DeviceId(254, 0))!.IsSnapshotImage);
    }

    [Fact]
    public void NumberOfTheDiskIsRead()
    {
        Assert.Null(_devices.FromId(new DeviceId(254, 0))!.DiskSequence);
        Write("sys/devices/vda/diskseq", "17\n");
        Assert.Equal(17, _devices.FromId(new DeviceId(254, 0))!.DiskSequence);
        Assert.Equal(17, _devices.FromId(new DeviceId(254, 1))!.DiskSequence);
    }

    [Fact]
    public void WhatADeviceIsMadeOfIsRead()
    {
        AddDevice("loop0", "7:0", ("size", "8"), ("loop/backing_file", "/mnt/with blank/disk.img"));
        AddDevice("loop1", "7:1", ("size", "8"), ("loop/backing_file", "/proc/file"));
        Write("sys/devices/dm-0/slaves/vda1/dev", "254:1\n");
        Assert.Equal([new DeviceId(254, 1)], _devices.FromId(new DeviceId(253, 0))!.MadeOf);
        Assert.Equal([new DeviceId(254, 1)], _devices.FromId(new DeviceId(7, 0))!.MadeOf);
        Assert.Empty(_devices.FromId(new DeviceId(7, 1))!.MadeOf);
        Assert.Empty(_devices.FromId(new DeviceId(254, 0))!.MadeOf);
    }

    [Fact]
    public void PathsOfMultipathDevicesAreRecognised()
    {
        Write("sys/devices/vda/holders/dm-0/dm/uuid", "LVM-mpath-\n");
        Assert.Null(_devices.FromId(new DeviceId(254, 0))!.MultipathHolder);
        Write("sys/devices/vda/holders/dm-0/dm/uuid", "mpath-3600a\n");
        Assert.Equal("dm-0", _devices.FromId(new DeviceId(254, 0))!.MultipathHolder);
        Assert.Equal("dm-0", _devices.FromId(new DeviceId(254, 1))!.MultipathHolder);
        Assert.Null(_devices.FromId(new DeviceId(253, 0))!.MultipathHolder);
    }

    [Fact]
    public void AllDevicesAreListed()
        => Assert.Equal(["252:0", "253:0", "254:0", "254:1"], _devices.All().Select(device => device.Id.ToString()));

    [Fact]
    public void DeviceThatIsNotThere()
    {
        Assert.Null(_devices.FromId(new DeviceId(1, 1)));
        Assert.Null(_devices.FromPath(_root.File("dev/nothing")));
        Assert.Null(_devices.FromPath("/dev/null"));
        Assert.Equal("1:999999", BlockDevices.PathOf(new DeviceId(1, 999999)));
        BlksnapException e = Assert.Throws<BlksnapException>(() => BlockDevices.FromPath("/dev/nothing"));
        Assert.Equal((ErrorIds.DeviceNotFound, "/dev/nothing"), (e.ErrorId, e.Target));
    }

    [Theory]
    [InlineData("8:1", true, 8, 1)]
    [InlineData(" 259:1048575\n", true, 259, 1048575)]
    [InlineData("8", false, 0, 0)]
    [InlineData("8:1:2", false, 0, 0)]
    [InlineData("-8:1", false, 0, 0)]
    [InlineData("a:b", false, 0, 0)]
    [InlineData(null, false, 0, 0)]
    public void NumberIsParsed(string? text, bool valid, uint major, uint minor)
    {
        Assert.Equal(valid, DeviceId.TryParse(text, out DeviceId id));
        Assert.Equal(new DeviceId(major, minor), id);
    }

    [Theory]
    [InlineData(0x801UL, 8, 1)]
    [InlineData(0x1000FE02UL, 254, 65538)]
    [InlineData(0xFFF103FFUL, 259, 1048575)]
    [InlineData(0x0000100000000001UL, 0x1000, 1)]
    public void PackedNumberIsSplitAsMakedevPacksIt(ulong packed, uint major, uint minor)
        => Assert.Equal(new DeviceId(major, minor), DeviceNumbers.Split(packed));

    [Theory]
    [InlineData("xfs", 0, "XFSB")]
    [InlineData("crypto_LUKS", 0, "LUKS\xBA\xBE")]
    [InlineData("btrfs", 0x10040, "_BHRfS_M")]
    [InlineData("swap", 4086, "SWAPSPACE2")]
    [InlineData("swap", 65526, "SWAPSPACE2")]
    [InlineData("ntfs", 3, "NTFS    ")]
    [InlineData("exfat", 3, "EXFAT   ")]
    [InlineData("vfat", 54, "FAT16   ")]
    [InlineData("vfat", 82, "FAT32   ")]
    [InlineData("squashfs", 0, "hsqs")]
    [InlineData("iso9660", 32769, "CD001")]
    [InlineData("gpt", 512, "EFI PART")]
    [InlineData("gpt", 4096, "EFI PART")]
    [InlineData("linux_raid_member", 4096, "\xFC\x4E\x2B\xA9")]
    [InlineData("f2fs", 1024, "\x10\x20\xF5\xF2")]
    public void ContentIsRecognisedByItsSignature(string content, int offset, string signature)
    {
        byte[] start = new byte[68 * 1024];
        Assert.Null(ContentProbe.Recognise(start));
        Encoding.Latin1.GetBytes(signature, start.AsSpan(offset));
        Assert.Equal(content, ContentProbe.Recognise(start));
    }

    [Theory]
    [InlineData("ext2", 0u, 0u)]
    [InlineData("ext3", 4u, 0u)]
    [InlineData("ext4", 4u, 0x40u)]
    public void ExtFamilyIsToldApart(string content, uint compatible, uint incompatible)
    {
        byte[] start = new byte[4096];
        BinaryPrimitives.WriteUInt16LittleEndian(start.AsSpan(1024 + 56), 0xEF53);
        BinaryPrimitives.WriteUInt32LittleEndian(start.AsSpan(1024 + 92), compatible);
        BinaryPrimitives.WriteUInt32LittleEndian(start.AsSpan(1024 + 96), incompatible);
        Assert.Equal(content, ContentProbe.Recognise(start));
    }

    [Fact]
    public void LvmLabelIsFoundInAnyOfFourSectors()
    {
        byte[] start = new byte[4096];
        Encoding.ASCII.GetBytes("LABELONE", start.AsSpan(512));
        Assert.Null(ContentProbe.Recognise(start));
        Encoding.ASCII.GetBytes("LVM2 001", start.AsSpan(512 + 24));
        Assert.Equal("LVM2_member", ContentProbe.Recognise(start));
    }

    [Fact]
    public void BootSectorIsAPartitionTableOnlyWithAnEntry()
    {
        byte[] start = new byte[512];
        start[510] = 0x55;
        start[511] = 0xAA;
        Assert.Null(ContentProbe.Recognise(start));
        start[446 + 4] = 0x83;
        Assert.Equal("dos", ContentProbe.Recognise(start));
    }

    [Fact]
    public void OldRaidMetadataIsAtTheEnd()
    {
        string path = _root.File("member");
        byte[] content = new byte[1 << 20];
        BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(content.Length - 65536), 0xA92B4EFC);
        File.WriteAllBytes(path, content);
        Assert.Equal("linux_raid_member", ContentProbe.Probe(path, content.Length));
        Assert.Null(ContentProbe.Probe(path, content.Length / 2));
        Assert.Null(ContentProbe.Probe(_root.File("nothing"), 4096));
    }

    private void AddDevice(string folder, string number, params (string File, string Text)[] files)
    {
        string path = "sys/devices/" + folder;
        Write(path + "/uevent", $"MAJOR={number.Split(':')[0]}\nDEVNAME={Path.GetFileName(folder)}\nDEVTYPE=disk\n");
        Write(path + "/dev", number + "\n");
        foreach ((string file, string text) in files)
        {
            Write($"{path}/{file}", text + "\n");
        }

        Directory.CreateDirectory(_root.File("sys/dev/block"));
        Directory.CreateSymbolicLink(_root.File("sys/dev/block/" + number), "../../devices/" + folder);
    }

    private void Write(string file, string text)
    {
        string path = _root.File(file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
