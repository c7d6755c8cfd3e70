// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;

namespace BlksnapPS.Commands;

/// <summary>
/// What all commands share: the driver, which is opened once for a pipeline, errors per item, and the end by Ctrl+C.
/// </summary>
public abstract class BlksnapCommand : StoppableCommand
{
    private BlksnapDriver? _driver;

    /// <summary>The driver; there is one from <see cref="BeginProcessing"/> on.</summary>
    private protected BlksnapDriver Driver => _driver ?? throw new PipelineStoppedException();

    /// <summary>Opens the driver. Without one, nothing further down the pipeline can work.</summary>
    protected override void BeginProcessing()
    {
        try
        {
            _driver = BlksnapDriver.Open();
        }
        catch (BlksnapException e)
        {
            ThrowTerminatingError(ErrorRecords.Create(e, null));
        }
    }

    /// <summary>Closes the driver.</summary>
    /// <param name="disposing">Whether this is not the finalizer.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _driver?.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Does something for one item; its failure is an error of that item, and the pipeline goes on.</summary>
    /// <param name="target">The item.</param>
    /// <param name="action">What to do.</param>
    /// <returns>Whether it went well.</returns>
    private protected bool Attempt(object? target, Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (OperationCanceledException) when (StopToken.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception e) when (e is BlksnapException or IOException or UnauthorizedAccessException)
        {
            WriteError(ErrorRecords.Create(e, target));
            return false;
        }
    }

    /// <summary>
    /// Asks something that may have to wait: for the take of another program, or for a device that hangs. After Ctrl+C nobody waits for the
    /// answer. The driver is closed then, so that nothing comes after the request that is under way.
    /// </summary>
    private protected T Ask<T>(Func<T> question)
        where T : class
        => DetachedWork.Run(question, static _ => { }, StopToken, mayBeCutOff: true);

    /// <summary>As above, where there is no answer but a failure.</summary>
    private protected void Ask(Action request) => Ask<object>(() =>
    {
        request();
        return this;
    });

    /// <summary>
    /// Does something that comes to its end also when nobody waits for it any more, with a driver of its own: that of the command is closed by then.
    /// </summary>
    private protected T Finish<T>(Func<BlksnapDriver, T> work)
        where T : class
    {
        StopToken.ThrowIfCancellationRequested();
        return DetachedWork.Run(
            () =>
            {
                using BlksnapDriver driver = BlksnapDriver.Open();
                return work(driver);
            },
            static _ => { },
            StopToken);
    }

    /// <summary>Looks up the device behind each path; a path without one is an error of that path.</summary>
    /// <param name="paths">Paths of devices, or <c>major:minor</c> of devices that are gone.</param>
    /// <param name="failed">Whether a path was without a device.</param>
    /// <returns>The devices that were found, each once.</returns>
    private protected List<KeyValuePair<string, DeviceId>> FindDevices(IEnumerable<string> paths, out bool failed)
    {
        List<KeyValuePair<string, DeviceId>> found = [];
        bool allFound = true;
        foreach (string path in paths)
        {
            allFound &= Attempt(path, () =>
            {
                DeviceId device = DeviceId.TryParse(path, out DeviceId number) ? number : BlockDevices.FromPath(path).Id;
                if (!found.Exists(other => other.Value == device))
                {
                    found.Add(new(path, device));
                }
            });
        }

        failed = !allFound;
        return found;
    }
}
