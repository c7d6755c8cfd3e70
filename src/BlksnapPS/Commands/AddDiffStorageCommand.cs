// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Snapshots;
using Blksnap.Storage;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>Add-DiffStorage: gives a snapshot more difference storage, as often as needed and while it is in use.</summary>
[Cmdlet(VerbsCommon.Add, "DiffStorage", SupportsShouldProcess = true)]
[OutputType(typeof(DiffStorageRange))]
public sealed class AddDiffStorageCommand : BlksnapCommand
{
    /// <summary>Id of the snapshot.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SnapshotId")]
    [SnapshotIdTransformation]
    [ArgumentCompleter(typeof(SnapshotIdCompleter))]
    public Guid Id { get; set; }

    /// <summary>Files, directories, devices, or ranges such as /dev/sdb:1GiB+4GiB.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [Alias("DiffStorage")]
    [DevicePathTransformation]
    [ArgumentCompleter(typeof(DiffStorageCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Bytes of each storage that is a directory, a new file, or to be used in part.</summary>
    [Parameter]
    [Alias("DiffStorageSize")]
    [ValidateRange(1, long.MaxValue)]
    public long Size { get; set; }

    /// <summary>Use storage devices that carry a file system or are mounted, and ranges of devices of the snapshot.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Put out the ranges that were added.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        SnapshotManager manager = new(Driver);
        IReadOnlyList<DeviceId> origins = [];
        if (!Attempt(Id, () => origins = [.. Ask(() => manager.Get(Id)).Devices.Select(device => device.Device)]))
        {
            return;
        }

        foreach (string path in Path)
        {
            Attempt(path, () => Add(manager, origins, path));
        }
    }

    private void Add(SnapshotManager manager, IReadOnlyList<DeviceId> origins, string path)
    {
        DiffStorageSpec spec = DiffStorageSpec.Parse(path, Size == 0 ? null : Size);
        Ask(() => manager.CheckStorage(spec, Force, origins));
        if (!ShouldProcess($"snapshot {Id}", $"Add difference storage on {spec}"))
        {
            return;
        }

        CancellationToken stop = StopToken;
        IReadOnlyList<DiffStorageRange> added = Finish(
            driver => new SnapshotManager(driver).AddStorage(Id, spec, Force, stop));
        if (PassThru)
        {
            WriteObject(added, enumerateCollection: true);
        }
    }
}
