// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;

namespace BlksnapPS;

/// <summary>
/// Work that may sleep in the kernel for longer than a user waits after Ctrl+C. It runs on a thread of its own, which is left to itself
/// when the user does not wait any more: it comes to its end there, and what it made by then is undone.
/// </summary>
internal static class DetachedWork
{
    private const int Running = 0;
    private const int Finished = 1;
    private const int Abandoned = 2;

    /// <summary>Runs work and waits for its result.</summary>
    /// <param name="work">The work. It uses nothing that the caller closes.</param>
    /// <param name="undo">What becomes of a result that nobody gets. Its failures are nobody's either.</param>
    /// <param name="cancellation">Ends the wait at once.</param>
    /// <param name="mayBeCutOff">Whether the end of the process need not wait for it.</param>
    /// <returns>The result.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; there is no result, or there will be none.</exception>
    public static T Run<T>(Func<T> work, Action<T> undo, CancellationToken cancellation, bool mayBeCutOff = false)
        where T : class
    {
        T? result = null;
        ExceptionDispatchInfo? failure = null;
        int state = Running;

        // Not disposed of: whoever comes last still uses it.
        ManualResetEventSlim over = new();
        Thread thread = new(() =>
        {
            try
            {
                result = work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }

            if (Interlocked.CompareExchange(ref state, Finished, Running) == Abandoned)
            {
                Undo(result, undo);
            }

            over.Set();
        })
        {
            Name = "blksnap detached work",
            IsBackground = mayBeCutOff,
        };
        thread.Start();
        try
        {
            over.Wait(cancellation);
        }
        catch (OperationCanceledException)
        {
            if (Interlocked.CompareExchange(ref state, Abandoned, Running) == Finished)
            {
                Undo(result, undo);
            }

            throw;
        }

        failure?.Throw();
        return result!;
    }

    private static void Undo<T>(T? result, Action<T> undo)
        where T : class
    {
        if (result is null)
        {
            return;
        }

        try
        {
            undo(result);
        }
        catch (Exception e) when (e is Blksnap.Abi.BlksnapException or IOException or UnauthorizedAccessException)
        {
        }
    }
}
