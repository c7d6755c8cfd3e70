// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>
/// Request codes of the control device (x86-64, arm64 and other architectures with the generic encoding).
/// The direction bits of generation 1 do not always tell which way the data go; the codes are fixed nevertheless.
/// </summary>
internal static class Requests
{
    public const uint Version = 0x40085600;

    /// <summary>
    /// VERSION with the direction bits of the later generations. Generation 1 dispatches on the number alone,
    /// so every generation answers this one: it is the only code that may be sent before the driver is known.
    /// </summary>
    public const uint VersionProbe = 0x80085600;

    public const uint TrackerRemove = 0x40085601;
    public const uint TrackerCollect = 0x40105602;
    public const uint TrackerReadCbtMap = 0x80185603;
    public const uint TrackerMarkDirtyBlocks = 0x80185604;
    public const uint SnapshotCreate = 0x40205605;
    public const uint SnapshotDestroy = 0x80105606;
    public const uint SnapshotAppendStorage = 0x40285607;
    public const uint SnapshotTake = 0x80105608;
    public const uint SnapshotCollect = 0x40105609;
    public const uint SnapshotCollectImages = 0x4020560A;
    public const uint SnapshotWaitEvent = 0x5000560B;

    public const uint Mod = 0x40285620;
    public const uint Setlog = 0x40185621;
    public const uint GetSectorState = 0x40185622;

    // Extensions: _IOWR except the last two.
    public const uint SnapshotStatus = 0xC0585640;
    public const uint SnapshotCollectDevices = 0xC0205641;
    public const uint SnapshotCollectStorage = 0xC0205642;
    public const uint SnapshotHoldFile = 0x40185643;
    public const uint SnapshotSetLowSpace = 0x40185644;

    /// <summary>The request number, the byte that generation 1 drivers dispatch on.</summary>
    /// <param name="request">A request code.</param>
    /// <returns>0 to 255.</returns>
    public static int Number(uint request) => (int)(request & 0xFF);
}
