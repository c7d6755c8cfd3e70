// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Runspaces;

namespace PwshHost.Hosting;

/// <summary>The engine's view of this program.</summary>
internal sealed class ConsoleHost(bool nonInteractive) : PSHost, IHostSupportsInteractiveSession
{
    private readonly Stack<Runspace> runspaces = new();

    public ConsoleUserInterface UserInterface { get; } = new(nonInteractive);

    /// <summary>Set once a script asked the host to end.</summary>
    public int? ExitCode { get; private set; }

    // Scripts look for this name to learn whether a person sits at a console.
    public override string Name => "ConsoleHost";

    public override Version Version { get; } = typeof(PSObject).Assembly.GetName().Version!;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override PSHostUserInterface UI => UserInterface;

    public override CultureInfo CurrentCulture { get; } = CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture { get; } = CultureInfo.CurrentUICulture;

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    public override void EnterNestedPrompt() => throw new PSNotSupportedException("This host has no nested prompts.");

    public override void ExitNestedPrompt() => throw new PSNotSupportedException("This host has no nested prompts.");

    public override void NotifyBeginApplication() => UserInterface.FinishProgress();

    public override void NotifyEndApplication()
    {
    }

    public bool IsRunspacePushed => runspaces.Count > 1;

    public Runspace Runspace => runspaces.Peek();

    public void PushRunspace(Runspace runspace) => runspaces.Push(runspace);

    public void PopRunspace()
    {
        if (IsRunspacePushed)
        {
            runspaces.Pop();
        }
    }
}
