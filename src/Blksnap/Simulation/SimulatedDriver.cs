// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Blksnap.Simulation;

/// <summary>Which driver is simulated.</summary>
internal enum SimulatedFlavor
{
    /// <summary>This project's module: MOD with all extension bits.</summary>
    Own,

    /// <summary>The out-of-tree module of generation 1 at /dev/veeamblksnap, with its known defects.</summary>
    Reference,

    /// <summary>A kernel patch of generation 1, the one of December 2022: /dev/blksnap without MOD.</summary>
    Upstream,

    /// <summary>A later generation behind the node.</summary>
    Generation2,

    /// <summary>Something at the node that knows no VERSION.</summary>
    Stranger,

    /// <summary>No node.</summary>
    Absent,

    /// <summary>A node without a driver.</summary>
    NodeOnly,

    /// <summary>A node that may not be opened.</summary>
    NoPermission,
}

/// <summary>One request that was sent.</summary>
/// <param name="Code">Request code as sent.</param>
/// <param name="Result">What the driver returned.</param>
internal sealed record SimulatedRequest(uint Code, int Result)
{
    /// <summary>Number of the request, the low byte of its code.</summary>
    public int Number => (int)(Code & 0xFF);
}

/// <summary>
/// A driver in memory, which speaks the bytes of the interface. It is also the source of block devices: its own devices are found
/// under their paths, everything else in the system.
/// </summary>
/// <remarks>Use: <c>using SimulatedDriver driver = new(); driver.AddDevice("/dev/fake0", 64 &lt;&lt; 20);</c></remarks>
internal sealed partial class SimulatedDriver : IBlockDeviceSource, IDisposable
{
    public const uint ImageMajor = 252;
    public const uint DeviceMajor = 240;

    /// <summary>The module parameter diff_storage_minimum, in sectors.</summary>
    public ulong StorageMinimum { get; set; } = DiffStorageMinimum;

    /// <summary>Whether the kernel numbers disks.</summary>
    public bool HasDiskSequences { get; set; } = true;

    /// <summary>Default of the module parameter diff_storage_minimum, in sectors.</summary>
    public const ulong DiffStorageMinimum = 2097152;

    private static readonly int[] s_mutating = [1, 4, 5, 6, 7, 8, 67, 68];

    private readonly object _lock = new();
    private readonly SystemBlockDevices? _system;
    private readonly Dictionary<DeviceId, BlockDevice> _devices = [];
    private readonly Dictionary<DeviceId, string> _content = [];
    private readonly Dictionary<DeviceId, SimulatedTracker> _trackers = [];
    private readonly List<DeviceId> _trackerOrder = [];
    private readonly List<SimulatedSnapshot> _snapshots = [];
    private readonly List<SimulatedRequest> _requests = [];
    private readonly List<(int Number, int Errno, int Skip)> _failures = [];
    private readonly List<IDisposable> _scopes = [];
    private readonly List<(DeviceId Device, long Offset, long Length)> _cleared = [];
    private uint _nextMinor;
    private uint _nextImage;
    private long _nextSequence = 1;
    private int _openChannels;
    private int _waiters;
    private bool _isOver;
    private int _interruptions;

    public SimulatedDriver(SimulatedFlavor flavor = SimulatedFlavor.Own)
    {
        Flavor = flavor;
        _system = new SystemBlockDevices();
        RuntimeFolder = Directory.CreateTempSubdirectory("blksnap-simulation-").FullName;
        _scopes.Add(ControlChannel.Use(OpenChannel));
        _scopes.Add(BlockDevices.Use(this));
        _scopes.Add(Blksnap.Storage.RuntimeRecord.UseFolder(RuntimeFolder));
    }

    /// <summary>A driver that nobody uses yet, whose disks have content in a folder. Other block devices do not exist for it.</summary>
    public SimulatedDriver(string folder)
    {
        Folder = folder;
        RuntimeFolder = Directory.CreateDirectory(Path.Combine(folder, "run")).FullName;
        _devices[Files.Id] = Files;
    }

    public SimulatedFlavor Flavor { get; }

    /// <summary>Where records of snapshots lie while this driver is in use.</summary>
    public string RuntimeFolder { get; }

    public string Node => Flavor == SimulatedFlavor.Reference ? "/dev/veeamblksnap" : "/dev/blksnap";

    /// <summary>All requests sent so far, in order.</summary>
    public IReadOnlyList<SimulatedRequest> Requests
    {
        get
        {
            lock (_lock)
            {
                return [.. _requests];
            }
        }
    }

    /// <summary>Requests sent so far that change state; waiting for events is not one of them.</summary>
    public IReadOnlyList<SimulatedRequest> MutatingRequests => [.. Requests.Where(request => s_mutating.Contains(request.Number))];

    /// <summary>Ranges that were overwritten with zeroes, in bytes, in order.</summary>
    public IReadOnlyList<(DeviceId Device, long Offset, long Length)> Cleared
    {
        get
        {
            lock (_lock)
            {
                return [.. _cleared];
            }
        }
    }

    /// <summary>Extension bits that this project's module announces.</summary>
    public ulong Extensions { get; set; } = 0x1FUL << 32;

    /// <summary>Whether requests that wait can be interrupted.</summary>
    public bool CanInterrupt { get; set; } = true;

    /// <summary>Numbers of the requests sent so far.</summary>
    public IReadOnlyList<int> RequestNumbers => [.. Requests.Select(request => request.Number)];

    /// <summary>Snapshots that can be reached.</summary>
    public IReadOnlyList<SimulatedSnapshot> Snapshots
    {
        get
        {
            lock (_lock)
            {
                return [.. _snapshots];
            }
        }
    }

    public IReadOnlyDictionary<DeviceId, SimulatedTracker> Trackers => _trackers;

    /// <summary>Channels that are open now.</summary>
    public int OpenChannels => Volatile.Read(ref _openChannels);

    /// <summary>Threads that sleep in a request for an event now.</summary>
    public int Waiters
    {
        get
        {
            lock (_lock)
            {
                return _waiters;
            }
        }
    }

    /// <summary>What the next take finds for a device: enum blk_snap_freeze and an error number.</summary>
    public Dictionary<DeviceId, (uint Verdict, int Error)> FreezeVerdicts { get; } = [];

    /// <summary>Has maps read short, as the first patch set does for a device that it lost.</summary>
    public bool ShortMaps { get; set; }

    /// <summary>Adds a block device.</summary>
    /// <param name="path">For example /dev/fake0.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="content">What a probe finds on it; null for nothing.</param>
    /// <param name="change">Changes other properties.</param>
    public BlockDevice AddDevice(string path, long size, string? content = null, Func<BlockDevice, BlockDevice>? change = null)
    {
        lock (_lock)
        {
            BlockDevice device = new()
            {
                Path = path,
                Name = System.IO.Path.GetFileName(path),
                Id = new DeviceId(DeviceMajor, _nextMinor++),
                Size = size,
                LogicalBlockSize = 512,
            };
            device = change?.Invoke(device) ?? device;
            if (Folder is not null)
            {
                SimulatedContent.Make(path, size);
            }

            _devices[device.Id] = device;
            if (content is not null)
            {
                _content[device.Id] = content;
            }

            return device;
        }
    }

    /// <summary>Takes a device away; its tracker stays, as in the kernel.</summary>
    public void RemoveDevice(DeviceId id)
    {
        lock (_lock)
        {
            _devices.Remove(id);
        }
    }

    /// <summary>Changes a device: its mount points, for example.</summary>
    public void ChangeDevice(DeviceId id, Func<BlockDevice, BlockDevice> change)
    {
        lock (_lock)
        {
            _devices[id] = change(_devices[id]);
        }
    }

    /// <summary>Has a request fail.</summary>
    /// <param name="number">Number of the request.</param>
    /// <param name="errno">Positive error number.</param>
    /// <param name="skip">How many of them succeed before.</param>
    public void FailRequest(int number, int errno, int skip = 0)
    {
        lock (_lock)
        {
            _failures.Add((number, errno, skip));
        }
    }

    /// <summary>A write to a device: marks the map, and copies to the difference storage while a snapshot holds the device.</summary>
    public void Write(DeviceId device, long offset, long length)
    {
        lock (_lock)
        {
            if (_trackers.TryGetValue(device, out SimulatedTracker? tracker))
            {
                tracker.Write(offset, length);
            }

            if (Holder(device) is { IsTaken: true } snapshot)
            {
                Copy(snapshot, snapshot.Devices.First(candidate => candidate.Original == device), offset, length);
            }

            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Queues a low-space event.</summary>
    public void RaiseLowSpace(Guid id, long bytes)
    {
        lock (_lock)
        {
            QueueLowSpace(_snapshots.First(snapshot => snapshot.Id == id), (ulong)bytes / 512);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Loses the image of a device.</summary>
    public void Corrupt(Guid id, DeviceId device, int errno)
    {
        lock (_lock)
        {
            SimulatedSnapshot snapshot = _snapshots.First(candidate => candidate.Id == id);
            Lose(snapshot, snapshot.Devices.First(candidate => candidate.Original == device), errno);
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Queues an event of any code.</summary>
    public void RaiseEvent(Guid id, uint code, params byte[] data)
    {
        lock (_lock)
        {
            _snapshots.First(snapshot => snapshot.Id == id).Events.Enqueue(new SimulatedEvent(code, Stopwatch.GetTimestamp(), data));
            Monitor.PulseAll(_lock);
        }
    }

    public BlockDevice? FromPath(string path)
    {
        // A disk with content is known under the name that a kernel would give it too.
        string? name = Folder is not null && path.StartsWith("/dev/", StringComparison.Ordinal) ? path[5..] : null;
        string? target = Folder is null || !File.Exists(path) ? null : File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName;
        lock (_lock)
        {
            return _devices.Values.FirstOrDefault(device => device.Path == path || device.Path == target || device.Name == name)
                ?? _system?.FromPath(path);
        }
    }

    public BlockDevice? FromId(DeviceId id)
    {
        lock (_lock)
        {
            return _devices.TryGetValue(id, out BlockDevice? device) ? device : _system?.FromId(id);
        }
    }

    public IEnumerable<BlockDevice> All()
    {
        lock (_lock)
        {
            return [.. _devices.Values];
        }
    }

    public string? ProbeContent(BlockDevice device)
    {
        lock (_lock)
        {
            return Folder is null ? _content.GetValueOrDefault(device.Id) : ContentProbe.Probe(device.Path, device.Size);
        }
    }

    public bool Clear(BlockDevice device, long offset, long length)
    {
        lock (_lock)
        {
            _cleared.Add((device.Id, offset, length));
            _ = _content.Remove(device.Id);
            return Folder is null || device.Id == Files.Id || Write(device.Id, offset, new byte[length]) == 0;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            // Readers of events that a test left behind end now.
            foreach (SimulatedSnapshot snapshot in _unreleased)
            {
                snapshot.IsDestroyed = true;
                snapshot.ReleaseFiles();
            }

            _unreleased.Clear();
            _snapshots.Clear();
            _isOver = true;
            Monitor.PulseAll(_lock);
        }

        foreach (IDisposable scope in Enumerable.Reverse(_scopes))
        {
            scope.Dispose();
        }

        DeleteRuntimeFolder();
    }

    // Whoever extended the storage of a snapshot is just writing his last record.
    private void DeleteRuntimeFolder()
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                Directory.Delete(RuntimeFolder, recursive: true);
                return;
            }
            catch (IOException) when (attempt < 100)
            {
                Thread.Sleep(20);
            }
        }
    }

    private void Interrupt()
    {
        lock (_lock)
        {
            _interruptions++;
            Monitor.PulseAll(_lock);
        }
    }

    public IControlChannel OpenChannel(string node)
    {
        int errno = Flavor switch
        {
            SimulatedFlavor.Absent => Errno.ENOENT,
            _ when _isOver => Errno.ENXIO,
            _ when node != Node && Folder is null => Errno.ENOENT,
            SimulatedFlavor.NodeOnly => Errno.ENXIO,
            SimulatedFlavor.NoPermission => Errno.EACCES,
            _ => 0,
        };
        if (errno != 0)
        {
            throw new BlksnapException("ControlOpen", errno, node);
        }

        Interlocked.Increment(ref _openChannels);
        return new SimulatedChannel(this, node);
    }

    private sealed class SimulatedChannel(SimulatedDriver driver, string node) : IControlChannel
    {
        private bool _closed;

        public string Node => node;

        public bool CanInterrupt => driver.CanInterrupt;

        public void Interrupt() => driver.Interrupt();

        public int Ioctl(uint request, nint argument)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            return driver.Receive(request, argument);
        }

        public void Dispose()
        {
            if (!_closed)
            {
                _closed = true;
                Interlocked.Decrement(ref driver._openChannels);
            }
        }
    }
}
