// SPDX-License-Identifier: MIT
using System.Diagnostics;
using Blksnap.Abi;
using Blksnap.Storage;

namespace Blksnap.Snapshots;

/// <summary>The thread that extends the difference storage of one snapshot, and the record of what it did.</summary>
internal sealed class AutoExtender
{
    // Less is not worth a file.
    internal const long SmallestStep = 1 << 20;

    private const int KeptSteps = 1000;

    // A storage that fills fast is extended by what it takes in this time, so that the thread is not outrun by its own overhead.
    private const double StepSeconds = 5;

    // Part of the free room of the file system that one file takes at most. The one that nobody has asked for yet takes less.
    private const double RoomShare = 0.9;
    private const double AheadShare = 0.5;

    private static readonly TimeSpan s_recordPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_releasePatience = SnapshotEnding.Limit * 2;

    private readonly AutoExtendStore _store;
    private readonly Action<Guid> _forget;
    private readonly EventBuffer _requests = new();
    private readonly SemaphoreSlim _changed = new(0);
    private readonly ManualResetEventSlim _over = new();
    private readonly ManualResetEventSlim _released = new();
    private volatile DiffStorageAutoExtend _record;
    private volatile bool _stopped;
    private volatile bool _ended;
    private volatile Exception? _failure;
    private IDisposable? _subscription;
    private bool _heardCreation;

    // The file for the next request, and how long the one after it is to be.
    private PreparedStorage? _ahead;
    private long _nextLength;

    /// <summary>Does nothing yet.</summary>
    /// <param name="record">What is to be done.</param>
    /// <param name="store">Where the record is kept.</param>
    /// <param name="forget">Called when the thread ends.</param>
    public AutoExtender(DiffStorageAutoExtend record, AutoExtendStore store, Action<Guid> forget)
    {
        _record = record;
        _store = store;
        _forget = forget;
    }

    public DiffStorageAutoExtend Record => _record;

    /// <summary>Answers the request that every snapshot begins with, and starts the thread.</summary>
    public void Start()
    {
        BlksnapDriver driver = BlksnapDriver.Open();
        try
        {
            TryOut();

            // Listening comes first: a request that comes while the storage is looked at is not missed.
            _subscription = EventReader.Subscribe(_record.SnapshotId, OnEvent, OnEnd);
            _nextLength = _record.StepSize ?? DiffStorageSource.DefaultFileLength(driver.Info);
            Fill(driver);
            _store.Save(_record);
            new Thread(() => Run(driver)) { IsBackground = true, Name = "blksnap storage " + _record.SnapshotId }.Start();
        }
        catch
        {
            _subscription?.Dispose();
            driver.Dispose();
            throw;
        }
    }

    /// <summary>Waits, once the snapshot has ended, until nothing in the directory is in use any more.</summary>
    public void AwaitRelease(TimeSpan limit) => _released.Wait(limit);

    /// <summary>Ends the thread.</summary>
    public void Stop()
    {
        _stopped = true;
        _ = _changed.Release();
        _over.Wait();
    }

    private void OnEvent(SnapshotEvent read)
    {
        if (read.Kind == SnapshotEventKind.LowSpace)
        {
            _requests.Add(read);
            _ = _changed.Release();
        }
    }

    private void OnEnd(Exception? reason)
    {
        _failure = reason;
        _ended = true;
        _ = _changed.Release();
    }

    private void Run(BlksnapDriver driver)
    {
        Exception? failure = null;
        try
        {
            while (!_stopped && !_ended)
            {
                if (_requests.Count == 0)
                {
                    MakeAhead(driver);
                }

                _changed.Wait();
                while (!_stopped && !_ended && _requests.TryTake() is { } request)
                {
                    Answer(driver, request);
                }
            }
        }
        catch (Exception e)
        {
            // A thread that lets an exception go takes the process with it.
            failure = e;
        }

        _subscription!.Dispose();
        _ahead?.Dispose();
        _released.Set();
        failure ??= _failure;
        if (_ended && failure is null)
        {
            ReleaseFiles(driver);
        }

        driver.Dispose();
        _record = _record with
        {
            State = failure is not null ? AutoExtendState.Failed : _ended ? AutoExtendState.Ended : AutoExtendState.Disabled,
            EndTime = DateTime.Now,
            LastError = failure?.Message ?? _record.LastError,
        };
        _store.Save(_record);
        _forget(_record.SnapshotId);
        _over.Set();
    }

    /// <summary>
    /// Makes a small file and drops it: what keeps the directory from taking files shows now, and the first request finds everything loaded.
    /// </summary>
    private void TryOut()
    {
        using FileDescriptor file = StorageFile.Make(_record.Directory, hasName: false, SmallestStep);
        _ = FileExtents.Map(file, _record.Directory, SmallestStep);
    }

    /// <summary>Brings what is free up to a step, whatever was asked for.</summary>
    private void Fill(BlksnapDriver driver)
    {
        if (driver.TryGetStatus(_record.SnapshotId, out SnapshotStatus? status)
            && status.StorageCapacity - status.StorageUsed is long free
            && free < _nextLength)
        {
            Extend(driver, _nextLength - free, status.StorageCapacity, free);
        }
    }

    /// <summary>
    /// Makes the file for the next request before that comes, for then the writers race with whoever answers it, and what is left to do is to
    /// append. That it cannot be made is no failure: it may never be needed, and if it is, the answer tries again and tells.
    /// </summary>
    private void MakeAhead(BlksnapDriver driver)
    {
        if (_ahead is not null)
        {
            return;
        }

        try
        {
            long room = Math.Min(_record.MaximumSize - (CapacityOf(driver) ?? long.MaxValue), FreeRoom(AheadShare));
            if (room >= SmallestStep)
            {
                _ahead = new SnapshotManager(driver).PrepareStorage(
                    _record.SnapshotId, _record.Directory, Math.Min(Math.Max(_nextLength, SmallestStep), room));
            }
        }
        catch (Exception e) when (e is BlksnapException or IOException or UnauthorizedAccessException)
        {
        }
    }

    private long FreeRoom(double share) => (long)(new DriveInfo(_record.Directory).AvailableFreeSpace * share);

    /// <summary>Bytes of the difference storage; null if the end of the snapshot is on its way.</summary>
    private long? CapacityOf(BlksnapDriver driver)
    {
        try
        {
            return driver.TryGetStatus(_record.SnapshotId, out SnapshotStatus? status)
                ? status.StorageCapacity
                : new SnapshotManager(driver).GetStorage(_record.SnapshotId).Capacity ?? 0;
        }
        catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
        {
            return null;
        }
    }

    private void Answer(BlksnapDriver driver, SnapshotEvent request)
    {
        SnapshotStatus? status;
        try
        {
            _ = driver.TryGetStatus(_record.SnapshotId, out status);
        }
        catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
        {
            // The end is on its way.
            return;
        }

        long wanted = Math.Max(_record.StepSize ?? request.RequestedBytes ?? 0, (long)((request.FillRate ?? 0) * StepSeconds));
        _nextLength = wanted > 0 ? wanted : _nextLength;
        if (status is null)
        {
            ExtendBlindly(driver, request, wanted);
            return;
        }

        // The request may be an old one: that of the creation, or one that somebody else has answered.
        long free = status.StorageCapacity - status.StorageUsed;
        if (free <= status.LowSpaceMark)
        {
            Extend(driver, wanted, status.StorageCapacity, free);
        }
    }

    /// <summary>
    /// Answers a driver that does not tell what is free. It asks again only after an append that brings the storage up to all that it has
    /// asked for since the creation: with less, this request would be the last one, and the snapshot lost with the storage that is there.
    /// </summary>
    private void ExtendBlindly(BlksnapDriver driver, SnapshotEvent request, long wanted)
    {
        // The request of the creation is the only one before the take. If this process did not hear it, somebody else did.
        _heardCreation |= RuntimeRecord.Find(_record.SnapshotId)?.TakeTime is { } taken && request.FirstTime.ToUniversalTime() < taken;
        long asked = request.RequestedInAll + (_heardCreation ? 0 : DiffStorageSource.DefaultFileLength(driver.Info));

        // At least once, and again where the file system had no room for it in one piece.
        for (long added = 1; added > 0 && !_stopped && CapacityOf(driver) is { } capacity && (wanted > 0 || asked > capacity); wanted = 0)
        {
            added = Extend(driver, Math.Max(wanted, asked - capacity), capacity, null);
        }
    }

    /// <summary>Adds storage: what was made ahead at once, and what is missing then.</summary>
    private long Extend(BlksnapDriver driver, long wanted, long capacity, long? free)
    {
        long start = Stopwatch.GetTimestamp();
        long room = _record.MaximumSize - capacity;
        if (room < SmallestStep)
        {
            _record = _record with { State = AutoExtendState.AtMaximum };
            _store.Save(_record);
            return 0;
        }

        SnapshotManager manager = new(driver);
        string? error = null;
        long added = 0;
        try
        {
            added = AppendAhead(driver, manager, room, out error);
            long missing = Math.Min(Math.Max(wanted, SmallestStep), room) - added;
            if (missing >= SmallestStep)
            {
                added += AddNew(manager, missing, ref error);
            }
        }
        catch (Exception e) when (e is BlksnapException or IOException or UnauthorizedAccessException)
        {
            error = e.Message;
        }

        AutoExtendStep step = new()
        {
            Time = DateTime.Now,
            Length = added,
            Free = free,
            Duration = Stopwatch.GetElapsedTime(start),
            Error = added > 0 ? null : error,
        };
        _record = _record with
        {
            State = room - added < SmallestStep ? AutoExtendState.AtMaximum : _record.State,
            AddedBytes = _record.AddedBytes + added,
            Extensions = _record.Extensions + (added > 0 ? 1 : 0),
            Steps = [.. _record.Steps.Skip(_record.Steps.Count >= KeptSteps ? 1 : 0), step],
            LastError = error ?? _record.LastError,
        };
        _store.Save(_record);
        return added;
    }

    /// <summary>Adds the file that was made ahead. Whatever comes of that, there is none any more.</summary>
    private long AppendAhead(BlksnapDriver driver, SnapshotManager manager, long room, out string? error)
    {
        error = null;
        using PreparedStorage? ahead = _ahead;
        _ahead = null;
        if (ahead is null || ahead.Length > room)
        {
            // Somebody else has added storage meanwhile.
            return 0;
        }

        try
        {
            return manager.AddPrepared(_record.SnapshotId, ahead).Sum(range => range.Length);
        }
        catch (BlksnapException e) when (!DiffStorageSource.MayHaveAdded(driver.Info, e))
        {
            // Another file may fare better; without any, no request will come again.
            error = e.Message;
            return 0;
        }
    }

    private long AddNew(SnapshotManager manager, long length, ref string? error)
    {
        for (length = Math.Min(length, Math.Max(FreeRoom(RoomShare), SmallestStep)); ; length /= 2)
        {
            long added = TryAdd(manager, length, out string? reason);
            if (reason is null || length < 2 * SmallestStep)
            {
                error = reason ?? error;
                return added;
            }
        }
    }

    /// <summary>Adds a file of this length; 0 and the reason if the file system has no room for it.</summary>
    private long TryAdd(SnapshotManager manager, long length, out string? error)
    {
        error = null;
        try
        {
            using PreparedStorage made = manager.PrepareStorage(_record.SnapshotId, _record.Directory, length);
            return manager.AddPrepared(_record.SnapshotId, made).Sum(range => range.Length);
        }
        catch (BlksnapException e) when (e.ErrorId == ErrorIds.StorageTooSmall)
        {
            error = e.Message;
            return 0;
        }
    }

    /// <summary>
    /// Where the driver holds no files they have names, which whoever removes the snapshot removes too. If nobody does, because the snapshot
    /// ended in another way, it is done here.
    /// </summary>
    private void ReleaseFiles(BlksnapDriver driver)
    {
        long last = Environment.TickCount64 + (long)s_releasePatience.TotalMilliseconds;
        for (long next = Environment.TickCount64 + (long)s_recordPatience.TotalMilliseconds; RuntimeRecord.Find(_record.SnapshotId) is not null;)
        {
            if (Environment.TickCount64 >= next)
            {
                try
                {
                    new SnapshotManager(driver).Remove(_record.SnapshotId);
                    return;
                }
                catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
                {
                    // The usual answer, after the files were released.
                    return;
                }
                catch (BlksnapException e) when (e.ErrorId == ErrorIds.StorageInUse && next < last)
                {
                    // Its end is under way.
                    next = Environment.TickCount64 + (long)s_recordPatience.TotalMilliseconds;
                }
                catch (Exception e) when (e is BlksnapException or IOException or UnauthorizedAccessException)
                {
                    _record = _record with { LastError = e.Message };
                    return;
                }
            }

            Thread.Sleep(100);
        }
    }
}
