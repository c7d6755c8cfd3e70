// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Blksnap.Abi;

/// <summary>
/// Calls a thread back from a request that sleeps in the kernel, by a signal that does nothing else. So nobody has to wake up now and then
/// only to see whether he is still wanted.
/// </summary>
internal static unsafe partial class ThreadSignal
{
    // One of the real-time signals, for which the C library, the runtime and the usual programs have no use.
    private const int Signal = 46;
    private const int OnAlternateStack = 0x08000000;
    private const int FlagsOffset = 8 + 128;
    private const int ActionSize = 256;

    private static readonly Lazy<bool> s_ready = new(Install);

    /// <summary>Whether the signal can be used in this process.</summary>
    public static bool IsReady => s_ready.Value;

    /// <summary>The thread that runs, as <see cref="Send"/> takes it.</summary>
    public static int CurrentThread => IsReady ? GetThreadId() : 0;

    /// <summary>Interrupts a thread of this process. One that does not sleep in the kernel at this moment notices nothing.</summary>
    /// <param name="thread">The thread.</param>
    public static void Send(int thread) => _ = SendTo(Environment.ProcessId, thread, Signal);

    private static bool Install()
    {
        try
        {
            byte* action = stackalloc byte[ActionSize];
            new Span<byte>(action, ActionSize).Clear();
            if (SetAction(Signal, null, action) != 0 || *(nint*)action != 0)
            {
                // Somebody else has it.
                return false;
            }

            // The handler must not be managed code, which a signal may interrupt anywhere. A function that returns its argument is enough.
            *(nint*)action = NativeLibrary.GetExport(NativeLibrary.Load("libc", typeof(ThreadSignal).Assembly, null), "abs");
            *(int*)(action + FlagsOffset) = OnAlternateStack;
            return SetAction(Signal, action, null) == 0 && GetThreadId() > 0;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "sigaction")]
    private static partial int SetAction(int signal, void* action, void* previous);

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThreadId();

    [LibraryImport("libc", EntryPoint = "tgkill")]
    private static partial int SendTo(int process, int thread, int signal);
}
