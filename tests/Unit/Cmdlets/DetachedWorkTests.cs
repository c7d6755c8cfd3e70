// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using BlksnapPS;

namespace Unit.Cmdlets;

/// <summary>Work that Ctrl+C leaves to itself.</summary>
public sealed class DetachedWorkTests
{
    [Fact]
    public void A_result_and_a_failure_come_to_the_caller()
    {
        Assert.Equal("done", DetachedWork.Run(() => "done", _ => Assert.Fail("undone"), default));
        BlksnapException failure = new("Some", Errno.EIO, null);
        Assert.Same(failure, Assert.Throws<BlksnapException>(() => DetachedWork.Run<string>(() => throw failure, _ => { }, default)));
    }

    [Fact]
    public void A_result_that_comes_too_late_is_undone_once()
    {
        using ManualResetEventSlim go = new();
        using CancellationTokenSource stop = new();
        using SemaphoreSlim undone = new(0);
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => DetachedWork.Run(
            () =>
            {
                go.Wait();
                return "late";
            },
            result =>
            {
                Assert.Equal("late", result);
                undone.Release();
            },
            stop.Token));
        Assert.Equal(0, undone.CurrentCount);
        go.Set();
        Assert.True(undone.Wait(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void A_result_that_comes_with_the_cancellation_is_undone_once()
    {
        for (int round = 0; round < 200; round++)
        {
            using CancellationTokenSource stop = new();
            int undone = 0;
            int got = 0;
            try
            {
                DetachedWork.Run(
                    () =>
                    {
                        stop.Cancel();
                        return "at the same time";
                    },
                    _ => Interlocked.Increment(ref undone),
                    stop.Token);
                got = 1;
            }
            catch (OperationCanceledException)
            {
            }

            Assert.True(Engine.Until(() => Volatile.Read(ref undone) + got == 1));
        }
    }

    [Fact]
    public void A_failure_that_comes_too_late_is_nobodys()
    {
        using ManualResetEventSlim go = new();
        using ManualResetEventSlim over = new();
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => DetachedWork.Run<string>(
            () =>
            {
                try
                {
                    go.Wait();
                    throw new InvalidOperationException();
                }
                finally
                {
                    over.Set();
                }
            },
            _ => Assert.Fail("undone"),
            stop.Token));
        go.Set();
        Assert.True(over.Wait(TimeSpan.FromSeconds(20)));
    }
}
