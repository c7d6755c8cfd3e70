// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace PwshHost.Commands;

/// <summary>Puts the core commands that the engine package lacks into a session.</summary>
/// <remarks>
/// They stand in for Microsoft.PowerShell.Utility and .Management, with their parameters and their meaning, and carry
/// these names too: the engine's own completion asks for Microsoft.PowerShell.Management\Resolve-Path and the like.
/// </remarks>
internal static class CoreCommands
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.NonPublic;

    private static readonly HashSet<string> ManagementNouns =
    [
        "ChildItem", "Content", "Item", "ItemProperty", "ItemPropertyValue", "Location", "Path", "Process", "PSDrive",
    ];

    public static void AddTo(InitialSessionState state)
    {
        PSSnapInInfo management = Source("Microsoft.PowerShell.Management");
        PSSnapInInfo utility = Source("Microsoft.PowerShell.Utility");
        MethodInfo setSource = typeof(InitialSessionStateEntry).GetMethod("SetPSSnapIn", Any)
            ?? throw new MissingMethodException(nameof(InitialSessionStateEntry), "SetPSSnapIn");
        foreach (Type type in typeof(CoreCommands).Assembly.GetTypes())
        {
            if (type.GetCustomAttribute<CmdletAttribute>() is { } cmdlet)
            {
                SessionStateCmdletEntry entry = new($"{cmdlet.VerbName}-{cmdlet.NounName}", type, helpFileName: null);
                setSource.Invoke(entry, [ManagementNouns.Contains(cmdlet.NounName) ? management : utility]);
                state.Commands.Add(entry);
            }
        }
    }

    // How the engine marks its own commands as Microsoft.PowerShell.Core's.
    private static PSSnapInInfo Source(string name)
    {
        Assembly assembly = typeof(CoreCommands).Assembly;
        Version version = new(7, 0, 0, 0);
        object?[] arguments =
        [
            name, true, AppContext.BaseDirectory, assembly.FullName, assembly.Location, new Version(7, 0), version,
            new Collection<string>(), new Collection<string>(), string.Empty, string.Empty,
        ];
        return (PSSnapInInfo)Activator.CreateInstance(typeof(PSSnapInInfo), Any, binder: null, arguments, culture: null)!;
    }
}
