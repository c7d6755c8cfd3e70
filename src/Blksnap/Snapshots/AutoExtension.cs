// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Storage;

namespace Blksnap.Snapshots;

/// <summary>
/// Difference storage that grows by itself: each request for storage is answered with a file in a directory, by a thread of this process,
/// until the snapshot ends. The files go with the snapshot.
/// </summary>
public static class AutoExtension
{
    private static readonly Dictionary<Guid, AutoExtender> s_active = [];
    private static readonly object s_lock = new();

    // The thread may be in the middle of making a file.
    private static readonly TimeSpan s_releaseLimit = TimeSpan.FromSeconds(5);

    /// <summary>Checks an extension without changing anything.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="directory">The directory that files are to be made in.</param>
    /// <param name="maximumSize">Bytes that the difference storage may have.</param>
    /// <param name="origins">Devices of the snapshot.</param>
    /// <exception cref="BlksnapException">A storage error id.</exception>
    public static void Check(BlksnapDriver driver, string directory, long maximumSize, IReadOnlyCollection<DeviceId> origins)
    {
        ArgumentNullException.ThrowIfNull(driver);
        if (!Directory.Exists(directory))
        {
            throw new BlksnapException(
                ErrorIds.StorageNotFound, $"{directory} is not a directory that exists.", string.Empty, Errno.ENOTDIR, directory);
        }

        _ = DiffStorageSource.Resolve(new DiffStorageSpec { Path = directory, Length = maximumSize }, driver, force: false, origins);
        HeldDevices.CheckOrigins(StorageFile.DeviceOf(directory), directory, origins);
    }

    /// <summary>Checks an extension of a snapshot that is there, without changing anything.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="directory">The directory that files are to be made in.</param>
    /// <param name="maximumSize">Bytes that the difference storage may have.</param>
    /// <param name="snapshot">The snapshot.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.AutoExtendMaximumTooSmall"/>, or a storage error id.</exception>
    public static void Check(BlksnapDriver driver, string directory, long maximumSize, Snapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        Check(driver, directory, maximumSize, [.. snapshot.Devices.Select(device => device.Device)]);
        if (snapshot.StorageCapacity is { } capacity && maximumSize - capacity < AutoExtender.SmallestStep)
        {
            throw MaximumTooSmall(
                $"The difference storage of snapshot {snapshot.Id} has {capacity} bytes already, so with a maximum of {maximumSize} it would never be extended.",
                snapshot.Id.ToString());
        }
    }

    /// <summary>Checks that a snapshot would not begin with more storage than it may have. Changes nothing.</summary>
    /// <param name="plan">What the snapshot would be made of.</param>
    /// <param name="maximumSize">Bytes that the difference storage may have.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.AutoExtendMaximumTooSmall"/>.</exception>
    public static void Check(SnapshotPlan plan, long maximumSize)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.Capacity > maximumSize)
        {
            throw MaximumTooSmall(
                $"The difference storage would begin with {plan.Capacity} bytes, and may have {maximumSize} at most.",
                string.Join(", ", plan.Storage.Select(storage => storage.Path)));
        }
    }

    /// <summary>The storage that a snapshot begins with: where nobody says how long the file in a directory is to be, no longer than the maximum.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="spec">What the user named.</param>
    /// <param name="maximumSize">Bytes that the difference storage may have.</param>
    /// <returns>The same with a length, if it is a directory without one.</returns>
    public static DiffStorageSpec Limit(BlksnapDriver driver, DiffStorageSpec spec, long maximumSize)
    {
        ArgumentNullException.ThrowIfNull(driver);
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Length is null && Directory.Exists(spec.Path)
            ? spec with { Length = Math.Min(DiffStorageSource.DefaultFileLength(driver.Info), maximumSize) }
            : spec;
    }

    /// <summary>
    /// Begins to extend the difference storage of a snapshot. If less is free than the driver asks for, the first extension is made before
    /// this returns. Requests: those of <see cref="SnapshotManager.AddStorage"/> and <see cref="EventReader.Subscribe"/>.
    /// </summary>
    /// <param name="id">The snapshot.</param>
    /// <param name="directory">The directory that files are made in; on a file system that can carry difference storage.</param>
    /// <param name="maximumSize">Bytes that the whole difference storage of the snapshot may have.</param>
    /// <param name="stepSize">Bytes added at a time at least; null for as many as the driver asks for.</param>
    /// <returns>The record so far.</returns>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.SnapshotNotFound"/>, <see cref="ErrorIds.AutoExtendActive"/>, <see cref="ErrorIds.AutoExtendMaximumTooSmall"/>,
    /// or a storage error id.
    /// </exception>
    public static DiffStorageAutoExtend Enable(Guid id, string directory, long maximumSize, long? stepSize = null)
    {
        using (BlksnapDriver driver = BlksnapDriver.Open())
        {
            Check(driver, directory, maximumSize, new SnapshotManager(driver).Get(id));
        }

        return Begin(id, directory, maximumSize, stepSize);
    }

    /// <summary>As <see cref="Enable"/>, for a snapshot that was made just now: one that began with its maximum size has a record that says so.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="directory">The directory that files are made in, which was checked.</param>
    /// <param name="maximumSize">Bytes that the whole difference storage of the snapshot may have.</param>
    /// <returns>The record so far.</returns>
    /// <exception cref="BlksnapException">Those of <see cref="Enable"/>, without <see cref="ErrorIds.AutoExtendMaximumTooSmall"/>.</exception>
    public static DiffStorageAutoExtend EnableNew(Snapshot snapshot, string directory, long maximumSize)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return Begin(snapshot.Id, directory, maximumSize, null);
    }

    private static DiffStorageAutoExtend Begin(Guid id, string directory, long maximumSize, long? stepSize)
    {
        AutoExtendStore store = new();
        AutoExtender extender = new(
            new DiffStorageAutoExtend
            {
                SnapshotId = id,
                Directory = directory,
                MaximumSize = maximumSize,
                StepSize = stepSize,
                State = AutoExtendState.Active,
                StartTime = DateTime.Now,
                ProcessId = Environment.ProcessId,
            },
            store,
            Forget);
        lock (s_lock)
        {
            if (s_active.ContainsKey(id) || store.ReadAll().Any(record => record.SnapshotId == id && IsOpen(record)))
            {
                throw new BlksnapException(
                    ErrorIds.AutoExtendActive, $"The difference storage of snapshot {id} is extended already.", string.Empty, Errno.EALREADY, id.ToString());
            }

            s_active.Add(id, extender);
        }

        try
        {
            store.Prepare();
            extender.Start();
        }
        catch
        {
            Forget(id);
            throw;
        }

        return extender.Record;
    }

    /// <summary>Ends the extension of a snapshot; the storage that it was given stays.</summary>
    /// <param name="id">The snapshot.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.AutoExtendNotActive"/>: not in this process.</exception>
    public static void Disable(Guid id)
    {
        AutoExtender? extender;
        lock (s_lock)
        {
            _ = s_active.TryGetValue(id, out extender);
        }

        if (extender is null)
        {
            string elsewhere = new AutoExtendStore().ReadAll().FirstOrDefault(record => record.SnapshotId == id && IsOpen(record)) is { } other
                ? $" Process {other.ProcessId} does it."
                : string.Empty;
            throw new BlksnapException(
                ErrorIds.AutoExtendNotActive,
                $"The difference storage of snapshot {id} is not extended by this process.{elsewhere}",
                string.Empty,
                Errno.ENOENT,
                id.ToString());
        }

        extender.Stop();
    }

    /// <summary>Waits, once a snapshot has ended, until its extension has let go of the directory, so that whoever ended it can unmount that.</summary>
    internal static void AwaitRelease(Guid id)
    {
        AutoExtender? extender;
        lock (s_lock)
        {
            _ = s_active.TryGetValue(id, out extender);
        }

        extender?.AwaitRelease(s_releaseLimit);
    }

    /// <summary>What automatic extensions did, also those of other processes and of snapshots that have ended.</summary>
    /// <returns>The oldest first.</returns>
    public static IReadOnlyList<DiffStorageAutoExtend> GetAll()
    {
        Dictionary<Guid, DiffStorageAutoExtend> records = new AutoExtendStore().ReadAll().ToDictionary(record => record.SnapshotId);
        lock (s_lock)
        {
            foreach ((Guid id, AutoExtender extender) in s_active)
            {
                records[id] = extender.Record;
            }
        }

        return [.. records.Values.OrderBy(record => record.StartTime)];
    }

    private static BlksnapException MaximumTooSmall(string message, string target)
        => new(ErrorIds.AutoExtendMaximumTooSmall, message, string.Empty, Errno.ENOSPC, target);

    private static bool IsOpen(DiffStorageAutoExtend record) => record.State is AutoExtendState.Active or AutoExtendState.AtMaximum;

    private static void Forget(Guid id)
    {
        lock (s_lock)
        {
            _ = s_active.Remove(id);
        }
    }
}
