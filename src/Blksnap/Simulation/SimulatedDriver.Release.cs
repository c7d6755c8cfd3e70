// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Simulation;

/// <content>
/// How snapshots end. With other drivers the request only makes a snapshot unreachable. Whoever lets go of it last, and that may be a waiter
/// for its events, removes the images, then ends the copying, and gives up the storage last.
/// </content>
internal sealed partial class SimulatedDriver
{
    // Reachable or not: these hold their devices.
    private readonly List<SimulatedSnapshot> _unreleased = [];

    /// <summary>Other drivers: how long the release of a snapshot takes before the images are gone, and again before the copying has ended.</summary>
    public TimeSpan ReleaseDelay { get; set; }

    /// <summary>Called with the driver locked when a snapshot writes to its storage no more.</summary>
    public Action<SimulatedSnapshot>? Released { get; set; }

    private bool IsForeign => Flavor is SimulatedFlavor.Reference or SimulatedFlavor.Upstream;

    /// <summary>Other drivers: has somebody else wait for events of a snapshot until the returned object is disposed.</summary>
    public IDisposable WaitElsewhere(Guid id)
    {
        lock (_lock)
        {
            SimulatedSnapshot snapshot = _snapshots.First(candidate => candidate.Id == id);
            snapshot.References++;
            return new Reference(this, snapshot);
        }
    }

    private void Unlink(SimulatedSnapshot snapshot)
    {
        _ = _snapshots.Remove(snapshot);
        snapshot.IsDestroyed = true;
        if (IsForeign)
        {
            Drop(snapshot);
            return;
        }

        EndImages(snapshot);
        EndCopying(snapshot);
    }

    private void Drop(SimulatedSnapshot snapshot)
    {
        if (--snapshot.References > 0)
        {
            return;
        }

        if (ReleaseDelay == TimeSpan.Zero)
        {
            EndImages(snapshot);
            EndCopying(snapshot);
            return;
        }

        new Thread(() =>
        {
            Thread.Sleep(ReleaseDelay);
            lock (_lock)
            {
                EndImages(snapshot);
            }

            Thread.Sleep(ReleaseDelay);
            lock (_lock)
            {
                EndCopying(snapshot);
            }
        })
        { IsBackground = true }.Start();
    }

    private void EndImages(SimulatedSnapshot snapshot) => snapshot.Devices.ForEach(RemoveImage);

    private void EndCopying(SimulatedSnapshot snapshot)
    {
        if (_unreleased.Remove(snapshot))
        {
            Released?.Invoke(snapshot);
            snapshot.ReleaseFiles();
        }
    }

    // Other drivers give the lowest number that is free.
    private DeviceId NextImage()
    {
        uint number = IsForeign ? 0 : _nextImage++;
        while (IsForeign && _devices.ContainsKey(new DeviceId(ImageMajor, number)))
        {
            number++;
        }

        return new DeviceId(ImageMajor, number);
    }

    private sealed class Reference(SimulatedDriver driver, SimulatedSnapshot snapshot) : IDisposable
    {
        private SimulatedSnapshot? _snapshot = snapshot;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _snapshot, null) is { } held)
            {
                lock (driver._lock)
                {
                    driver.Drop(held);
                }
            }
        }
    }
}
