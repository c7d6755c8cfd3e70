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

    public SystemBlockDevices(string sys = "/sys", string proc = "/proc", string dev = "/dev")
    {
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
            MountPoints = ReadMountPoints(id),
            IsSwap = IsSwap(Path.Combine(_dev, name)),
            Model = ReadText(Path.Combine(diskFolder, "device", "model")) is { Length: > 0 } model ? model : null,
            IsSnapshotImage = name.StartsWith("blksnap-image", StringComparison.Ordinal)
                || name.StartsWith("veeamblksnapimg", StringComparison.Ordinal)
                || name.StartsWith("veeamblksnap-image", StringComparison.Ordinal),
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

    private List<string> ReadMountPoints(DeviceId id)
        => [.. MountTable.Read(Path.Combine(_proc, "self", "mountinfo")).Where(mount => mount.Device == id).Select(mount => mount.MountPoint)];

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
