// SPDX-License-Identifier: MIT
using System.Globalization;
using Blksnap.Snapshots;
using Blksnap.Tracking;

namespace BlksnapPS;

/// <summary>What New-BlkSnapshot -WhatIf says: what it would freeze and allocate, why, and how long the storage is likely to last.</summary>
internal static class PlanText
{
    /// <summary>The whole plan, a sentence a line.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="directory">Where files are made to extend the storage; null if it is not extended.</param>
    /// <param name="maximumSize">Bytes that the storage may have then.</param>
    public static string Describe(SnapshotPlan plan, string? directory = null, long maximumSize = 0)
    {
        List<string> lines = [$"Take one snapshot of {DisplayText.List(plan.Devices.Select(device => device.DevicePath))}."];
        foreach (PlannedDevice device in plan.Devices)
        {
            lines.AddRange(Freezes(device, plan.FreezeTimeout));
            string maps = $"its maps of changes take {DisplayText.Size(device.MapSize)} of kernel memory";
            lines.Add(device.IsTracked
                ? $"Tracking   {device.DevicePath} is tracked already; {maps}."
                : $"Tracking   {device.DevicePath} will be tracked from now on, so that the next copy can be an increment; {maps}.");
        }

        lines.AddRange(plan.Storage.Select(Storage));
        if (directory is not null)
        {
            lines.Add(Extension(plan, directory, maximumSize));
        }

        lines.AddRange(plan.Devices.Select(device => $"Estimate   {device.DevicePath} needs {Rate(device)}."));
        lines.Add(directory is null ? Outlook(plan, plan.Capacity, "add more when the LowSpace event comes")
            : Outlook(plan, Math.Max(plan.Capacity, maximumSize), "more than that is not added"));
        return string.Join("\n  ", lines);
    }

    private static IEnumerable<string> Freezes(PlannedDevice device, TimeSpan? limit)
    {
        string bounded = limit is { } time ? $" ({time.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s at most)" : string.Empty;
        foreach (PlannedFreeze freeze in device.FileSystems)
        {
            yield return $"Freeze     {freeze.FileSystem ?? "the file system"} on {freeze.DevicePath}, mounted on {freeze.MountPoint}, for the instant of the snapshot{bounded}, "
                + "so that it is clean in the image.";
        }

        if (device.FileSystems.Count == 0)
        {
            yield return $"Freeze     nothing on {device.DevicePath}: no file system of it is mounted.";
        }

        if (device.Holders.Count > 0)
        {
            yield return $"Freeze     nothing on {DisplayText.List(device.Holders)} either, which {device.DevicePath} is a part of: "
                + "a file system there is in the image as after a power cut.";
        }
    }

    private static string Storage(PlannedStorage storage)
    {
        string size = DisplayText.Size(storage.Size);
        return storage.Kind switch
        {
            PlannedStorageKind.Device => $"Storage    {size} of {storage.Path} are overwritten with the old contents of blocks that change.",
            PlannedStorageKind.File => $"Storage    {size} of the file {storage.Path} are overwritten with the old contents of blocks that change.",
            PlannedStorageKind.NewFile => $"Storage    {size} are allocated in the new file {storage.Path}, for the old contents of blocks that change.",
            _ => $"Storage    {size} are allocated in a file in {storage.Path}, for the old contents of blocks that change; it goes with the snapshot.",
        };
    }

    private static string Extension(SnapshotPlan plan, string directory, long maximumSize)
        => plan.Capacity < maximumSize
            ? $"Storage    it is extended with files in {directory} when it runs low, up to {DisplayText.Size(maximumSize)} in all, for as long as this process lives."
            : $"Storage    it is not extended: it begins with the maximum of {DisplayText.Size(maximumSize)}.";

    private static string Rate(PlannedDevice device) => device.Rate switch
    {
        null => "an amount that nobody can tell yet: " + device.UnknownRate switch
        {
            UnknownRate.NoTwoSnapshots => "fewer than two snapshots of it were taken",
            UnknownRate.SnapshotsTooClose => "its last two snapshots lie too close together",
            UnknownRate.NotNoted => "nothing was noted at its last two snapshots",
            _ => "it is not tracked yet, and no writes to it are known of",
        },
        { IsTracked: true } rate => $"up to {DisplayText.Size(rate.BytesPerHour)} an hour: "
            + $"{DisplayText.Size(rate.Bytes)} of its blocks changed in the {DisplayText.Duration(rate.Time)} between its last two snapshots",
        { } rate => $"up to {DisplayText.Size(rate.BytesPerHour)} an hour: {DisplayText.Size(rate.Bytes)} were written to it since the system was started, "
            + $"{DisplayText.Duration(rate.Time)} ago, blocks written again included",
    };

    private static string Outlook(SnapshotPlan plan, long bytes, string advice)
    {
        string capacity = DisplayText.Size(bytes);
        if (plan.BytesPerHour is not { } rate)
        {
            return $"Estimate   how long {capacity} last cannot be told; {advice}.";
        }

        // Beyond a month the number means nothing.
        double hours = rate > 0 ? bytes / rate : double.PositiveInfinity;
        return hours > 24 * 30
            ? $"Estimate   {capacity} last for more than a month at that rate."
            : $"Estimate   {capacity} last for about {DisplayText.Duration(TimeSpan.FromHours(hours))} at that rate.";
    }
}
