// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Snapshots;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>A command that shows something of snapshots: of all, or of those with an id or a device.</summary>
public abstract class SnapshotQueryCommand : BlksnapCommand
{
    private bool _named;

    /// <summary>Ids of snapshots; all if left out.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation(RemembersLines = true)]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    [ValidateNotNull]
    public Guid[]? Id { get; set; }

    /// <summary>Only snapshots of these devices.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "PSPath", "FullName", "Device", "Name")]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    public string[]? DevicePath { get; set; }

    /// <summary>The snapshots of the driver.</summary>
    private protected SnapshotManager Manager => new(Driver);

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _named = MyInvocation.BoundParameters.ContainsKey(nameof(Id)) || MyInvocation.BoundParameters.ContainsKey(nameof(DevicePath));
        if (DevicePath is null && MyInvocation.BoundParameters.ContainsKey(nameof(DevicePath)))
        {
            ThrowTerminatingError(ErrorRecords.Create(NothingNamed(), null));
        }
    }

    /// <inheritdoc/>
    protected sealed override void ProcessRecord()
    {
        // Get-Content says of each line, which is an id here, where it was read.
        if (!_named && SnapshotIdTransformationAttribute.AreLinesOfFile(Id))
        {
            DevicePath = null;
        }

        // An object whose id is missing must not stand for all snapshots; an event without a device is one of its snapshot.
        if (Id is null && DevicePath is null && MyInvocation.ExpectingInput)
        {
            WriteError(ErrorRecords.Create(NothingNamed(), null));
            return;
        }

        HashSet<DeviceId>? devices = null;
        if (DevicePath is not null)
        {
            devices = [.. FindDevices(DevicePath, out _).Select(found => found.Value)];
            if (devices.Count == 0)
            {
                return;
            }
        }

        List<Snapshot> snapshots = [];
        if (Id is null)
        {
            Attempt(null, () => snapshots.AddRange(Ask(Manager.GetAll)));
        }
        else
        {
            foreach (Guid id in Id)
            {
                Attempt(id, () => snapshots.Add(Ask(() => Manager.Get(id))));
            }
        }

        foreach (Snapshot snapshot in snapshots)
        {
            if (devices is null || snapshot.Devices.Any(device => devices.Contains(device.Device)))
            {
                Show(snapshot, devices);
            }
        }
    }

    private static BlksnapException NothingNamed() => new(
        ErrorIds.DeviceNotFound, "No device was named: the value given for it is null.", string.Empty, Errno.EINVAL, null);

    /// <summary>Puts out what the command shows of a snapshot.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="devices">The devices that were asked for; null for all.</param>
    private protected abstract void Show(Snapshot snapshot, IReadOnlySet<DeviceId>? devices);
}
