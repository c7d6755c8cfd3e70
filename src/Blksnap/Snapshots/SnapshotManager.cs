// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Storage;

namespace Blksnap.Snapshots;

/// <summary>What a new snapshot is to be made of.</summary>
public sealed record SnapshotRequest
{
    /// <summary>The devices.</summary>
    public required IReadOnlyList<BlockDevice> Devices { get; init; }

    /// <summary>The difference storage. The driver takes no snapshot without any.</summary>
    public required IReadOnlyList<DiffStorageSpec> Storage { get; init; }

    /// <summary>Use storage devices that carry a file system or are mounted; make a second snapshot with a driver that may lose the first.</summary>
    public bool Force { get; init; }
}

/// <summary>Makes, lists and ends snapshots, over the requests of a driver.</summary>
/// <param name="driver">The driver; it stays with the caller.</param>
public sealed class SnapshotManager(BlksnapDriver driver)
{
    /// <summary>
    /// Checks everything about a request that can be checked without changing anything: devices, storage, driver.
    /// Sends no request that changes state and makes no file.
    /// </summary>
    /// <param name="request">What is to be made.</param>
    /// <exception cref="BlksnapException">What <see cref="Create"/> would throw.</exception>
    public void Check(SnapshotRequest request) => throw new NotSupportedException(nameof(request) + driver.Info.Node);

    /// <summary>
    /// Makes a snapshot, gives it its storage and takes it. If any step fails, all is undone: the snapshot destroyed, trackers that it
    /// brought removed, files that it made deleted.
    /// </summary>
    /// <param name="request">What is to be made.</param>
    /// <param name="cancellation">Honoured between the steps before the take.</param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="BlksnapException">Any error id of devices and storage; <c>SnapshotTake,ERRNO</c>.</exception>
    public Snapshot Create(SnapshotRequest request, CancellationToken cancellation = default)
        => throw new NotSupportedException(nameof(request) + cancellation.CanBeCanceled);

    /// <summary>All snapshots of the driver.</summary>
    /// <returns>In the order of their creation.</returns>
    public IReadOnlyList<Snapshot> GetAll() => throw new NotSupportedException();

    /// <summary>One snapshot.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public Snapshot Get(Guid id) => throw new NotSupportedException(id.ToString());

    /// <summary>Ends a snapshot and releases its storage files.</summary>
    /// <param name="id">Its id.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public void Remove(Guid id) => throw new NotSupportedException(id.ToString());

    /// <summary>Where images of a snapshot are mounted.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>Mount points; empty if none is mounted.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public IReadOnlyList<string> GetImageMountPoints(Guid id) => throw new NotSupportedException(id.ToString());

    /// <summary>The difference storage of a snapshot.</summary>
    /// <param name="id">Its id.</param>
    /// <returns>Figures and ranges; what the driver does not tell is null.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>.</exception>
    public DiffStorage GetStorage(Guid id) => throw new NotSupportedException(id.ToString());

    /// <summary>Checks a storage without changing anything.</summary>
    /// <param name="spec">The storage.</param>
    /// <param name="force">Use devices that carry a file system or are mounted.</param>
    /// <exception cref="BlksnapException">One of the storage error ids.</exception>
    public void CheckStorage(DiffStorageSpec spec, bool force = false) => throw new NotSupportedException(spec + force.ToString());

    /// <summary>Gives a snapshot more difference storage. All or nothing.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="spec">The storage.</param>
    /// <param name="force">Use devices that carry a file system or are mounted.</param>
    /// <returns>The ranges that were added.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.SnapshotNotFound"/>, or one of the storage error ids.</exception>
    public IReadOnlyList<DiffStorageRange> AddStorage(Guid id, DiffStorageSpec spec, bool force = false)
        => throw new NotSupportedException(id.ToString() + spec + force);
}
