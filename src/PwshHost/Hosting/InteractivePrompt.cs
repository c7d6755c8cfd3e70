// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace PwshHost.Hosting;

/// <summary>Reads statements until one ends the session.</summary>
internal sealed class InteractivePrompt(Session session, ConsoleHost host, CommandLine options)
{
    private readonly LineEditor editor =
        new(host.UserInterface, input => Complete(session.Runspace, input.Text, input.Cursor), HistoryFile.OfUser);

    public void Run()
    {
        if (!options.NoLogo && !Console.IsInputRedirected)
        {
            host.UI.WriteLine($"PowerShell {Program.Version}");
        }

        while (host.ExitCode is null)
        {
            string? statement = ReadStatement();
            if (statement is null)
            {
                return;
            }

            if (!string.IsNullOrWhiteSpace(statement))
            {
                // What comes through a pipe is not typed, and is nobody's history.
                if (!Console.IsInputRedirected)
                {
                    editor.Remember(statement);
                }

                session.Execute(new Command(statement, isScript: true, useLocalScope: false), input: null, addToHistory: true);
            }
        }
    }

    // A statement may go over several lines; an empty one ends it as it is, so that its error is seen.
    private string? ReadStatement()
    {
        string? text = ReadLine(PromptText());
        while (text is not null && Session.IsIncomplete(text))
        {
            string? more = ReadLine(">> ");
            if (more is null)
            {
                return string.Empty;
            }

            if (more.Length == 0)
            {
                break;
            }

            text += "\n" + more;
        }

        return text;
    }

    private string? ReadLine(string prompt)
    {
        if (Console.IsInputRedirected || Console.IsOutputRedirected)
        {
            host.UI.Write(prompt);
            return Console.In.ReadLine();
        }

        return editor.ReadLine(prompt);
    }

    private string PromptText()
    {
        try
        {
            using PowerShell shell = PowerShell.Create();
            shell.Runspace = session.Runspace;
            Collection<string> answer = shell.AddCommand("prompt").Invoke<string>();
            return answer.Count > 0 && !string.IsNullOrEmpty(answer[0]) ? answer[0] : "PS>";
        }
        catch (RuntimeException)
        {
            return "PS>";
        }
    }

    private static CommandCompletion Complete(Runspace runspace, string text, int cursor)
    {
        using PowerShell shell = PowerShell.Create();
        shell.Runspace = runspace;
        return CommandCompletion.CompleteInput(text, cursor, null, shell);
    }
}
