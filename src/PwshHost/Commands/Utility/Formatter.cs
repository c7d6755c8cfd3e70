// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Reflection;
using Microsoft.PowerShell.Commands.Internal.Format;

namespace Microsoft.PowerShell.Commands;

/// <summary>Reaches the engine's formatter, whose base classes are public and whose parts are not.</summary>
internal static class Formatter
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
    private const string Namespace = "Microsoft.PowerShell.Commands.Internal.Format.";

    private static readonly FieldInfo Implementation = typeof(FrontEndCommandBase).GetField("implementation", Any)
        ?? throw new MissingFieldException(nameof(FrontEndCommandBase), "implementation");

    /// <summary>Makes a command one that turns objects into formatting of the given shape.</summary>
    public static void Attach(FrontEndCommandBase command, string shape) => Implementation.SetValue(
        command, New("InnerFormatShapeCommand", Enum.Parse(Find("FormatShape"), shape)));

    /// <summary>Makes a command one that writes formatted text to a writer.</summary>
    public static void Attach(FrontEndCommandBase command, TextWriter writer, int columns, bool noNewline)
    {
        object output = New("TextWriterLineOutput", writer, columns, noNewline);
        object manager = New("OutputManagerInner");
        manager.GetType().GetProperty("LineOutput", Any)!.SetValue(manager, output);
        Implementation.SetValue(command, manager);
    }

    /// <summary>The width for text that does not go to the terminal: the terminal's, less the column where it would wrap.</summary>
    public static int Columns(PSCmdlet command, int width) => width > 0 ? width : Math.Max(command.Host.UI.RawUI.BufferSize.Width, 2) - 1;

    private static Type Find(string name) => typeof(PSObject).Assembly.GetType(Namespace + name, throwOnError: true)!;

    private static object New(string name, params object[] arguments) =>
        Activator.CreateInstance(Find(name), Any, binder: null, arguments, culture: null)!;
}
