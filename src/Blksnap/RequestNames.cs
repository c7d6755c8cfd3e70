// SPDX-License-Identifier: MIT
namespace Blksnap;

/// <summary>Names of the requests in exceptions and error ids.</summary>
internal static class RequestNames
{
    public const string Version = nameof(Version);
    public const string Mod = nameof(Mod);
    public const string TrackerRemove = nameof(TrackerRemove);
    public const string TrackerCollect = nameof(TrackerCollect);
    public const string TrackerReadCbtMap = nameof(TrackerReadCbtMap);
    public const string TrackerMarkDirtyBlocks = nameof(TrackerMarkDirtyBlocks);
    public const string SnapshotCreate = nameof(SnapshotCreate);
    public const string SnapshotDestroy = nameof(SnapshotDestroy);
    public const string SnapshotAppendStorage = nameof(SnapshotAppendStorage);
    public const string SnapshotTake = nameof(SnapshotTake);
    public const string SnapshotCollect = nameof(SnapshotCollect);
    public const string SnapshotCollectImages = nameof(SnapshotCollectImages);
    public const string SnapshotWaitEvent = nameof(SnapshotWaitEvent);
    public const string SnapshotStatus = nameof(SnapshotStatus);
    public const string SnapshotCollectDevices = nameof(SnapshotCollectDevices);
    public const string SnapshotCollectStorage = nameof(SnapshotCollectStorage);
    public const string SnapshotHoldFile = nameof(SnapshotHoldFile);
    public const string SnapshotSetLowSpace = nameof(SnapshotSetLowSpace);
}
