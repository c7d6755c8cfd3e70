// SPDX-License-Identifier: MIT
using System.Text;
using Blksnap.Abi;
using Blksnap.Devices;
using Tmds.Linux;

namespace Blksnap.Simulation;

/// <summary>
/// The disks of a simulation. All files lie on one device more, so that storage can be a file on whatever file system the test
/// runs on.
/// </summary>
internal sealed unsafe class SimulatedDevices(SimulatedDriver driver) : IBlockDeviceSource, IFileLayout
{
    private const long Alignment = 1 << 20;

    private readonly Dictionary<string, ByteRange> _places = [];
    private readonly object _lock = new();
    private long _next;

    public BlockDevice? FromPath(string path) => driver.FromPath(path);

    public BlockDevice? FromId(DeviceId id) => driver.FromId(id);

    public IEnumerable<BlockDevice> All() => driver.All().Where(device => device.Id != SimulatedDriver.Files.Id);

    public string? ProbeContent(BlockDevice device) => driver.ProbeContent(device);

    public bool Clear(BlockDevice device, long offset, long length) => driver.Clear(device, offset, length);

    public BlockDevice DeviceOf(string path) => Path.Exists(path)
        ? SimulatedDriver.Files
        : throw new BlksnapException(ErrorIds.StorageNotFound, $"{path} does not exist or cannot be read.", string.Empty, Errno.ENOENT, path);

    public List<ByteRange>? Map(FileDescriptor file, string path, long length)
    {
        stat status;
        string entry = $"/proc/self/fd/{file.Number}";
        fixed (byte* name = Encoding.UTF8.GetBytes(entry + '\0'))
        {
            if (LibC.stat(name, &status) != 0 || (long)status.st_blocks * Sectors.Size < length)
            {
                return null;
            }
        }

        GC.KeepAlive(file);
        string identity = $"{status.st_dev}:{status.st_ino}";
        lock (_lock)
        {
            if (!_places.TryGetValue(identity, out ByteRange place) || place.Length < length)
            {
                long room = (length + Alignment - 1) / Alignment * Alignment;
                _places[identity] = place = new ByteRange(_next, room);
                _next += room;
            }

            return [new ByteRange(place.Offset, length)];
        }
    }
}
