// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text;
using Blksnap.Abi;
using BlksnapPS.Completers;

namespace BlksnapPS.Commands;

/// <summary>
/// Write-BlkSimulationDisk: writes to a simulated disk as whoever has it mounted would; the change is tracked, and snapshots keep the old content.
/// </summary>
[Cmdlet(VerbsCommunications.Write, "BlkSimulationDisk", SupportsShouldProcess = true, DefaultParameterSetName = ByLength)]
public sealed class WriteBlkSimulationDiskCommand : SimulationCommand
{
    private const string ByLength = "Length";
    private const string ByValue = "Value";
    private const int Piece = 1 << 20;

    /// <summary>The disks: their paths or names.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Path", "Disk")]
    [ArgumentCompleter(typeof(DevicePathCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] DevicePath { get; set; } = [];

    /// <summary>Bytes from the start of the disk.</summary>
    [Parameter(Position = 1)]
    [ValidateRange(0, long.MaxValue)]
    public long Offset { get; set; }

    /// <summary>What to write: bytes, or text, of which the UTF-8 bytes are written.</summary>
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = ByValue)]
    [ValidateNotNullOrEmpty]
    public object Value { get; set; } = string.Empty;

    /// <summary>So many random bytes are written.</summary>
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = ByLength)]
    [ValidateRange(1, long.MaxValue)]
    public long Length { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        ForEachDisk(DevicePath, disk =>
        {
            byte[]? value = ParameterSetName == ByValue ? ToBytes() : null;
            long length = value?.Length ?? Length;
            if (!ShouldProcess(disk.DevicePath, $"Write {DisplayText.Size(length)} at {Offset}"))
            {
                return;
            }

            for (long done = 0; done < length && !Stopping;)
            {
                byte[] piece = value ?? new byte[(int)Math.Min(Piece, length - done)];
                if (value is null)
                {
                    Random.Shared.NextBytes(piece);
                }

                disk.Write(Offset + done, piece);
                done += piece.Length;
            }
        });
    }

    private byte[] ToBytes() => (Value is PSObject wrapped ? wrapped.BaseObject : Value) switch
    {
        string text => Encoding.UTF8.GetBytes(text),
        object bytes when LanguagePrimitives.TryConvertTo(bytes, out byte[] converted) => converted,
        _ => throw new BlksnapException(
            "SimulatedWrite,EINVAL", $"\"{LanguagePrimitives.ConvertTo<string>(Value)}\" is neither a text nor bytes, which are 0 to 255.", "SimulatedWrite", Errno.EINVAL, null)
        {
            NextStep = "Give -Value a text, or bytes: 255, [byte[]](1, 2, 3).",
        },
    };
}
