// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Devices;
using Blksnap.Snapshots;
using Blksnap.Storage;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>
/// New-BlkSnapshot: takes one snapshot of all devices named or piped in, at one instant. It is made, given its
/// difference storage and taken in one go; if a step fails, nothing of it stays.
/// </summary>
[Cmdlet(VerbsCommon.New, "BlkSnapshot", SupportsShouldProcess = true)]
[OutputType(typeof(Snapshot))]
public sealed class NewBlkSnapshotCommand : BlksnapCommand
{
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
    [ValidateRange(ValidateRangeKind.Positive)]
    public long DiffStorageSize { get; set; }

    /// <summary>Use storage devices that carry a file system or are mounted.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

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
                }
            });
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
                Storage = [.. DiffStorage.Select(text => DiffStorageSpec.Parse(text, DiffStorageSize == 0 ? null : DiffStorageSize))],
                Force = Force,
            };
            manager.Check(request);
            if (ShouldProcess(
                DisplayText.List(paths),
                $"Take a snapshot with difference storage on {DisplayText.List(request.Storage)}"))
            {
                WriteObject(manager.Create(request, PipelineStopToken));
            }
        });
    }
}
