// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Blksnap.Abi;

namespace Blksnap.Simulation;

/// <content>Requests about snapshots and events.</content>
internal sealed partial class SimulatedDriver
{
    private const ulong UnitSectors = 8;
    private const ulong ChunkSectors = 512;

    private SimulatedSnapshot? Holder(DeviceId device)
        => _unreleased.Find(snapshot => snapshot.Devices.Exists(entry => entry.Original == device));

    private SimulatedSnapshot? Find(Guid id) => _snapshots.Find(snapshot => snapshot.Id == id);

    private int SnapshotCreate(ArgumentBytes argument)
    {
        int count = (int)argument.U32(0);
        ArgumentBytes array = argument.Follow(8, count * 8);
        List<DeviceId> devices = [];
        for (int i = 0; i < count; i++)
        {
            DeviceId device = array.Device(i * 8);
            if (devices.Contains(device))
            {
                return -Errno.EINVAL;
            }

            devices.Add(device);
        }

        foreach (DeviceId device in devices)
        {
            if (!_devices.TryGetValue(device, out Blksnap.Devices.BlockDevice? known))
            {
                return -Errno.ENXIO;
            }

            if (known.IsSnapshotImage)
            {
                return -Errno.EOPNOTSUPP;
            }

            // Other drivers go from device to device, and leave tracked what came before one that cannot be had.
            if (IsForeign)
            {
                Track(device);
            }

            if (Holder(device) is not null)
            {
                return -Errno.EALREADY;
            }
        }

        devices.ForEach(Track);
        SimulatedSnapshot snapshot = new(Guid.NewGuid(), devices) { LowSpaceMark = StorageMinimum / 2 };
        if (IsForeign)
        {
            // These drivers link the list the wrong way round: the older snapshots cannot be reached any more.
            _snapshots.Clear();
        }

        _snapshots.Add(snapshot);
        _unreleased.Add(snapshot);
        QueueLowSpace(snapshot, StorageMinimum);
        argument.Set(16, snapshot.Id);
        return 0;
    }

    private void Track(DeviceId device)
    {
        if (_trackers.TryAdd(device, new SimulatedTracker(device, _devices[device].Size)))
        {
            _trackerOrder.Add(device);
        }
    }

    private int SnapshotDestroy(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ENODEV;
        }

        Unlink(snapshot);
        if (!IsForeign)
        {
            Monitor.PulseAll(_lock);
        }

        return 0;
    }

    private int SnapshotAppendStorage(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        DeviceId device = argument.Device(16);
        if (FromId(device) is not { } known)
        {
            return -Errno.ENXIO;
        }

        int count = (int)argument.U32(24);
        ArgumentBytes array = argument.Follow(32, count * 16);
        List<SimulatedRange> ranges = [];
        for (int i = 0; i < count; i++)
        {
            SimulatedRange range = new(device, array.U64(i * 16), array.U64((i * 16) + 8));
            if (Flavor == SimulatedFlavor.Own)
            {
                ulong block = (ulong)known.LogicalBlockSize / 512;
                if (range.Count == 0 || range.Count % block != 0 || range.Offset % block != 0)
                {
                    return -Errno.EINVAL;
                }

                if (known.IsReadOnly)
                {
                    return -Errno.EROFS;
                }

                if (range.Offset + range.Count > (ulong)known.Size / 512)
                {
                    return -Errno.ERANGE;
                }

                if (_snapshots.SelectMany(other => other.Ranges).Concat(ranges).Any(range.Overlaps))
                {
                    return -Errno.EBUSY;
                }
            }

            ranges.Add(range);
        }

        snapshot.Ranges.AddRange(ranges);
        SetLowSpaceMark(snapshot);
        return 0;
    }

    private void SetLowSpaceMark(SimulatedSnapshot snapshot)
    {
        if (IsForeign)
        {
            // They ask again only when they were given all that they have asked for so far.
            snapshot.LowSpaceReported &= snapshot.Capacity < snapshot.RequestedSectors;
            return;
        }

        snapshot.LowSpaceReported = false;
        snapshot.LowSpaceMark = snapshot.FixedLowSpaceMark > 0
            ? snapshot.FixedLowSpaceMark
            : Math.Min(StorageMinimum / 2, (snapshot.Capacity - snapshot.Filled) / 2);
    }

    private int SnapshotTake(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        if (snapshot.IsTaken)
        {
            return -Errno.EALREADY;
        }

        if (snapshot.Devices.Count == 0)
        {
            return -Errno.ENODEV;
        }

        if (snapshot.Capacity == 0)
        {
            SnapshotDestroy(argument);
            return -Errno.EFAULT;
        }

        TimeSpan delay = WaitForFreeze(snapshot);
        if (snapshot.IsDestroyed)
        {
            return -Errno.ESRCH;
        }

        if (!snapshot.Devices.TrueForAll(device => _devices.ContainsKey(device.Original)))
        {
            SnapshotDestroy(argument);
            return -Errno.EIO;
        }

        snapshot.FrozenTime += delay;
        snapshot.IsTaken = true;
        snapshot.TakeTime = DateTime.UtcNow;
        foreach (SimulatedSnapshotDevice device in snapshot.Devices)
        {
            _trackers[device.Original].Size = _devices[device.Original].Size;
            _trackers[device.Original].Switch(asModule: Flavor == SimulatedFlavor.Own);
            bool mounted = _devices[device.Original].MountPoints.Count > 0;
            (device.Freeze, device.FreezeError) = FreezeVerdicts.GetValueOrDefault(device.Original, (mounted ? 1u : 2u, 0));

            device.Image = NextImage();
            string name = (Flavor == SimulatedFlavor.Reference ? "veeamblksnapimg" : "blksnap-image") + device.Image.Minor;
            _devices[device.Image] = new Blksnap.Devices.BlockDevice
            {
                Path = ImagePath(name),
                Name = name,
                Id = device.Image,
                Size = _devices[device.Original].Size,
                LogicalBlockSize = _devices[device.Original].LogicalBlockSize,
                IsReadOnly = Flavor == SimulatedFlavor.Own,
                IsSnapshotImage = true,
                DiskSequence = HasDiskSequences ? _nextSequence++ : null,
            };
            MakeImage(_devices[device.Original], _devices[device.Image]);
        }

        ForgetDelays(snapshot);
        return 0;
    }

    private int SnapshotCollect(ArgumentBytes argument)
    {
        int capacity = (int)argument.U32(0);
        if (argument.IsNull(8))
        {
            argument.Set(0, (uint)_snapshots.Count);
            return 0;
        }

        int copied = Math.Min(capacity, _snapshots.Count);
        ArgumentBytes array = argument.Follow(8, capacity * 16);
        for (int i = 0; i < copied; i++)
        {
            array.Set(i * 16, _snapshots[i].Id);
        }

        argument.Set(0, (uint)copied);
        return copied < _snapshots.Count ? -Errno.ENODATA : 0;
    }

    private int SnapshotCollectImages(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        int capacity = (int)argument.U32(16);
        argument.Set(16, (uint)snapshot.Devices.Count);
        if (!snapshot.IsTaken)
        {
            return -Errno.ENODEV;
        }

        if (argument.IsNull(24))
        {
            return 0;
        }

        if (capacity < snapshot.Devices.Count)
        {
            return -Errno.ENODATA;
        }

        ArgumentBytes array = argument.Follow(24, capacity * 16);
        for (int i = 0; i < snapshot.Devices.Count; i++)
        {
            array.Set(i * 16, snapshot.Devices[i].Original);
            array.Set((i * 16) + 8, snapshot.Devices[i].Image);
        }

        return 0;
    }

    private int SnapshotWaitEvent(ArgumentBytes argument)
    {
        if (Find(argument.Id(0)) is not { } snapshot)
        {
            return -Errno.ESRCH;
        }

        if (!IsForeign)
        {
            return WaitEvent(snapshot, argument);
        }

        // The waiter holds the snapshot, which is released with the last hold.
        snapshot.References++;
        int result = WaitEvent(snapshot, argument);
        Drop(snapshot);
        return result;
    }

    private int WaitEvent(SimulatedSnapshot snapshot, ArgumentBytes argument)
    {
        // One hands milliseconds over as ticks of 4 ms, one does not look at them.
        long timeout = Flavor == SimulatedFlavor.Upstream ? 0 : argument.U32(16) * (Flavor == SimulatedFlavor.Own ? 1L : 4L);
        long deadline = Environment.TickCount64 + timeout;
        while (snapshot.Events.Count == 0)
        {
            if (snapshot.IsDestroyed && Flavor == SimulatedFlavor.Own)
            {
                return -Errno.ESRCH;
            }

            long left = deadline - Environment.TickCount64;
            if (left <= 0)
            {
                return -Errno.ENOENT;
            }

            int interruptions = _interruptions;
            _waiters++;
            Monitor.Wait(_lock, TimeSpan.FromMilliseconds(left));
            _waiters--;
            if (interruptions != _interruptions && snapshot.Events.Count == 0)
            {
                return -Errno.EINTR;
            }
        }

        SimulatedEvent next = snapshot.Events.Dequeue();
        argument.Set(20, next.Code);
        argument.Set(24, next.TimeLabel);
        argument.All[32..].Clear();
        next.Data.CopyTo(argument.All[32..]);
        return 0;
    }

    private static void QueueLowSpace(SimulatedSnapshot snapshot, ulong sectors)
    {
        snapshot.RequestedSectors += sectors;
        snapshot.Events.Enqueue(new SimulatedEvent(0, Stopwatch.GetTimestamp(), BitConverter.GetBytes(sectors)));
    }

    private static void QueueCorrupted(SimulatedSnapshot snapshot, SimulatedSnapshotDevice device, int errno)
    {
        if (device.Error == 0)
        {
            device.Error = errno;
            byte[] data = [.. BitConverter.GetBytes(device.Original.Major), .. BitConverter.GetBytes(device.Original.Minor), .. BitConverter.GetBytes(errno)];
            snapshot.Events.Enqueue(new SimulatedEvent(1, Stopwatch.GetTimestamp(), data));
        }
    }

    private void Copy(SimulatedSnapshot snapshot, SimulatedSnapshotDevice device, long offset, long length)
    {
        // Other drivers keep a whole chunk for the smallest write.
        ulong sectors = IsForeign ? ChunkSectors : UnitSectors;
        long unit = (long)sectors * 512;
        for (long number = offset / unit; number * unit < offset + length && device.Error == 0; number++)
        {
            if (!device.CopiedUnits.Add(number))
            {
                continue;
            }

            if (!Allocate(snapshot, sectors))
            {
                Lose(snapshot, device, Errno.ENOSPC);
                return;
            }

            device.CopiedSectors += sectors;
            ReportLowSpace(snapshot);
        }
    }

    private bool Allocate(SimulatedSnapshot snapshot, ulong sectors)
        => IsForeign ? snapshot.AllocateInOrder(sectors) : snapshot.Allocate(sectors);
}
