// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Tracking;

/// <summary>Whether the history of a tracker reaches back to a token. Where it does not, no increment is better than a wrong one.</summary>
internal static class ChangeChain
{
    // The module never gives the number 255: its take after 254 begins a new generation. Other drivers give it to the first
    // snapshot of the new one.
    private const byte LastNumber = 254;

    /// <summary>The token of a device among those of several.</summary>
    /// <param name="tokens">At least one.</param>
    /// <param name="tracker">The device.</param>
    /// <returns>The one that fits best; if none does, one that <see cref="Check"/> refuses.</returns>
    public static ChangeToken Select(IReadOnlyList<ChangeToken> tokens, Tracker tracker)
    {
        string device = tracker.Device.ToString();
        return tokens.FirstOrDefault(token => token.Generation == tracker.Generation)
            ?? tokens.FirstOrDefault(token => token.Device == device && token.BootId is { } boot && boot == SystemBoot.Id)
            ?? tokens.FirstOrDefault(token => token.DevicePath == tracker.DevicePath)
            ?? tokens.FirstOrDefault(token => token.Device == device)
            ?? tokens.FirstOrDefault(token => token.Device is null && token.DevicePath is null)
            ?? tokens[0];
    }

    /// <summary>Refuses a token that the history of a tracker does not reach back to.</summary>
    /// <param name="token">The token.</param>
    /// <param name="tracker">The device.</param>
    /// <param name="map">Reads the present map, if that can be; only asked for to tell one reason from another.</param>
    /// <exception cref="BlksnapException">One of the error ids <c>ChangedBlocks…</c>; each of them asks for a full copy.</exception>
    public static void Check(ChangeToken token, Tracker tracker, Func<byte[]> map)
    {
        string path = tracker.DevicePath;
        string device = tracker.Device.ToString();
        if (token.BootId is { } boot && SystemBoot.Id is { } now && boot != now)
        {
            throw Broken(ErrorIds.ChangedBlocksReboot, $"the system was started anew since the token of {path} was made", path);
        }

        if (token.Device is { } other ? other != device : token.DevicePath is { } otherPath && token.Generation != tracker.Generation && otherPath != path)
        {
            throw Broken(
                ErrorIds.ChangedBlocksOtherDevice,
                $"the token is one of {token.DevicePath ?? token.Device} ({token.Device ?? "no number"}), not of {path} ({device})",
                path);
        }

        if (token.Size is { } size && size != tracker.Size)
        {
            throw Broken(ErrorIds.ChangedBlocksResized, $"{path} had {size} bytes then and has {tracker.Size} now", path);
        }

        // Within a generation numbers grow; one that fell has been through the end.
        bool begun = token.Generation != tracker.Generation;
        if (token.SnapshotNumber > tracker.SnapshotNumber && !begun)
        {
            throw Broken(
                ErrorIds.ChangedBlocksNumberWrap,
                $"the last snapshot of {path} has number {tracker.SnapshotNumber}, which is before {token.SnapshotNumber}",
                path);
        }

        if (begun && (token.SnapshotNumber >= LastNumber || tracker.SnapshotNumber > LastNumber || IsFirstAfterWrap(tracker, map)))
        {
            throw Broken(
                ErrorIds.ChangedBlocksNumberWrap,
                $"the numbers of the snapshots of {path} were used up, and a new generation began ({tracker.Generation}, not {token.Generation})",
                path);
        }

        if (begun)
        {
            throw Broken(
                ErrorIds.ChangedBlocksGeneration,
                $"the tracking of {path} began anew (generation {tracker.Generation}, not {token.Generation})",
                path);
        }
    }

    // The module says at its first take after the last number that everything changed.
    private static bool IsFirstAfterWrap(Tracker tracker, Func<byte[]> map)
    {
        try
        {
            return tracker.SnapshotNumber == 1 && !map().Contains((byte)0);
        }
        catch (BlksnapException)
        {
            // No reason to tell the user about anything but the broken chain.
            return false;
        }
    }

    private static BlksnapException Broken(string errorId, string reason, string path)
        => new(errorId, $"The changes since then are not known: {reason}. Take a full backup.", string.Empty, 0, path);
}
