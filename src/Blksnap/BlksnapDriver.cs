// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Support;

namespace Blksnap;

/// <summary>
/// A driver of generation 1 of the interface, with or without the extensions of this project's module.
/// One method per request; each throws <see cref="BlksnapException"/> when the driver refuses. Safe for use by several threads.
/// </summary>
/// <remarks>The requests are in the other parts of this class: trackers, snapshots, events, extensions.</remarks>
public sealed partial class BlksnapDriver : IDisposable
{
    private static readonly string[] s_nodes = ["/dev/blksnap", "/dev/veeamblksnap"];

    // Nodes of drivers that this library does not speak to, looked at only to say so.
    private static readonly string[] s_laterNodes = ["/dev/blksnap-control", "/dev/bdevfilter"];

    private readonly IControlChannel _channel;

    private BlksnapDriver(IControlChannel channel, DriverInfo info)
    {
        _channel = channel;
        Info = info;
    }

    /// <summary>Name of the environment variable that names the control node instead of the usual ones.</summary>
    public const string NodeVariable = "BLKSNAP_NODE";

    /// <summary>Where the driver is, who it is, what it can do.</summary>
    public DriverInfo Info { get; }

    /// <summary>
    /// Finds a driver and identifies it: the node that <see cref="NodeVariable"/> names, else <c>/dev/blksnap</c>,
    /// else <c>/dev/veeamblksnap</c>. Requests VERSION, then MOD.
    /// </summary>
    /// <returns>The driver.</returns>
    /// <exception cref="BlksnapException">
    /// <see cref="ErrorIds.DriverNotFound"/>, <see cref="ErrorIds.DriverAccessDenied"/> or <see cref="ErrorIds.UnsupportedGeneration"/>.
    /// </exception>
    public static BlksnapDriver Open()
    {
        if (Environment.GetEnvironmentVariable(NodeVariable) is { Length: > 0 } named)
        {
            return Open(named);
        }

        BlksnapException? last = null;
        foreach (string node in s_nodes)
        {
            try
            {
                return Open(node);
            }
            catch (BlksnapException e) when (e.ErrorId == ErrorIds.DriverNotFound)
            {
                last ??= e;
            }
        }

        if (s_laterNodes.FirstOrDefault(File.Exists) is { } later)
        {
            throw new BlksnapException(
                ErrorIds.UnsupportedGeneration,
                $"Only {later} exists, the control node of a later generation of the interface; generation 1 is needed.",
                "ControlOpen",
                Errno.ENOENT,
                later,
                last);
        }

        throw new BlksnapException(
            ErrorIds.DriverNotFound,
            $"No blksnap driver: neither {string.Join(" nor ", s_nodes)} can be opened. The kernel module is not loaded.",
            "ControlOpen",
            last!.Errno,
            s_nodes[0],
            last)
        {
            NextStep = MachineSupport.WhenNoDriver(),
        };
    }

    /// <summary>Opens a control node and identifies the driver behind it. Requests VERSION, then MOD.</summary>
    /// <param name="node">Path of the node.</param>
    /// <returns>The driver.</returns>
    /// <exception cref="BlksnapException">As for <see cref="Open()"/>.</exception>
    public static BlksnapDriver Open(string node)
    {
        IControlChannel channel;
        try
        {
            channel = ControlChannel.Open(node);
        }
        catch (BlksnapException e) when (e.Errno is Errno.ENOENT or Errno.ENXIO or Errno.ENODEV or Errno.ENOTDIR)
        {
            throw new BlksnapException(
                ErrorIds.DriverNotFound,
                e.Errno == Errno.ENXIO || e.Errno == Errno.ENODEV
                    ? $"{node} exists, but no driver is behind it. The kernel module is not loaded."
                    : $"{node} does not exist. The kernel module is not loaded.",
                e.Request,
                e.Errno,
                node,
                e)
            {
                NextStep = MachineSupport.WhenNoDriver(),
            };
        }
        catch (BlksnapException e) when (e.Errno is Errno.EACCES or Errno.EPERM)
        {
            throw new BlksnapException(
                ErrorIds.DriverAccessDenied, $"{node} may not be opened by this user.", e.Request, e.Errno, node, e);
        }

        try
        {
            return Open(channel);
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    /// <summary>Identifies the driver behind an open channel. Requests VERSION, then MOD.</summary>
    /// <param name="channel">The channel; it belongs to the returned object.</param>
    /// <returns>The driver.</returns>
    /// <exception cref="BlksnapException"><see cref="ErrorIds.UnsupportedGeneration"/>, or VERSION failed.</exception>
    public static BlksnapDriver Open(IControlChannel channel)
    {
        ArgumentNullException.ThrowIfNull(channel);
        return new BlksnapDriver(channel, DriverIdentification.Identify(channel));
    }

    /// <summary>Closes the channel. Snapshots stay: their life is not bound to it.</summary>
    public void Dispose() => _channel.Dispose();

    /// <summary>Sends a request; any error number becomes an exception.</summary>
    private int Send<T>(string name, uint request, ref T argument, string? target)
        where T : unmanaged
    {
        int result = TrySend(request, ref argument);
        return result >= 0 ? result : throw DriverErrors.Create(name, -result, target);
    }

    /// <summary>Sends a request.</summary>
    /// <returns>0 or more, or the negative error number.</returns>
    private unsafe int TrySend<T>(uint request, ref T argument)
        where T : unmanaged
    {
        fixed (T* address = &argument)
        {
            return _channel.Ioctl(request, (nint)address);
        }
    }
}
