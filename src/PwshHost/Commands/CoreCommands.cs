// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace PwshHost.Commands;

/// <summary>Puts the core commands that the engine package lacks into a session.</summary>
/// <remarks>They stand in for Microsoft.PowerShell.Utility and .Management, with their parameters and their meaning.</remarks>
internal static class CoreCommands
{
    public static void AddTo(InitialSessionState state)
    {
        foreach (Type type in typeof(CoreCommands).Assembly.GetTypes())
        {
            if (type.GetCustomAttribute<CmdletAttribute>() is { } cmdlet)
            {
                state.Commands.Add(new SessionStateCmdletEntry($"{cmdlet.VerbName}-{cmdlet.NounName}", type, helpFileName: null));
            }
        }
    }
}
