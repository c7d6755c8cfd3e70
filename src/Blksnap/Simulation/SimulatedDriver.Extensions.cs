// SPDX-License-Identifier: MIT
using System.Globalization;
using Blksnap.Abi;

namespace Blksnap.Simulation;

/// <content>Extension requests of this project's module.</content>
internal sealed partial class SimulatedDriver
{
    private int SnapshotStatus(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        argument.Set(16, snapshot.IsCorrupted ? 2u : snapshot.IsTaken ? 1u : 0u);
        argument.Set(20, snapshot.Devices.Select(device => device.Error).FirstOrDefault(error => error != 0));
        argument.Set(24, Nanoseconds(snapshot.CreateTime));
        argument.Set(32, snapshot.TakeTime is { } taken ? Nanoseconds(taken) : 0L);
        argument.Set(40, snapshot.IsTaken ? (ulong)snapshot.FrozenTime.Ticks * 100 : 0UL);
        argument.Set(48, snapshot.Capacity);
        argument.Set(56, snapshot.Filled);
        argument.Set(64, snapshot.RequestedSectors);
        argument.Set(72, snapshot.LowSpaceMark);
        argument.Set(80, (uint)snapshot.Devices.Count);
        argument.Set(84, (uint)snapshot.Ranges.Count);
        return 0;
    }

    private int SnapshotCollectDevices(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        int capacity = (int)argument.U32(16);
        argument.Set(16, (uint)snapshot.Devices.Count);
        if (argument.IsNull(24))
        {
            return 0;
        }

        if (capacity < snapshot.Devices.Count)
        {
            return -Errno.ENOBUFS;
        }

        ArgumentBytes array = argument.Follow(24, capacity * 48);
        for (int i = 0; i < snapshot.Devices.Count; i++)
        {
            SimulatedSnapshotDevice device = snapshot.Devices[i];
            int at = i * 48;
            array.Set(at, device.Original);
            array.Set(at + 8, device.Image);
            array.Set(at + 16, device.Freeze);
            array.Set(at + 20, device.FreezeError);
            array.Set(at + 24, device.Error);
            array.Set(at + 28, (uint)UnitSectors * 512);
            array.Set(at + 32, device.CopiedSectors);
            array.Set(at + 40, 0UL);
        }

        return 0;
    }

    private int SnapshotCollectStorage(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        int capacity = (int)argument.U32(16);
        argument.Set(16, (uint)snapshot.Ranges.Count);
        if (argument.IsNull(24))
        {
            return 0;
        }

        if (capacity < snapshot.Ranges.Count)
        {
            return -Errno.ENOBUFS;
        }

        ArgumentBytes array = argument.Follow(24, capacity * 32);
        for (int i = 0; i < snapshot.Ranges.Count; i++)
        {
            array.Set(i * 32, snapshot.Ranges[i].Device);
            array.Set((i * 32) + 8, snapshot.Ranges[i].Offset);
            array.Set((i * 32) + 16, snapshot.Ranges[i].Count);
            array.Set((i * 32) + 24, snapshot.Ranges[i].Filled);
        }

        return 0;
    }

    private int SnapshotHoldFile(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        // The kernel looks at the file behind the descriptor; so does this, through /proc.
        string entry = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{argument.U32(16)}");
        if (new FileInfo(entry).LinkTarget is not { } target)
        {
            return -Errno.EBADF;
        }

        bool isFile = target.EndsWith(" (deleted)", StringComparison.Ordinal) || File.Exists(target);
        if (!isFile)
        {
            return -Errno.EINVAL;
        }

        if (_snapshots.SelectMany(other => other.HeldFiles).Contains(target))
        {
            return -Errno.EBUSY;
        }

        if (IsOpenForWriting(target))
        {
            return -Errno.ETXTBSY;
        }

        snapshot.HeldFiles.Add(target);
        snapshot.OpenFiles.Add(File.OpenHandle(entry, share: FileShare.ReadWrite | FileShare.Delete));
        return 0;
    }

    private int SnapshotSetLowSpace(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        snapshot.FixedLowSpaceMark = argument.U64(16);
        bool asked = snapshot.LowSpaceReported;
        SetLowSpaceMark(snapshot);
        if (snapshot.Capacity - snapshot.Filled <= snapshot.LowSpaceMark)
        {
            // Before the first append, the event of the creation is what asks.
            snapshot.LowSpaceReported = true;
            if (!asked && snapshot.Capacity > 0)
            {
                QueueLowSpace(snapshot, StorageMinimum);
                Monitor.PulseAll(_lock);
            }
        }

        return 0;
    }

    // As the kernel would see it, at least for the descriptors of this process.
    private static bool IsOpenForWriting(string target)
    {
        foreach (string entry in Directory.GetFileSystemEntries("/proc/self/fd"))
        {
            if (new FileInfo(entry).LinkTarget != target)
            {
                continue;
            }

            try
            {
                string flags = File.ReadLines("/proc/self/fdinfo/" + Path.GetFileName(entry))
                    .First(line => line.StartsWith("flags:", StringComparison.Ordinal))[6..].Trim();
                if ((Convert.ToInt32(flags, 8) & 3) != 0)
                {
                    return true;
                }
            }
            catch (IOException)
            {
                // Another thread closed it since.
            }
        }

        return false;
    }

    private static long Nanoseconds(DateTime time) => (time - DateTime.UnixEpoch).Ticks * 100;
}
