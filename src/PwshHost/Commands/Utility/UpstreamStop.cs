// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Internal;
using System.Reflection;

namespace Microsoft.PowerShell.Commands;

/// <summary>The engine's signal that a command wants no more input, so that the commands before it end.</summary>
internal static class UpstreamStop
{
    private static readonly ConstructorInfo Constructor =
        typeof(PSObject).Assembly.GetType("System.Management.Automation.StopUpstreamCommandsException", throwOnError: true)!
            .GetConstructor(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic, [typeof(InternalCommand)])!;

    public static Exception Create(PSCmdlet requester) => (Exception)Constructor.Invoke([requester]);
}
