// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Snapshots;
using Blksnap.Tracking;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>Get-ChangedBlocks: the ranges of devices that changed between an earlier snapshot and the present one.</summary>
[Cmdlet(VerbsCommon.Get, "ChangedBlocks", DefaultParameterSetName = ByDevice)]
[OutputType(typeof(ChangedRange), typeof(byte[]))]
public sealed class GetChangedBlocksCommand : BlksnapCommand
{
    private const string ByDevice = "Device";
    private const string BySnapshot = "Snapshot";

    private IReadOnlyList<ChangeToken> _since = [];

    /// <summary>Devices that a snapshot holds, or their images.</summary>
    [Parameter(
        Mandatory = true,
        Position = 0,
        ParameterSetName = ByDevice,
        ValueFromPipeline = true,
        ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "PSPath", "FullName", "Device", "Name")]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] DevicePath { get; set; } = [];

    /// <summary>Ids of snapshots: all their devices.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BySnapshot)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    public Guid[] Id { get; set; } = [];

    /// <summary>
    /// Where the earlier copies left off: the ChangeToken of each image that was copied, as it was or after a journey through CLIXML
    /// or JSON; of several tokens each device finds its own. Everything since tracking began if left out.
    /// </summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public object[] Since { get; set; } = [];

    /// <summary>The generation that numbers given to -Since belong to.</summary>
    [Parameter]
    public Guid? Generation { get; set; }

    /// <summary>Bytes: ranges with no more than this between them become one.</summary>
    [Parameter]
    [ValidateRange(0, long.MaxValue)]
    public long MergeGap { get; set; }

    /// <summary>Bytes: shorter ranges are widened to this, so that a copy has no pieces that are too small for it.</summary>
    [Parameter]
    [ValidateRange(0, long.MaxValue)]
    public long Minimum { get; set; }

    /// <summary>Put out the map itself, one byte a block, instead of ranges.</summary>
    [Parameter]
    public SwitchParameter Raw { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        try
        {
            if (Raw && (MergeGap > 0 || Minimum > 0))
            {
                throw new BlksnapException(
                    ErrorIds.RawAndRanges, "-Raw gives the map of changed blocks as it is: it has no ranges to merge or widen.", string.Empty, Errno.EINVAL, null);
            }

            _since = ChangeTokenArgument.Read(Since, Generation);
        }
        catch (BlksnapException e)
        {
            ThrowTerminatingError(ErrorRecords.Create(e, Since));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (KeyValuePair<string, DeviceId> device in ParameterSetName == BySnapshot ? DevicesOfSnapshots() : FindDevices(DevicePath, out _))
        {
            Attempt(device.Key, () => Show(device.Value));
        }
    }

    private List<KeyValuePair<string, DeviceId>> DevicesOfSnapshots()
    {
        List<KeyValuePair<string, DeviceId>> devices = [];
        foreach (Guid id in Id)
        {
            Attempt(id, () => devices.AddRange(Ask(() => new SnapshotManager(Driver).Get(id)).Devices
                .Select(device => new KeyValuePair<string, DeviceId>(device.DevicePath, device.Device))));
        }

        return devices;
    }

    private void Show(DeviceId device)
    {
        ChangeTracking tracking = new(Driver);
        if (Raw)
        {
            WriteObject(Ask(() => tracking.GetChangeMap(device, _since)), enumerateCollection: false);
            return;
        }

        foreach (ChangedRange range in Ask(() => tracking.GetChangedRanges(device, _since, MergeGap, Minimum)))
        {
            WriteObject(range);
        }
    }
}
