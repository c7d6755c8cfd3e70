// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Text.RegularExpressions;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Devices;

namespace Unit.Cmdlets;

/// <summary>What a pipeline gave.</summary>
/// <param name="Output">Objects, in order.</param>
/// <param name="Errors">Error records, in order; a terminating one is the last.</param>
/// <param name="IsTerminated">Whether the pipeline ended by an error.</param>
internal sealed record EngineResult(IReadOnlyList<PSObject> Output, IReadOnlyList<ErrorRecord> Errors, bool IsTerminated)
{
    /// <summary>The only object, which is of a type.</summary>
    public T Single<T>() => Assert.IsType<T>(Assert.Single(Output).BaseObject);

    /// <summary>All objects, which are of a type.</summary>
    public IReadOnlyList<T> All<T>() => [.. Output.Select(item => Assert.IsType<T>(item.BaseObject))];

    /// <summary>The only error, with an id and a category, which tells the next step.</summary>
    public ErrorRecord Error(string id, ErrorCategory category)
    {
        ErrorRecord error = Assert.Single(Errors);
        Assert.Equal(id, error.FullyQualifiedErrorId[..error.FullyQualifiedErrorId.LastIndexOf(',')]);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.False(string.IsNullOrWhiteSpace(error.ErrorDetails.RecommendedAction));
        return error;
    }

    /// <summary>Asserts that there was no error.</summary>
    public EngineResult Ok()
    {
        Assert.True(Errors.Count == 0, string.Join('\n', Errors.Select(error => $"{error.FullyQualifiedErrorId}: {error.Exception}")));
        return this;
    }
}

/// <summary>The real engine with the module imported through its manifest, as a user has it.</summary>
internal sealed class Engine : IDisposable
{
    private readonly Runspace _runspace;
    private readonly CapturingHost _host;

    /// <summary>Opens a runspace.</summary>
    /// <param name="columns">Width of the terminal.</param>
    /// <param name="withCoreCommands">With the commands of PowerShell that its engine's package lacks.</param>
    public Engine(int columns = 120, bool withCoreCommands = false)
    {
        _host = new CapturingHost(columns);
        InitialSessionState state = InitialSessionState.CreateDefault2();
        if (withCoreCommands)
        {
            PwshHost.Commands.CoreCommands.AddTo(state);
        }

        state.ThrowOnRunspaceOpenError = true;
        state.ImportPSModule(Manifest);
        _runspace = RunspaceFactory.CreateRunspace(_host, state);
        _runspace.Open();
    }

    /// <summary>The manifest, which the build puts beside the assemblies.</summary>
    public static string Manifest => Path.Combine(AppContext.BaseDirectory, "BlksnapPS.psd1");

    public Runspace Runspace => _runspace;

    public PSEventManager Events => _runspace.Events;

    /// <summary>Sets a variable of the session.</summary>
    public Engine With(string name, object? value)
    {
        _runspace.SessionStateProxy.SetVariable(name, value);
        return this;
    }

    public object? Variable(string name) => _runspace.SessionStateProxy.GetVariable(name);

    /// <summary>Runs a script to its end, or to the first error that ends a pipeline.</summary>
    public EngineResult Run(string script)
    {
        DateTime limit = DateTime.UtcNow.AddSeconds(60);
        for (; ; )
        {
            try
            {
                return RunOnce(script);
            }
            catch (PSInvalidOperationException) when (DateTime.UtcNow < limit)
            {
                // The action of an event has the engine right now: nothing was run.
                Thread.Sleep(10);
            }
        }
    }

    private EngineResult RunOnce(string script)
    {
        // On its own such an error would only end the statement, and look like any other.
        using PowerShell shell = Create($"try {{ {script} }} catch {{ throw }}");
        PSDataCollection<PSObject> output = [];
        bool terminated = false;
        List<ErrorRecord> errors = [];
        try
        {
            shell.Invoke(null, output);
        }
        catch (RuntimeException e)
        {
            terminated = true;
            errors.Add(e.ErrorRecord);
        }

        return new EngineResult([.. output], [.. shell.Streams.Error, .. errors], terminated);
    }

    /// <summary>What the user sees of the output of a script.</summary>
    public IReadOnlyList<string> Print(string script)
    {
        Run($"{script} | Out-Default").Ok();
        return [.. _host.Lines.Select(line => Regex.Replace(line, @"\e\[[0-9;]*m", string.Empty))];
    }

    /// <summary>What was shown so far, as the host got it.</summary>
    public IReadOnlyList<string> Screen => _host.Lines;

    /// <summary>A pipeline that is not started yet.</summary>
    public PowerShell Create(string script)
    {
        PowerShell shell = PowerShell.Create(_runspace);
        shell.AddScript(script);
        return shell;
    }

    /// <summary>What the user is offered at the end of a line.</summary>
    public IReadOnlyList<CompletionResult> Complete(string line)
    {
        using PowerShell shell = PowerShell.Create(_runspace);
        return [.. CommandCompletion.CompleteInput(line, line.Length, null, shell).CompletionMatches];
    }

    /// <summary>Waits until something holds; the limit only bounds a hang.</summary>
    public static bool Until(Func<bool> condition)
    {
        DateTime limit = DateTime.UtcNow.AddSeconds(60);
        while (!condition())
        {
            if (DateTime.UtcNow > limit)
            {
                return false;
            }

            Thread.Sleep(10);
        }

        return true;
    }

    public void Dispose() => _runspace.Dispose();
}

/// <summary>A simulated driver with some devices, and an engine over it.</summary>
public abstract class CmdletTest : IDisposable
{
    internal const long MiB = 1 << 20;

    internal SimulatedDriver Driver { get; private set; }

    internal Engine Engine { get; } = new();

    internal BlockDevice First { get; }

    internal BlockDevice Second { get; }

    internal BlockDevice Store { get; }

    private protected CmdletTest()
    {
        Driver = new SimulatedDriver();
        (First, Second, Store) = AddDevices(Driver);
    }

    /// <summary>Replaces the driver by one of another kind, with devices of the same names.</summary>
    internal void Replace(SimulatedFlavor flavor)
    {
        Driver.Dispose();
        Driver = new SimulatedDriver(flavor);
        AddDevices(Driver);
    }

    internal EngineResult Run(string script) => Engine.Run(script);

    /// <summary>Takes a snapshot of the first device, or of others.</summary>
    internal Snapshot Take(string devices = "/dev/fake0", string storage = "/dev/store") =>
        Run($"New-BlkSnapshot {devices} -DiffStorage {storage}").Ok().Single<Snapshot>();

    /// <summary>A snapshot whose first event, the request for storage at its creation, was read.</summary>
    internal Snapshot TakeQuiet()
    {
        Snapshot snapshot = Take();
        Run($"Wait-BlkSnapshotEvent {snapshot.Id} -Timeout 10").Ok().Single<SnapshotEvent>();
        return snapshot;
    }

    /// <summary>Whether no registration is left, nor anything of one; the session keeps one hidden subscription for all actions.</summary>
    internal bool HasNoSubscriber() => Engine.Events.Subscribers is [] or [{ SupportEvent: true }];

    public virtual void Dispose()
    {
        Engine.Dispose();
        Driver.Dispose();
        GC.SuppressFinalize(this);
    }

    private static (BlockDevice First, BlockDevice Second, BlockDevice Store) AddDevices(SimulatedDriver driver) => (
        driver.AddDevice("/dev/fake0", 64 * MiB, change: device => device with { MountPoints = ["/srv/data"], Model = "Fake Disk" }),
        driver.AddDevice("/dev/fake1", 32 * MiB),
        driver.AddDevice("/dev/store", 256 * MiB));
}
