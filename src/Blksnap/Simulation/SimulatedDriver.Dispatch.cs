// SPDX-License-Identifier: MIT
using System.Text;
using Blksnap.Abi;

namespace Blksnap.Simulation;

/// <content>Dispatch by number, and the requests about trackers.</content>
internal sealed partial class SimulatedDriver
{
    private readonly Dictionary<int, (long Until, int Skip)> _requestDelays = [];
    private int _delayed;

    /// <summary>Requests that are being delayed.</summary>
    public int Delayed => Volatile.Read(ref _delayed);

    /// <summary>Has requests with a number answered no sooner than after some time.</summary>
    /// <param name="number">The number.</param>
    /// <param name="delay">Counted from now.</param>
    /// <param name="skip">So many are answered at once before.</param>
    public void DelayRequest(int number, TimeSpan delay, int skip = 0)
    {
        lock (_lock)
        {
            _requestDelays[number] = (Environment.TickCount64 + (long)delay.TotalMilliseconds, skip);
        }
    }

    /// <summary>Has all requests answered, also those that are being delayed.</summary>
    public void EndDelays()
    {
        lock (_lock)
        {
            _requestDelays.Clear();
            Monitor.PulseAll(_lock);
        }
    }

    private void Delay(int number)
    {
        if (_requestDelays.TryGetValue(number, out (long Until, int Skip) delay) && delay.Skip > 0)
        {
            _requestDelays[number] = delay with { Skip = delay.Skip - 1 };
            return;
        }

        while (!_isOver && _requestDelays.TryGetValue(number, out delay) && delay.Until - Environment.TickCount64 is > 0 and var left)
        {
            _delayed++;
            Monitor.Wait(_lock, TimeSpan.FromMilliseconds(left));
            _delayed--;
        }
    }

    private int Receive(uint code, nint argument)
    {
        lock (_lock)
        {
            Delay((int)(code & 0xFF));
            int result = InjectedFailure((int)(code & 0xFF)) ?? Dispatch(code, argument);
            _requests.Add(new SimulatedRequest(code, result));
            return result;
        }
    }

    private int? InjectedFailure(int number)
    {
        int index = _failures.FindIndex(failure => failure.Number == number);
        if (index < 0)
        {
            return null;
        }

        (_, int errno, int skip) = _failures[index];
        if (skip > 0)
        {
            _failures[index] = (number, errno, skip - 1);
            return null;
        }

        _failures.RemoveAt(index);

        // The reference driver destroys a snapshot whose take fails.
        if (number == 8 && IsForeign)
        {
            Unlink(_snapshots[^1]);
        }

        return -errno;
    }

    private int Dispatch(uint code, nint argument)
    {
        int number = (int)(code & 0xFF);
        if (_isOver)
        {
            return -Errno.ENODEV;
        }

        if (Flavor is SimulatedFlavor.Stranger)
        {
            return -Errno.ENOTTY;
        }

        if (number == 0)
        {
            ArgumentBytes version = new(argument, 8);
            version.All.Clear();
            version.Set(0, (ushort)(Flavor == SimulatedFlavor.Generation2 ? 2 : 1));
            return 0;
        }

        // A later generation gives the numbers other meanings: nothing but VERSION may ever reach it.
        if (Flavor == SimulatedFlavor.Generation2)
        {
            throw new InvalidOperationException($"Request {number} was sent to a later generation.");
        }

        return number switch
        {
            1 => TrackerRemove(new ArgumentBytes(argument, 8)),
            2 => TrackerCollect(new ArgumentBytes(argument, 16)),
            3 => TrackerReadCbtMap(new ArgumentBytes(argument, 24)),
            4 => TrackerMarkDirty(new ArgumentBytes(argument, 24)),
            5 => SnapshotCreate(new ArgumentBytes(argument, 32)),
            6 => SnapshotDestroy(new ArgumentBytes(argument, 16)),
            7 => SnapshotAppendStorage(new ArgumentBytes(argument, 40)),
            8 => SnapshotTake(new ArgumentBytes(argument, 16)),
            9 => SnapshotCollect(new ArgumentBytes(argument, 16)),
            10 => SnapshotCollectImages(new ArgumentBytes(argument, 32)),
            11 => SnapshotWaitEvent(new ArgumentBytes(argument, 4096)),
            32 when Flavor != SimulatedFlavor.Upstream => Mod(new ArgumentBytes(argument, 40)),
            64 when Flavor == SimulatedFlavor.Own => SnapshotStatus(new ArgumentBytes(argument, 88)),
            65 when Flavor == SimulatedFlavor.Own => SnapshotCollectDevices(new ArgumentBytes(argument, 32)),
            66 when Flavor == SimulatedFlavor.Own => SnapshotCollectStorage(new ArgumentBytes(argument, 32)),
            67 when Flavor == SimulatedFlavor.Own => SnapshotHoldFile(new ArgumentBytes(argument, 24)),
            68 when Flavor == SimulatedFlavor.Own && (Extensions >> 36 & 1) != 0 => SnapshotSetLowSpace(new ArgumentBytes(argument, 24)),
            _ => -Errno.ENOTTY,
        };
    }

    private int Mod(ArgumentBytes argument)
    {
        argument.All.Clear();
        argument.Set(0, Flavor == SimulatedFlavor.Own ? Extensions : 2UL);
        Encoding.ASCII.GetBytes(Flavor == SimulatedFlavor.Own ? "blksnapps" : "standalone", argument.All[8..]);
        return 0;
    }

    private int TrackerRemove(ArgumentBytes argument)
    {
        DeviceId device = argument.Device(0);
        if (!_trackers.ContainsKey(device))
        {
            return -Errno.ENODATA;
        }

        // Other drivers mind a snapshot only when it was taken.
        if (Holder(device) is { } holder && (holder.IsTaken || Flavor == SimulatedFlavor.Own))
        {
            return -Errno.EBUSY;
        }

        _trackers.Remove(device);
        _trackerOrder.Remove(device);
        return 0;
    }

    private int TrackerCollect(ArgumentBytes argument)
    {
        uint capacity = argument.U32(0);
        if (argument.IsNull(8))
        {
            argument.Set(0, (uint)_trackerOrder.Count);
            return 0;
        }

        if (capacity < _trackerOrder.Count)
        {
            return -Errno.ENOBUFS;
        }

        ArgumentBytes array = argument.Follow(8, (int)capacity * 48);
        for (int i = 0; i < _trackerOrder.Count; i++)
        {
            SimulatedTracker tracker = _trackers[_trackerOrder[i]];
            array.All.Slice(i * 48, 48).Clear();
            array.Set(i * 48, tracker.Device);
            if (_devices.ContainsKey(tracker.Device))
            {
                array.Set((i * 48) + 8, (uint)SimulatedTracker.BlockSize);
                array.Set((i * 48) + 16, (ulong)tracker.Size);
                array.Set((i * 48) + 24, (uint)tracker.WriteMap.Length);
                array.Set((i * 48) + 28, tracker.Generation);
                array.Set((i * 48) + 44, tracker.Previous);
            }
        }

        argument.Set(0, (uint)_trackerOrder.Count);
        return 0;
    }

    private int TrackerReadCbtMap(ArgumentBytes argument)
    {
        DeviceId device = argument.Device(0);
        uint offset = argument.U32(8);
        if (!_trackers.TryGetValue(device, out SimulatedTracker? tracker))
        {
            return Flavor == SimulatedFlavor.Upstream ? 0 : -Errno.ENODATA;
        }

        if (Holder(device) is not { IsTaken: true })
        {
            return -Errno.EPERM;
        }

        // One driver ignores the offset, one refuses the end of the map: only the whole map in one go works everywhere.
        if (Flavor == SimulatedFlavor.Upstream)
        {
            offset = 0;
        }
        else if (offset > tracker.ReadMap.Length || (Flavor == SimulatedFlavor.Reference && offset == tracker.ReadMap.Length))
        {
            return -Errno.EINVAL;
        }

        if (ShortMaps)
        {
            return 0;
        }

        int length = (int)Math.Min(argument.U32(12), tracker.ReadMap.Length - offset);
        tracker.ReadMap.AsSpan((int)offset, length).CopyTo(argument.Follow(16, length).All);
        return length;
    }

    private int TrackerMarkDirty(ArgumentBytes argument)
    {
        DeviceId device = argument.Device(0);
        if (IsForeign && device.Major == ImageMajor)
        {
            // With no snapshot they say that it is done, with one that was not taken they take the system down.
            throw new InvalidOperationException("Changes were marked by way of an image with a driver that cannot do it.");
        }

        if (_snapshots.SelectMany(snapshot => snapshot.Devices).FirstOrDefault(entry => entry.Image == device) is { } image
            && device != DeviceId.None)
        {
            device = image.Original;
        }

        if (!_trackers.TryGetValue(device, out SimulatedTracker? tracker))
        {
            return -Errno.ENODEV;
        }

        int count = (int)argument.U32(8);
        ArgumentBytes ranges = argument.Follow(16, count * 16);
        for (int i = 0; i < count; i++)
        {
            if (!tracker.Contains(ranges.U64(i * 16), ranges.U64((i * 16) + 8)))
            {
                return -Errno.EINVAL;
            }
        }

        for (int i = 0; i < count; i++)
        {
            tracker.MarkDirty(ranges.U64(i * 16), ranges.U64((i * 16) + 8));
        }

        return 0;
    }
}
