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
    private static readonly Lock s_lock = new();

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
    /// <see cref="ErrorIds.SnapshotNotFound"/>, <see cref="ErrorIds.AutoExtendActive"/>, or a storage error id.
    /// </exception>
    public static DiffStorageAutoExtend Enable(Guid id, string directory, long maximumSize, long? stepSize = null)
    {
        using BlksnapDriver driver = BlksnapDriver.Open();
        Snapshot snapshot = new SnapshotManager(driver).Get(id);
        Check(driver, directory, maximumSize, [.. snapshot.Devices.Select(device => device.Device)]);
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

    private static bool IsOpen(DiffStorageAutoExtend record) => record.State is AutoExtendState.Active or AutoExtendState.AtMaximum;

    private static void Forget(Guid id)
    {
        lock (s_lock)
        {
            _ = s_active.Remove(id);
        }
    }
}
