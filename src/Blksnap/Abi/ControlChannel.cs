// SPDX-License-Identifier: MIT
using Tmds.Linux;

namespace Blksnap.Abi;

/// <summary>The way to a driver: one request at a time, the argument at an address in this process.</summary>
public interface IControlChannel : IDisposable
{
    /// <summary>The control node that the channel leads to, for example <c>/dev/blksnap</c>.</summary>
    string Node { get; }

    /// <summary>Sends one request.</summary>
    /// <param name="request">Request code.</param>
    /// <param name="argument">Address of the argument structure.</param>
    /// <returns>What the driver returns (0 or more), or the negative error number.</returns>
    int Ioctl(uint request, nint argument);

    /// <summary>Whether <see cref="Interrupt"/> does anything.</summary>
    bool CanInterrupt => false;

    /// <summary>
    /// Has the request that another thread waits in return EINTR. A thread that is only about to send one does not notice, so this is repeated
    /// until the thread has got out.
    /// </summary>
    void Interrupt()
    {
    }
}

/// <summary>Opens the control node of the kernel module.</summary>
public static class ControlChannel
{
    private static readonly Replaceable<Func<string, IControlChannel>> s_factory = new(static node => new DeviceNodeChannel(node));

    /// <summary>
    /// Opens a control node. The implementation can be exchanged by <see cref="Use"/>.
    /// </summary>
    /// <param name="node">Path of the node.</param>
    /// <returns>An open channel.</returns>
    /// <exception cref="BlksnapException">
    /// The node cannot be opened: <c>ENOENT</c> there is none, <c>ENXIO</c> the node is there without a driver behind it,
    /// <c>EACCES</c> or <c>EPERM</c> no permission.
    /// </exception>
    public static IControlChannel Open(string node) => s_factory.Value(node);

    /// <summary>
    /// Has all channels opened by another factory, for tests and simulations, until the returned object is disposed.
    /// </summary>
    /// <param name="factory">Opens a channel to a node; throws <see cref="BlksnapException"/> as <see cref="Open"/> does.</param>
    /// <returns>Disposing it brings the previous factory back.</returns>
    public static IDisposable Use(Func<string, IControlChannel> factory) => s_factory.Use(factory);

    /// <summary>As <see cref="Use"/>, for the caller and the threads that it starts only.</summary>
    internal static IDisposable UseHere(Func<string, IControlChannel> factory) => s_factory.UseHere(factory);

    private sealed unsafe class DeviceNodeChannel : IControlChannel
    {
        private readonly FileDescriptor _handle;

        // The thread whose request is under way, 0 if there is none. With several at once, one of them.
        private int _thread;

        public DeviceNodeChannel(string node)
        {
            Node = node;
            _handle = FileDescriptor.Open(node, LibC.O_RDWR | LibC.O_CLOEXEC, "ControlOpen");
        }

        public string Node { get; }

        public bool CanInterrupt => ThreadSignal.IsReady;

        public int Ioctl(uint request, nint argument)
        {
            Volatile.Write(ref _thread, ThreadSignal.CurrentThread);
            int result = _handle.Ioctl(request, (void*)argument);
            Volatile.Write(ref _thread, 0);
            return result;
        }

        public void Interrupt()
        {
            if (Volatile.Read(ref _thread) is var thread and not 0)
            {
                ThreadSignal.Send(thread);
            }
        }

        public void Dispose() => _handle.Dispose();
    }
}
