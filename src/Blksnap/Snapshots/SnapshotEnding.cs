// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Storage;

namespace Blksnap.Snapshots;

/// <summary>
/// The end of a snapshot, up to the moment from which nothing is written to its difference storage any more. This project's module is done
/// when the request returns. Other drivers leave the work to whoever lets go of the snapshot last, a waiter for events for example, who first
/// removes the images, then ends the copying device by device, and gives up the storage last.
/// </summary>
internal sealed class SnapshotEnding
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(20);

    private readonly BlksnapDriver _driver;
    private readonly Guid _id;
    private readonly IReadOnlyList<RecordedImage> _images;
    private readonly HashSet<DeviceId> _originals;
    private readonly bool _mayHaveCopied;

    private SnapshotEnding(
        BlksnapDriver driver, Guid id, IReadOnlyList<RecordedImage> images, IEnumerable<DeviceId> originals, bool mayHaveCopied)
    {
        _driver = driver;
        _id = id;
        _images = images;
        _originals = [.. originals];
        _mayHaveCopied = mayHaveCopied;
    }

    /// <summary>How long the end may take: waiters of other programs sleep for seconds, and file systems are frozen and thawed.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromMinutes(1);

    /// <summary>What may pass between the end of the copying, which can be seen, and the end of the writes under way, which cannot.</summary>
    public static TimeSpan Grace { get; } = TimeSpan.FromSeconds(1);

    /// <summary>Looks at a snapshot that is to be destroyed.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="id">The snapshot.</param>
    /// <param name="record">What is recorded of it; null for nothing.</param>
    public static SnapshotEnding Of(BlksnapDriver driver, Guid id, RuntimeRecord? record)
    {
        IReadOnlyList<RecordedImage> recorded = record?.Images ?? [];
        if (driver.Info.HasExtensions)
        {
            // A record is one that another driver left.
            return new SnapshotEnding(driver, id, recorded, [], mayHaveCopied: false);
        }

        IReadOnlyList<ImagePair>? pairs = [];
        bool isKnown = true;
        try
        {
            pairs = driver.GetImages(id);
        }
        catch (BlksnapException)
        {
            isKnown = false;
        }

        // Not everything that was taken was recorded: by another program, or by one that ended too soon.
        return new SnapshotEnding(
            driver,
            id,
            [.. recorded.UnionBy(RecordedImage.Identify((pairs ?? []).Select(pair => pair.Image)), image => image.Device)],
            [.. record?.Devices ?? [], .. (pairs ?? []).Select(pair => pair.Original)],
            mayHaveCopied: !isKnown || pairs is not null);
    }

    /// <summary>Destroys the snapshot. This process does not wait for its events meanwhile, and so is not the one that holds its end up.</summary>
    /// <exception cref="BlksnapException">The request failed.</exception>
    public void Destroy()
    {
        using IDisposable? pause = _driver.Info.HasExtensions ? null : EventReader.Pause(_id);
        _driver.DestroySnapshot(_id);
    }

    /// <summary>Waits until nothing is written to the difference storage any more.</summary>
    /// <param name="patience">How long to wait.</param>
    /// <param name="grace">How long to wait after that for what cannot be seen.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>False if it did not come to an end in time.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public bool Wait(TimeSpan patience, TimeSpan grace, CancellationToken cancellation)
    {
        if (!_mayHaveCopied && _images.Count == 0)
        {
            return true;
        }

        long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (_images.Any(IsThere) || (_mayHaveCopied && _originals.Any(_driver.IsHeld)))
        {
            if (Environment.TickCount64 >= deadline)
            {
                return false;
            }

            Pause(s_interval, cancellation);
        }

        if (_mayHaveCopied)
        {
            Pause(grace, cancellation);
        }

        return true;
    }

    private static void Pause(TimeSpan time, CancellationToken cancellation)
    {
        if (cancellation.WaitHandle.WaitOne(time))
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    // Numbers are given again as soon as they are free.
    private bool IsThere(RecordedImage image)
    {
        if (BlockDevices.TryFromId(image.Device) is not { } present)
        {
            return false;
        }

        return image.Sequence is { } sequence && present.DiskSequence is { } other ? sequence == other : !IsOfAnother(image.Device);
    }

    private bool IsOfAnother(DeviceId image)
    {
        foreach (Guid other in _driver.GetSnapshotIds())
        {
            try
            {
                if (other != _id && (_driver.GetImages(other) ?? []).Any(pair => pair.Image == image))
                {
                    return true;
                }
            }
            catch (BlksnapException e) when (e.ErrorId == ErrorIds.SnapshotNotFound)
            {
                // It ended between the list and the look.
            }
        }

        return false;
    }
}
