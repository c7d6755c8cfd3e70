// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using Blksnap.Abi;
using Tmds.Linux;

namespace Blksnap.Devices;

/// <summary>Block devices from sysfs, /proc and the nodes under /dev.</summary>
internal sealed class SystemBlockDevices : IBlockDeviceSource
{
    private readonly string _sys;
    private readonly string _proc;
    private readonly string _dev;
    private readonly string _run;

    public SystemBlockDevices(string sys = "/sys", string proc = "/proc", string dev = "/dev", string run = "/run")
    {
        _run = run;
        _sys = sys;
        _proc = proc;
        _dev = dev;
    }

    public BlockDevice? FromPath(string path)
        => TryGetNumber(path, out DeviceId id) ? FromId(id) : null;

    public BlockDevice? FromId(DeviceId id)
    {
        string link = Path.Combine(_sys, "dev", "block", id.ToString());
        return Directory.Exists(link) ? Read(id, link) : null;
    }

    public IEnumerable<BlockDevice> All()
    {
        string folder = Path.Combine(_sys, "dev", "block");
        if (!Directory.Exists(folder))
        {
            yield break;
        }

        foreach (string entry in Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal))
        {
            if (DeviceId.TryParse(Path.GetFileName(entry), out DeviceId id) && FromId(id) is { } device)
            {
                yield return device;
            }
        }
    }

    public string? ProbeContent(BlockDevice device) => ContentProbe.Probe(device.Path, device.Size);

    public bool Clear(BlockDevice device, long offset, long length)
    {
        try
        {
            // The node may lead elsewhere by now.
            if (FromPath(device.Path)?.Id != device.Id)
            {
                return false;
            }

            using FileStream stream = new(device.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            stream.Position = offset;
            stream.Write(new byte[length]);
            stream.Flush(flushToDisk: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static unsafe bool TryGetNumber(string path, out DeviceId id)
    {
        id = default;
        stat status;
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            if (LibC.stat(name, &status) != 0 || ((int)(uint)status.st_mode & 0xF000) != 0x6000)
            {
                return false;
            }
        }

        id = DeviceNumbers.Split(status.st_rdev);
        return true;
    }

    private BlockDevice Read(DeviceId id, string folder)
    {
        string name = ReadProperty(Path.Combine(folder, "uevent"), "DEVNAME") ?? id.ToString();
        bool isPartition = File.Exists(Path.Combine(folder, "partition"));

        // A partition's folder lies in that of its disk; the path goes through a symbolic link, so ask for the real one first.
        string real = Directory.ResolveLinkTarget(folder, returnFinalTarget: true)?.FullName ?? folder;
        string diskFolder = isPartition ? Path.GetDirectoryName(real)! : real;
        List<Mount> mounts = [.. MountTable.Read(Path.Combine(_proc, "self", "mountinfo")).Where(mount => mount.Device == id)];
        return new BlockDevice
        {
            Path = Path.Combine(_dev, name),
            Name = name,
            Id = id,
            Size = ReadNumber(Path.Combine(folder, "size")) << Sectors.Shift,
            LogicalBlockSize = (int)Math.Max(ReadNumber(Path.Combine(diskFolder, "queue", "logical_block_size")), Sectors.Size),
            IsReadOnly = ReadNumber(Path.Combine(folder, "ro")) != 0,
            IsPartition = isPartition,
            Disk = isPartition && DeviceId.TryParse(ReadText(Path.Combine(diskFolder, "dev")), out DeviceId disk) ? disk : null,
            Partitions = isPartition ? [] : ReadPartitions(real),
            Holders = ReadHolders(Path.Combine(folder, "holders")),
            MadeOf = isPartition ? [] : [.. ReadLower(folder).Distinct()],
            MountPoints = [.. mounts.Select(mount => mount.MountPoint)],
            FileSystem = mounts.Count > 0 ? mounts[0].FileSystem : ReadProperty(Path.Combine(_run, "udev", "data", $"b{id}"), "E:ID_FS_TYPE"),
            WrittenBytes = ReadWritten(Path.Combine(folder, "stat")),
            IsSwap = IsSwap(Path.Combine(_dev, name)),
            Model = ReadText(Path.Combine(diskFolder, "device", "model")) is { Length: > 0 } model ? model : null,
            IsSnapshotImage = name.StartsWith("blksnap-image", StringComparison.Ordinal)
                || name.StartsWith("veeamblksnapimg", StringComparison.Ordinal)
                || name.StartsWith("veeamblksnap-image", StringComparison.Ordinal),
            MultipathHolder = ReadHolders(Path.Combine(diskFolder, "holders")).FirstOrDefault(holder => IsMultipath(Path.Combine(diskFolder, "holders", holder))),
            DiskSequence = ReadNumber(Path.Combine(diskFolder, "diskseq")) is var sequence and > 0 ? sequence : null,
        };
    }

    private static List<DeviceId> ReadPartitions(string folder)
    {
        List<DeviceId> partitions = [];
        foreach (string entry in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(entry, "partition")) && DeviceId.TryParse(ReadText(Path.Combine(entry, "dev")), out DeviceId id))
            {
                partitions.Add(id);
            }
        }

        return partitions;
    }

    private static string[] ReadHolders(string folder)
        => Directory.Exists(folder)
            ? [.. Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)]
            : [];

    private static bool IsMultipath(string folder)
        => (ReadText(Path.Combine(folder, "dm", "uuid")) ?? string.Empty).StartsWith("mpath-", StringComparison.Ordinal);

    private IEnumerable<DeviceId> ReadLower(string folder)
    {
        string slaves = Path.Combine(folder, "slaves");
        foreach (string entry in Directory.Exists(slaves) ? Directory.EnumerateFileSystemEntries(slaves) : [])
        {
            if (DeviceId.TryParse(ReadText(Path.Combine(entry, "dev")), out DeviceId id))
            {
                yield return id;
            }
        }

        if (ReadText(Path.Combine(folder, "loop", "backing_file")) is { Length: > 0 } file && DeviceBehind(file) is { } below)
        {
            yield return below;
        }
    }

    /// <summary>The device that a file lies on, or that it is; null if there is no single one.</summary>
    private DeviceId? DeviceBehind(string file)
    {
        if (TryGetNumber(file, out DeviceId device))
        {
            return device;
        }

        Mount found = default;
        foreach (Mount mount in MountTable.Read(Path.Combine(_proc, "self", "mountinfo")))
        {
            bool isBelow = mount.MountPoint == "/" || file.StartsWith(mount.MountPoint + "/", StringComparison.Ordinal);
            if (isBelow && mount.MountPoint.Length >= (found.MountPoint?.Length ?? 0))
            {
                found = mount;
            }
        }

        // A file system without a device number of its own (btrfs) names the device that it was mounted from.
        return found.Device.Major != 0 ? found.Device
            : found.Source is { } source && TryGetNumber(source, out device) ? device
            : null;
    }

    // The seventh number counts sectors written.
    private static long ReadWritten(string file)
        => (ReadText(file) ?? string.Empty).Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > 6 } numbers
            && long.TryParse(numbers[6], NumberStyles.None, CultureInfo.InvariantCulture, out long sectors) ? sectors << Sectors.Shift : 0;

    private bool IsSwap(string path)
    {
        string file = Path.Combine(_proc, "swaps");
        if (!File.Exists(file))
        {
            return false;
        }

        // The first column is the path that was given to swapon, which may be a link to the node.
        string target = ResolveLink(path);
        return File.ReadLines(file).Skip(1)
            .Select(line => line.Split([' ', '\t'], 2)[0])
            .Any(swap => swap.StartsWith('/') && ResolveLink(swap) == target);
    }

    private static string ResolveLink(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }

    private static string? ReadProperty(string file, string key)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        return File.ReadLines(file)
            .Where(line => line.StartsWith(key + "=", StringComparison.Ordinal))
            .Select(line => line[(key.Length + 1)..])
            .FirstOrDefault();
    }

    private static string? ReadText(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The device went away between the two steps.
            return null;
        }
    }

    private static long ReadNumber(string file)
        => long.TryParse(ReadText(file), NumberStyles.Integer, CultureInfo.InvariantCulture, out long value) ? value : 0;
}
