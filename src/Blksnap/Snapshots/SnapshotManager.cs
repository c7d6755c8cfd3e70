// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Storage;
using Blksnap.Tracking;

namespace Blksnap.Snapshots;

/// <summary>What a new snapshot is to be made of.</summary>
public sealed record SnapshotRequest
{
    /// <summary>The devices.</summary>
    public required IReadOnlyList<BlockDevice> Devices { get; init; }

    /// <summary>The difference storage. The driver takes no snapshot without any.</summary>
    public required IReadOnlyList<DiffStorageSpec> Storage { get; init; }

    /// <summary>The snapshot asks for more storage when this many bytes are free; null for the usual mark of the driver.</summary>
    public long? LowSpaceMark { get; init; }

    /// <summary>Use storage that carries a file system, is mounted or is a range of a device of the snapshot; make a second snapshot with a driver that may lose the first.</summary>
    public bool Force { get; init; }
}

/// <summary>Makes, lists and ends snapshots, over the requests of a driver.</summary>
public sealed class SnapshotManager
{
    private readonly BlksnapDriver _driver;
    private readonly SnapshotReader _reader;

    /// <summary>Uses a driver, which stays with the caller.</summary>
    /// <param name="driver">The driver.</param>
    public SnapshotManager(BlksnapDriver driver)
    {
        ArgumentNullException.ThrowIfNull(driver);
        _driver = driver;
        _reader = new SnapshotReader(driver);
    }

    /// <summary>How long the end of a snapshot is waited for.</summary>
    internal TimeSpan EndLimit { get; init; } = SnapshotEnding.Limit;

    /// <summary>How long what cannot be seen of the end is waited for.</summary>
    internal TimeSpan EndGrace { get; init; } = SnapshotEnding.Grace;

    /// <summary>
    /// Checks everything about a request that can be checked without changing anything: devices, storage, driver.
    /// Sends no request that changes state and makes no file.
    /// </summary>
    /// <param name="request">What is to be made.</param>
    /// <exception cref="BlksnapException">What <see cref="Create"/> would throw.</exception>
    public void Check(SnapshotRequest request) => _ = Resolve(request);

    /// <summary>What <see cref="Create"/> would do. Checks as <see cref="Check"/> does, and changes as little.</summary>
    /// <param name="request">What is to be made.</param>
    /// <returns>What would be frozen, tracked and allocated, and how fast the devices change.</returns>
    /// <exception cref="BlksnapException">What <see cref="Create"/> would throw.</exception>
    public SnapshotPlan Plan(SnapshotRequest request) => SnapshotPlanner.Make(_driver, Resolve(request), request.Devices);

    /// <summary>
    /// Makes a snapshot, gives it its storage and takes it. If any step fails, all is undone: the snapshot destroyed, trackers that it
    /// brought removed, files that it made deleted.
    /// </summary>
    /// <param name="request">What is to be made.</param>
    /// <param name="cancellation">Honoured between the steps up to the take, and after it.</param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="BlksnapException">Any error id of devices and storage; <c>SnapshotTake,ERRNO</c>.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; all is undone.</exception>
    public Snapshot Create(SnapshotRequest request, CancellationToken cancellation = default)
    {
        IReadOnlyList<DiffStorageSource> storage = Resolve(request);
        List<DeviceId> devices = [.. request.Devices.Select(device => device.Id)];
        HashSet<DeviceId> trackedBefore = [.. _driver.GetTrackers().Select(tracker => tracker.Device)];
        cancellation.ThrowIfCancellationRequested();

        Guid id = CreateOn(request.Devices, trackedBefore);
        try
        {
            StorageKeeper keeper = StorageKeeper.Create(_driver, id, devices);
            foreach (DiffStorageSource source in storage)
            {
                _ = source.Attach(_driver, id, keeper, cancellation);
            }

            if (request.LowSpaceMark is { } mark)
            {
                _driver.SetLowSpaceMark(id, mark);
            }

            cancellation.ThrowIfCancellationRequested();
            _driver.TakeSnapshot(id);
            DateTime taken = DateTime.UtcNow;

            // A take may last as long as a file system takes to freeze.
            cancellation.ThrowIfCancellationRequested();
            keeper.RecordTake([.. (_driver.GetImages(id) ?? []).Select(pair => pair.Image)]);
            ClearMargins(storage);
            ChangeRates.Note(_driver, devices, taken);
            return _reader.Read(id);
        }
        catch (Exception e)
        {
            if (Undo(id, storage, devices.Except(trackedBefore)) is { } left && e is BlksnapException failure)
            {
                throw new BlksnapException(
                    failure.ErrorId, $"{failure.Message} {left.Message}", failure.Request, failure.Errno, failure.Target, failure)
                {
                    NextStep = $"{failure.NextStep} {left.NextStep}",
                };
            }

            throw;
        }
    }

    /// <summary>All snapshots of the driver.</summary>
    /// <returns>In the order of their creation. One that ends meanwhile is left out.</returns>
    /// <exception cref="BlksnapException">A request failed.</exception>
    public IReadOnlyList<Snapshot> GetAll()
    {
        List<Snapshot> snapshots = [];
        foreach (Guid id in _driver.GetSnapshotIds())
        {
            try
            {
                snapshots.Add(_reader.Read(id));
            }
            catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
            {
                // It ended between the list and the look.
            }
        }

        return snapshots;
    }

    /// <summary>One snapshot.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public Snapshot Get(Guid id) => _reader.Read(id);

    /// <summary>
    /// Ends a snapshot, and releases its storage files when nothing is written to them any more. Request SNAPSHOT_DESTROY; drivers without
    /// extensions are asked for what they still do with COLLECT_IMAGES and TRACKER_READ_CBT_MAP. Also for a snapshot that has ended
    /// otherwise, whose files are still kept.
    /// </summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellation">Ends the wait; the snapshot is destroyed then, and the files stay.</param>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.SnapshotNotFound"/>; <see cref="ErrorIds.StorageInUse"/> if the driver does not let go of it, so that its storage
    /// files stay protected.
    /// </exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public void Remove(Guid id, CancellationToken cancellation = default)
    {
        RuntimeRecord? record = RuntimeRecord.Find(id);
        SnapshotEnding ending = SnapshotEnding.Of(_driver, id, record);
        BlksnapException? missing = null;
        try
        {
            ending.Destroy();
        }
        catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound && record is not null)
        {
            // It ended without its record: release the files, unless the driver only lost sight of it.
            missing = e;
        }

        if (!ending.Wait(missing is null ? EndLimit : TimeSpan.Zero, EndGrace, cancellation))
        {
            throw StillThere(id, missing);
        }

        StorageKeeper.Open(RuntimeRecord.Find(id)).ReleaseAll();
        AutoExtension.AwaitRelease(id);
        if (missing is not null)
        {
            throw missing;
        }
    }

    /// <summary>Storage files that this library keeps for a snapshot, also for one that has ended otherwise. Sends no request.</summary>
    /// <param name="id">The snapshot.</param>
    /// <returns>Their paths; empty with a driver that holds files itself.</returns>
    public static IReadOnlyList<string> GetKeptFiles(Guid id) => [.. (RuntimeRecord.Find(id)?.Files ?? []).Select(file => file.Path)];

    private static BlksnapException StillThere(Guid id, Exception? inner)
    {
        IReadOnlyList<string> files = GetKeptFiles(id);
        string what = files.Count == 0
            ? "so its difference storage may still be written to."
            : $"so its storage files stay protected: {string.Join(", ", files)}.";
        return new BlksnapException(
            ErrorIds.StorageInUse,
            $"The driver has not let go of the devices of snapshot {id}, {what}",
            RequestNames.SnapshotDestroy,
            Errno.EBUSY,
            id.ToString(),
            inner)
        {
            NextStep = files.Count == 0
                ? "Use the storage for nothing else as long as images of the snapshot are there; \"lsblk\" shows them. Programs that wait for its events hold it up."
                : $"Repeat \"Remove-BlkSnapshot {id}\" later. Programs that wait for its events hold it up; unloading the driver ends it too.",
        };
    }

    /// <summary>Where images of a snapshot are mounted in this process' view.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>Mount points; empty if none is mounted.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public IReadOnlyList<string> GetImageMountPoints(Guid id)
        =>
        [
            .. (_driver.GetImages(id) ?? [])
                .Select(pair => BlockDevices.TryFromId(pair.Image))
                .OfType<BlockDevice>()
                .SelectMany(image => image.MountPoints),
        ];

    /// <summary>The difference storage of a snapshot.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>Figures and ranges; what the driver does not tell is null.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public DiffStorage GetStorage(Guid id) => _reader.ReadStorage(id);

    /// <summary>Checks a storage without changing anything.</summary>
    /// <param name="spec">The storage.</param>
    /// <param name="force">Use devices that carry a file system or are mounted, and ranges of devices of the snapshot.</param>
    /// <param name="origins">The devices of the snapshot that it is for; null if there is none yet.</param>
    /// <exception cref="BlksnapException">One of the storage error ids.</exception>
    public void CheckStorage(DiffStorageSpec spec, bool force = false, IReadOnlyCollection<DeviceId>? origins = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        _ = DiffStorageSource.Resolve(spec, _driver, force, origins ?? []);
    }

    /// <summary>
    /// Gives a snapshot more difference storage. All or nothing; only a file with a name that was made for it and that the kernel held
    /// already when a later step failed can be removed no sooner than the snapshot.
    /// </summary>
    /// <param name="id">Its id.</param>
    /// <param name="spec">The storage.</param>
    /// <param name="force">Use devices that carry a file system or are mounted, and ranges of devices of the snapshot.</param>
    /// <param name="cancellation">Honoured until the driver has something of it.</param>
    /// <returns>The ranges that were added.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>, or one of the storage error ids.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing was added.</exception>
    public IReadOnlyList<DiffStorageRange> AddStorage(Guid id, DiffStorageSpec spec, bool force = false, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(spec);

        // Ask first: a file is not made, nor a record written, for a snapshot that does not exist.
        Snapshot snapshot = _reader.Read(id);
        DiffStorageSource source = DiffStorageSource.Resolve(
            spec, _driver, force, [.. snapshot.Devices.Select(device => device.Device)]);
        IReadOnlyList<DiffStorageRange> added = source.Attach(_driver, id, StorageKeeper.Open(_driver, id, _ => snapshot), cancellation);
        ClearMargins([source]);
        return added;
    }

    /// <summary>Makes a file in a folder as storage of a snapshot, and does not give it to the snapshot yet.</summary>
    internal PreparedStorage PrepareStorage(Guid id, string folder, long length)
    {
        DeviceId[] origins = [.. _reader.Read(id).Devices.Select(device => device.Device)];
        return FileStorageSource.ResolveFolder(_driver, folder, length, origins).Prepare();
    }

    /// <summary>Gives a snapshot a file that was made ahead.</summary>
    internal IReadOnlyList<DiffStorageRange> AddPrepared(Guid id, PreparedStorage prepared)
        => prepared.Attach(_driver, id, StorageKeeper.Open(_driver, id, _reader.Read));

    // Not before the snapshot has the storage for good: what is undone has left no trace.
    private void ClearMargins(IReadOnlyList<DiffStorageSource> sources)
    {
        if (!sources.Any(source => source.HasMargins))
        {
            return;
        }

        List<DiffStorageRange> used = [];
        foreach (Guid id in _driver.GetSnapshotIds())
        {
            try
            {
                if (!_driver.TryGetStorageRanges(id, out IReadOnlyList<DiffStorageRange>? ranges))
                {
                    // Nobody knows what other snapshots use.
                    return;
                }

                used.AddRange(ranges);
            }
            catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
            {
                // It ended between the list and the look.
            }
        }

        foreach (DiffStorageSource source in sources)
        {
            source.ClearMargins(used);
        }
    }

    private List<DiffStorageSource> Resolve(SnapshotRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Devices.Count == 0)
        {
            throw new ArgumentException("A snapshot needs at least one device.", nameof(request));
        }

        if (request.Storage.Count == 0)
        {
            throw new BlksnapException(
                ErrorIds.StorageTooSmall, "A snapshot needs difference storage, and none was named.", string.Empty, Errno.ENOSPC, null);
        }

        if (request.LowSpaceMark is not null)
        {
            _driver.CheckLowSpaceMark();
        }

        CheckDevices(request);
        DeviceId[] origins = [.. request.Devices.Select(device => device.Id)];
        return [.. request.Storage.Select(spec => DiffStorageSource.Resolve(spec, _driver, request.Force, origins))];
    }

    private void CheckDevices(SnapshotRequest request)
    {
        foreach (IGrouping<DeviceId, BlockDevice> same in request.Devices.GroupBy(device => device.Id))
        {
            if (same.Count() > 1)
            {
                throw new BlksnapException(
                    $"{RequestNames.SnapshotCreate},EINVAL", $"{same.First().Path} is listed twice.", string.Empty, Errno.EINVAL, same.First().Path);
            }

            BlockDevice device = same.First();
            string? reason = device.IsSnapshotImage ? "is the image of a snapshot, and cannot be snapshotted itself"
                : device.MultipathHolder is { } multipath ? $"is on a path of the multipath device {multipath}, whose writes it does not see"
                : null;
            if (reason is not null)
            {
                throw new BlksnapException(
                    ErrorIds.DeviceNotSupported, $"{device.Path} {reason}.", string.Empty, Errno.EOPNOTSUPP, device.Path);
            }
        }

        IReadOnlyList<Guid> present = _driver.GetSnapshotIds();
        if (FindHeld(request.Devices, present) is { } held)
        {
            throw InUse(held.Device, held.Snapshot, null);
        }

        if (present.Count > 0 && !_driver.Info.HasExtensions && !request.Force)
        {
            throw new BlksnapException(
                ErrorIds.DriverSingleSnapshot,
                $"Snapshot {present[0]} exists, and drivers of this kind lose sight of it when a second one is made.",
                string.Empty,
                Errno.EBUSY,
                present[0].ToString());
        }
    }

    private Guid CreateOn(IReadOnlyList<BlockDevice> devices, IReadOnlyCollection<DeviceId> trackedBefore)
    {
        try
        {
            return _driver.CreateSnapshot([.. devices.Select(device => device.Id)]);
        }
        catch (BlksnapException e)
        {
            // What came before the device that could not be had is tracked now. Where the driver would let go of a device that another
            // snapshot holds and has not taken yet, somebody may just have tracked it who goes on.
            if (_driver.Info.HasExtensions || e.ErrorId != ErrorIds.DeviceInUse)
            {
                RemoveTrackers(devices.Select(device => device.Id).Except(trackedBefore));
            }

            switch (e.ErrorId)
            {
                case ErrorIds.DeviceInUse:
                    // The driver does not say which; look.
                    throw FindHeld(devices, _driver.GetSnapshotIds()) is { } held ? InUse(held.Device, held.Snapshot, e) : Named(e, devices);
                case ErrorIds.DeviceNotFound or ErrorIds.DeviceNotSupported:
                    throw Named(e, devices);
                default:
                    throw;
            }
        }
    }

    private (BlockDevice Device, Guid Snapshot)? FindHeld(IReadOnlyList<BlockDevice> devices, IReadOnlyList<Guid> snapshots)
    {
        foreach (Guid id in snapshots)
        {
            HashSet<DeviceId> held;
            try
            {
                held = [.. _reader.ReadDevices(id).Select(device => device.Device)];
            }
            catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
            {
                continue;
            }

            if (devices.FirstOrDefault(device => held.Contains(device.Id)) is { } found)
            {
                return (found, id);
            }
        }

        return null;
    }

    private static BlksnapException InUse(BlockDevice device, Guid snapshot, Exception? inner)
        => new(
            ErrorIds.DeviceInUse,
            $"{device.Path} is in snapshot {snapshot} already.",
            RequestNames.SnapshotCreate,
            Errno.EALREADY,
            device.Path,
            inner);

    // The request knows numbers only; the user knows paths.
    private static BlksnapException Named(BlksnapException failure, IReadOnlyList<BlockDevice> devices)
    {
        string message = failure.Message;
        foreach (BlockDevice device in devices)
        {
            message = message.Replace(device.Id.ToString(), device.Path, StringComparison.Ordinal);
        }

        return new BlksnapException(
            failure.ErrorId, message, failure.Request, failure.Errno, string.Join(", ", devices.Select(device => device.Path)), failure);
    }

    /// <summary>Undoes what was made so far.</summary>
    /// <returns>What could not be undone; null if all was.</returns>
    private BlksnapException? Undo(Guid id, IReadOnlyList<DiffStorageSource> storage, IEnumerable<DeviceId> newlyTracked)
    {
        // Errors here would hide the one that led here; each step is tried whatever became of the one before.
        SnapshotEnding ending = SnapshotEnding.Of(_driver, id, RuntimeRecord.Find(id));
        bool hasEnded = false;
        Try(() => hasEnded = Destroy(ending) && ending.Wait(EndLimit, EndGrace, CancellationToken.None));
        if (hasEnded)
        {
            Try(() => StorageKeeper.Open(RuntimeRecord.Find(id)).ReleaseAll());
            foreach (DiffStorageSource source in storage)
            {
                source.Discard();
            }
        }

        RemoveTrackers(newlyTracked);
        return hasEnded ? null : StillThere(id, null);
    }

    private static bool Destroy(SnapshotEnding ending)
    {
        try
        {
            ending.Destroy();
        }
        catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
        {
            // A driver that destroys a snapshot whose take fails has done this step itself.
        }

        return true;
    }

    private void RemoveTrackers(IEnumerable<DeviceId> devices)
    {
        foreach (DeviceId device in devices)
        {
            Try(() => _driver.RemoveTracker(device));
        }
    }

    private static void Try(Action step)
    {
        try
        {
            step();
        }
        catch (BlksnapException)
        {
            // It is the failure before that the user has to hear of.
        }
    }
}
