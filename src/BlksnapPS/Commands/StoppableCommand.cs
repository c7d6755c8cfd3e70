// SPDX-License-Identifier: MIT
using System.Management.Automation;

namespace BlksnapPS.Commands;

/// <summary>A command whose work ends early when the pipeline is stopped.</summary>
public abstract class StoppableCommand : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>
    /// Cancelled when the pipeline is stopped; what may outlive the command keeps a copy. (The engine has such a token itself, but only from 7.6 on.)
    /// </summary>
    private protected CancellationToken StopToken => _stop.Token;

    /// <summary>Lets go of what the command has open.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    protected override void StopProcessing()
    {
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It comes from another thread, and may find the command at its end.
        }
    }

    /// <summary>Lets go of what the command has open.</summary>
    /// <param name="disposing">Whether this is not the finalizer.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stop.Dispose();
        }
    }
}
