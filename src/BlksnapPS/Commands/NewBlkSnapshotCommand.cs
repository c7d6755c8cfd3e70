// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>
/// New-BlkSnapshot: takes one snapshot of all devices named or piped in, at one instant. It is made, given its
/// difference storage and taken in one go; if a step fails, nothing of it stays.
/// </summary>
[Cmdlet(VerbsCommon.New, "BlkSnapshot", SupportsShouldProcess = true, DefaultParameterSetName = "Default")]
[OutputType(typeof(Snapshot))]
public sealed class NewBlkSnapshotCommand : BlksnapCommand
{
    private const string AutoExtendSet = nameof(AutoExtend);

    private readonly List<BlockDevice> _devices = [];
    private bool _incomplete;

    /// <summary>The devices: paths, items from Get-Item, or objects with a path or a kernel name.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "PSPath", "FullName", "Device", "Name")]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] DevicePath { get; set; } = [];

    /// <summary>Where old contents are kept: files, directories, devices, or ranges such as /dev/sdb:1GiB+4GiB.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DiffStorageCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] DiffStorage { get; set; } = [];

    /// <summary>Bytes of each storage that is a directory, a new file, or to be used in part.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long DiffStorageSize { get; set; }

    /// <summary>Use storage devices that carry a file system or are mounted, and ranges of devices of the snapshot.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Report low space when this many bytes are free; the driver decides if left out.</summary>
    [Parameter]
    [ValidateRange(512, long.MaxValue)]
    public long LowSpaceMark { get; set; }

    /// <summary>Extend the difference storage when it runs low, with files in the first directory of -DiffStorage.</summary>
    [Parameter(Mandatory = true, ParameterSetName = AutoExtendSet)]
    public SwitchParameter AutoExtend { get; set; }

    /// <summary>Bytes that the whole difference storage may have with -AutoExtend.</summary>
    [Parameter(Mandatory = true, ParameterSetName = AutoExtendSet)]
    [ValidateRange(1, long.MaxValue)]
    public long MaximumSize { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string path in DevicePath)
        {
            _incomplete |= !Attempt(path, () =>
            {
                BlockDevice device = BlockDevices.FromPath(path);
                if (!_devices.Exists(other => other.Id == device.Id))
                {
                    _devices.Add(device);
                    WarnOfWholeDisk(device);
                }
            });
        }
    }

    // It works, but is rarely what was meant: the images have no partitions to mount.
    private void WarnOfWholeDisk(BlockDevice device)
    {
        if (device.Partitions.Count > 0)
        {
            WriteWarning(
                $"{device.Path} is a whole disk, and its image shows no partitions. "
                    + $"To mount an image, name the partition: {string.Join(", ", device.Partitions.Select(BlockDevices.PathOf))}.");
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        // One instant for all of them is the point of it: no snapshot of the rest when one is missing.
        if (_incomplete || _devices.Count == 0)
        {
            return;
        }

        string[] paths = [.. _devices.Select(device => device.Path)];
        Attempt(paths, () =>
        {
            SnapshotManager manager = new(Driver);
            SnapshotRequest request = new()
            {
                Devices = _devices,
                Storage = [.. DiffStorage.Select(Specify)],
                LowSpaceMark = LowSpaceMark == 0 ? null : LowSpaceMark,
                Force = Force,
            };
            SnapshotPlan plan = Ask(() => manager.Plan(request));
            string? directory = AutoExtend ? Ask(() => FindDirectory(request)) : null;
            if (AutoExtend)
            {
                AutoExtension.Check(plan, MaximumSize);
            }

            if (ShouldProcess(
                PlanText.Describe(plan, directory, MaximumSize),
                $"Take a snapshot of {DisplayText.List(paths)} with difference storage on {DisplayText.List(request.Storage)}?",
                MyInvocation.MyCommand.Name))
            {
                CancellationToken stop = StopToken;
                WriteObject(DetachedWork.Run(() => Make(request, directory, stop), Unmake, stop));
            }
        });
    }

    private DiffStorageSpec Specify(string text)
    {
        DiffStorageSpec spec = DiffStorageSpec.Parse(text, DiffStorageSize == 0 ? null : DiffStorageSize);
        return AutoExtend ? AutoExtension.Limit(Driver, spec, MaximumSize) : spec;
    }

    private string FindDirectory(SnapshotRequest request)
    {
        string directory = request.Storage.FirstOrDefault(storage => Directory.Exists(storage.Path))?.Path ?? throw new BlksnapException(
            ErrorIds.AutoExtendNeedsDirectory,
            "Difference storage is extended with files, and none of the places named is a directory to make them in.",
            string.Empty,
            Errno.ENOTDIR,
            DisplayText.List(DiffStorage));
        AutoExtension.Check(Driver, directory, MaximumSize, [.. request.Devices.Select(device => device.Id)]);
        return directory;
    }

    // A file system may take a minute to freeze. The driver of this command is closed by then if the user does not wait.
    private Snapshot Make(SnapshotRequest request, string? directory, CancellationToken cancellation)
    {
        using BlksnapDriver driver = BlksnapDriver.Open();
        SnapshotManager manager = new(driver);
        Snapshot snapshot = manager.Create(request, cancellation);
        return directory is null ? snapshot : Extend(manager, snapshot, directory);
    }

    private static void Unmake(Snapshot snapshot)
    {
        using BlksnapDriver driver = BlksnapDriver.Open();
        new SnapshotManager(driver).Remove(snapshot.Id);
    }

    private Snapshot Extend(SnapshotManager manager, Snapshot snapshot, string directory)
    {
        try
        {
            _ = AutoExtension.EnableNew(snapshot, directory, MaximumSize);
            return manager.Get(snapshot.Id);
        }
        catch
        {
            manager.Remove(snapshot.Id);
            throw;
        }
    }
}
