// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace PwshHost.Hosting;

/// <summary>The few settings of the engine that pwsh's own console uses and that are not public.</summary>
internal sealed class EngineContext
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private readonly object context;
    private readonly PropertyInfo rethrowExit;

    public EngineContext(Runspace runspace)
    {
        context = Property(runspace.GetType(), "ExecutionContext").GetValue(runspace)!;
        rethrowExit = Property(context.GetType(), "ScriptCommandProcessorShouldRethrowExit");
    }

    /// <summary>Whether "exit" in a script file that is run directly reaches the host, and does not only end the script.</summary>
    public void ExitLeavesScript(bool value) => rethrowExit.SetValue(context, value);

    /// <summary>Makes Out-Default treat an error record as one from the error stream, and not as an object to show.</summary>
    public static PSObject MarkAsError(ErrorRecord error)
    {
        PSObject wrapped = PSObject.AsPSObject(error);
        PropertyInfo stream = Property(typeof(PSObject), "WriteStream");
        stream.SetValue(wrapped, Enum.Parse(stream.PropertyType, "Error"));
        return wrapped;
    }

    private static PropertyInfo Property(Type type, string name) =>
        type.GetProperty(name, Any) ?? throw new MissingMemberException(type.FullName, name);
}
