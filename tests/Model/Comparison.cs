// SPDX-License-Identifier: MIT
using System.Globalization;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Microsoft.Win32.SafeHandles;

namespace Model;

/// <summary>A step at which driver and model did not agree.</summary>
/// <param name="Steps">The steps up to it; it is the last one.</param>
/// <param name="Expected">What the model says.</param>
/// <param name="Actual">What the driver did.</param>
public sealed record Difference(IReadOnlyList<Step> Steps, string Expected, string Actual)
{
    public override string ToString()
        => string.Join('\n', Steps.Select((step, i) => string.Create(CultureInfo.InvariantCulture, $"{i + 1,4}. {step}")))
            + $"\n      expected: {Expected}\n      actual:   {Actual}";
}

/// <summary>Does steps on a driver and on the model, and compares what they answer.</summary>
public sealed class Comparison
{
    private readonly Machine _machine;
    private readonly Reference _reference;
    private readonly Guid[] _ids = [.. Enumerable.Range(0, Reference.SlotCount).Select(_ => Guid.NewGuid())];

    private Comparison(Machine machine)
    {
        _machine = machine;
        _reference = new Reference(machine.Storage.Size / Reference.BlockSize);
    }

    /// <summary>Does a sequence on a fresh machine.</summary>
    /// <returns>Null if they agreed all along.</returns>
    public static Difference? Run(Func<Machine> make, IReadOnlyList<Step> steps)
    {
        using Machine machine = make();
        Comparison comparison = new(machine);
        for (int i = 0; i < steps.Count; i++)
        {
            // A slot holds one snapshot at a time.
            if (steps[i].Operation == Operation.Create && comparison._reference.IsUsed(steps[i].Slot))
            {
                continue;
            }

            string expected = comparison._reference.Do(steps[i]);
            string actual = comparison.Do(steps[i]);
            if (expected != actual)
            {
                return new Difference([.. steps.Take(i + 1)], expected, actual);
            }
        }

        return null;
    }

    /// <summary>Leaves out steps as long as a difference remains.</summary>
    public static Difference Shrink(Func<Machine> make, Difference found)
    {
        for (int length = found.Steps.Count / 2; length > 0;)
        {
            bool shorter = false;
            for (int start = 0; start < found.Steps.Count;)
            {
                Step[] rest = [.. found.Steps.Take(start), .. found.Steps.Skip(start + length)];
                if (Run(make, rest) is { } still)
                {
                    found = still;
                    shorter = true;
                }
                else
                {
                    start += length;
                }
            }

            length = shorter ? Math.Min(length, Math.Max(1, found.Steps.Count / 2)) : length / 2;
        }

        return found;
    }

    private string Do(Step step)
    {
        try
        {
            return Send(step);
        }
        catch (BlksnapException e)
        {
            return e.ErrnoName;
        }
    }

    private string Send(Step step)
    {
        BlksnapDriver driver = _machine.Driver;
        DeviceId device = _machine.Devices[step.Operation == Operation.Create ? 0 : step.Device].Id;
        Guid id = _ids[step.Slot];
        ByteRange range = new((long)step.Start * Reference.BlockSize, (long)step.Count * Reference.BlockSize);
        switch (step.Operation)
        {
            case Operation.Create:
                _ids[step.Slot] = driver.CreateSnapshot(
                    [.. _machine.Devices.Where((_, i) => (step.Device & (1 << i)) != 0).Select(each => each.Id)]);
                return "ok";
            case Operation.Append:
                driver.AppendStorage(id, _machine.Storage.Id, [range]);
                return "ok";
            case Operation.Take:
                driver.TakeSnapshot(id);
                return "ok";
            case Operation.Write:
                byte[] data = new byte[range.Length];
                Array.Fill(data, step.Value);
                _machine.Write(step.Device, range.Offset, data);
                return "ok";
            case Operation.Destroy:
                driver.DestroySnapshot(id);
                return "ok";
            case Operation.ReadMap:
                return ReadMap(device);
            case Operation.ReadImage:
                return ReadImage(driver.GetImages(id), device);
            case Operation.Status:
                _ = driver.TryGetStatus(id, out SnapshotStatus? status);
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{status!.State}, {status.StorageUsed / Reference.BlockSize} of {status.StorageCapacity / Reference.BlockSize} blocks");
            case Operation.Event:
                return Text(driver.WaitEvent(id, TimeSpan.Zero));
            case Operation.Mark:
                driver.MarkDirty(device, [range]);
                return "ok";
            case Operation.RemoveTracker:
                driver.RemoveTracker(device);
                return "ok";
            default:
                IReadOnlyList<Tracker> trackers = driver.GetTrackers();
                IEnumerable<int> numbers = _machine.Devices.Select(
                    each => trackers.FirstOrDefault(tracker => tracker.Device == each.Id)?.SnapshotNumber ?? -1);
                return string.Create(
                    CultureInfo.InvariantCulture, $"{driver.GetSnapshotIds().Count} snapshots, trackers {string.Join(' ', numbers)}");
        }
    }

    private string ReadMap(DeviceId device)
    {
        const int Length = Reference.DeviceBlocks / Reference.MapBlocks;
        Tracker? tracker = _machine.Driver.GetTrackers().FirstOrDefault(each => each.Device == device);
        if (tracker is not null && tracker.BlockSize != Reference.MapBlocks * Reference.BlockSize)
        {
            return $"a map with blocks of {tracker.BlockSize} bytes";
        }

        byte[] map = _machine.Driver.ReadCbtMap(device, tracker?.BlockCount ?? Length);
        return map.AsSpan(Length).ContainsAnyExcept((byte)0) ? "changes where nothing was written" : Convert.ToHexString(map.AsSpan(0, Length));
    }

    private static string ReadImage(IReadOnlyList<ImagePair>? images, DeviceId device)
    {
        if (images?.FirstOrDefault(pair => pair.Original == device).Image is not { } image || image == DeviceId.None)
        {
            return "no image";
        }

        byte[] data = new byte[Reference.DeviceBlocks * Reference.BlockSize];
        try
        {
            using SafeFileHandle file = File.OpenHandle(BlockDevices.PathOf(image), share: FileShare.ReadWrite);
            for (int done = 0, read; done < data.Length; done += read)
            {
                read = RandomAccess.Read(file, data.AsSpan(done), done);
                if (read == 0)
                {
                    return "an image that ends early";
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "EIO";
        }

        byte[] blocks = new byte[Reference.DeviceBlocks];
        for (int block = 0; block < blocks.Length; block++)
        {
            blocks[block] = data[block * Reference.BlockSize];
            if (data.AsSpan(block * Reference.BlockSize, Reference.BlockSize).ContainsAnyExcept(blocks[block]))
            {
                return $"block {block} has bytes of different writes";
            }
        }

        return Reference.Text(blocks);
    }

    private string Text(SnapshotEvent? received) => received switch
    {
        null => "none",
        { Kind: SnapshotEventKind.LowSpace } => "low",
        { Kind: SnapshotEventKind.Corrupted } => $"lost {_machine.Devices.ToList().FindIndex(each => each.Id == received.Device)} {received.ErrorName}",
        _ => $"{received.Kind}",
    };
}
