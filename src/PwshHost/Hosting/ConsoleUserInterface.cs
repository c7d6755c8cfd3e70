// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;
using System.Text;
using System.Text.RegularExpressions;

namespace PwshHost.Hosting;

/// <summary>Text to the terminal, questions to the person at it.</summary>
internal sealed partial class ConsoleUserInterface(bool nonInteractive) : PSHostUserInterface, IHostUISupportsMultipleChoiceSelection
{
    private readonly Lock gate = new();
    private readonly ProgressDisplay progress = new();
    private readonly Queue<string> deferred = new();
    private bool deferring;

    [GeneratedRegex(@"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)")]
    private static partial Regex Escapes();

    public override PSHostRawUserInterface RawUI { get; } = new ConsoleRawUserInterface();

    public override bool SupportsVirtualTerminal { get; } = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>While a line is edited, what event actions write is kept, so that it does not land in the middle of the line.</summary>
    public void Defer(bool value)
    {
        lock (gate)
        {
            deferring = value;
        }
    }

    /// <returns>What was kept since the last call, or null.</returns>
    public string? TakeDeferred()
    {
        lock (gate)
        {
            if (deferred.Count == 0)
            {
                return null;
            }

            string all = string.Concat(deferred);
            deferred.Clear();
            return all;
        }
    }

    public void FinishProgress()
    {
        lock (gate)
        {
            progress.Clear();
        }
    }

    public override void Write(string value)
    {
        lock (gate)
        {
            string text = Plain(value, SupportsVirtualTerminal);
            if (deferring)
            {
                deferred.Enqueue(text);
                return;
            }

            progress.Clear();
            Console.Out.Write(text);
        }
    }

    public override void WriteLine(string value) => Write(value + "\n");

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        Write(SupportsVirtualTerminal ? Paint(foregroundColor, backgroundColor, value) : value);

    // The reset stands before the line feed, or the background would colour the next line.
    public override void WriteLine(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value)
    {
        Write(foregroundColor, backgroundColor, value);
        WriteLine(string.Empty);
    }

    private string Paint(ConsoleColor foreground, ConsoleColor background, string value)
    {
        StringBuilder text = new();
        text.Append(PSStyle.MapForegroundColorToEscapeSequence(foreground));
        if (background != RawUI.BackgroundColor)
        {
            text.Append(PSStyle.MapBackgroundColorToEscapeSequence(background));
        }

        return text.Append(value).Append("\x1b[0m").ToString();
    }

    public override void WriteErrorLine(string value)
    {
        lock (gate)
        {
            bool colour = !Console.IsErrorRedirected && SupportsVirtualTerminal;
            string text = colour && !value.Contains('\x1b', StringComparison.Ordinal)
                ? PSStyle.Instance.Formatting.Error + value + PSStyle.Instance.Reset
                : Plain(value, colour);
            if (deferring)
            {
                deferred.Enqueue(text + "\n");
                return;
            }

            progress.Clear();
            Console.Error.WriteLine(text);
        }
    }

    public override void WriteDebugLine(string message) => Labelled("DEBUG: ", message, PSStyle.Instance.Formatting.Debug);

    public override void WriteVerboseLine(string message) => Labelled("VERBOSE: ", message, PSStyle.Instance.Formatting.Verbose);

    public override void WriteWarningLine(string message) => Labelled("WARNING: ", message, PSStyle.Instance.Formatting.Warning);

    private void Labelled(string label, string message, string style) =>
        WriteLine(SupportsVirtualTerminal ? style + label + message + PSStyle.Instance.Reset : label + message);

    // $PSStyle.OutputRendering decides what the engine puts in; a file gets no escapes in any case but "Ansi".
    private static string Plain(string value, bool terminal) =>
        terminal || PSStyle.Instance.OutputRendering == OutputRendering.Ansi || !value.Contains('\x1b', StringComparison.Ordinal)
            ? value
            : Escapes().Replace(value, string.Empty);

    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
        lock (gate)
        {
            if (!deferring)
            {
                progress.Show(record);
            }
        }
    }

    public override string ReadLine()
    {
        RequirePerson();
        FinishProgress();
        return Console.In.ReadLine() ?? string.Empty;
    }

    public override SecureString ReadLineAsSecureString()
    {
        RequirePerson();
        FinishProgress();
        SecureString secret = new();
        if (Console.IsInputRedirected)
        {
            foreach (char c in Console.In.ReadLine() ?? string.Empty)
            {
                secret.AppendChar(c);
            }

            secret.MakeReadOnly();
            return secret;
        }

        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key == ConsoleKey.Backspace && secret.Length > 0)
            {
                secret.RemoveAt(secret.Length - 1);
                Console.Out.Write("\b \b");
            }
            else if (!char.IsControl(key.KeyChar))
            {
                secret.AppendChar(key.KeyChar);
                Console.Out.Write('*');
            }
        }

        Console.Out.WriteLine();
        secret.MakeReadOnly();
        return secret;
    }

    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions)
    {
        RequirePerson();
        Announce(caption, message);
        Dictionary<string, PSObject> answers = [];
        foreach (FieldDescription field in descriptions)
        {
            Type type = Type.GetType(field.ParameterAssemblyFullName) ?? typeof(string);
            if (type == typeof(PSCredential))
            {
                throw NoCredentials();
            }

            Write(field.Name + ": ");
            if (type == typeof(SecureString))
            {
                answers[field.Name] = PSObject.AsPSObject(ReadLineAsSecureString());
            }
            else if (type.IsArray)
            {
                List<string> items = [];
                while (ReadLine() is { Length: > 0 } item)
                {
                    items.Add(item);
                    Write($"{field.Name}[{items.Count}]: ");
                }

                answers[field.Name] = PSObject.AsPSObject(LanguagePrimitives.ConvertTo(items.ToArray(), type));
            }
            else
            {
                answers[field.Name] = PSObject.AsPSObject(LanguagePrimitives.ConvertTo(ReadLine(), type));
            }
        }

        return answers;
    }

    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        RequirePerson();
        Announce(caption, message);
        while (true)
        {
            WriteChoices(choices, defaultChoice < 0 ? [] : [defaultChoice]);
            string answer = ReadAnswer();
            if (answer.Length == 0 && defaultChoice >= 0)
            {
                return defaultChoice;
            }

            if (answer == "?")
            {
                WriteChoiceHelp(choices);
            }
            else if (FindChoice(choices, answer) is >= 0 and var index)
            {
                return index;
            }
        }
    }

    public Collection<int> PromptForChoice(string? caption, string? message, Collection<ChoiceDescription> choices, IEnumerable<int>? defaultChoices)
    {
        RequirePerson();
        Announce(caption ?? string.Empty, message ?? string.Empty);
        int[] defaults = defaultChoices?.ToArray() ?? [];
        Collection<int> chosen = [];
        WriteChoices(choices, defaults);
        while (true)
        {
            Write($"Choice[{chosen.Count}]: ");
            string answer = ReadAnswer();
            if (answer.Length == 0)
            {
                return chosen.Count == 0 ? new Collection<int>(defaults) : chosen;
            }

            if (answer == "?")
            {
                WriteChoiceHelp(choices);
            }
            else if (FindChoice(choices, answer) is >= 0 and var index)
            {
                chosen.Add(index);
            }
        }
    }

    // An endless input of wrong answers ends with the input, not in a loop.
    private static string ReadAnswer() =>
        Console.In.ReadLine()?.Trim() ?? throw new PSInvalidOperationException("The input ended before the question was answered.");

    private void Announce(string caption, string message)
    {
        FinishProgress();
        if (!string.IsNullOrEmpty(caption))
        {
            WriteLine(string.Empty);
            WriteLine(caption);
        }

        if (!string.IsNullOrEmpty(message))
        {
            WriteLine(message);
        }
    }

    private static (string Key, string Label) Split(ChoiceDescription choice)
    {
        int mark = choice.Label.IndexOf('&', StringComparison.Ordinal);
        string label = choice.Label.Replace("&", string.Empty, StringComparison.Ordinal);
        return mark >= 0 && mark + 1 < choice.Label.Length ? (choice.Label[mark + 1].ToString().ToUpperInvariant(), label) : (string.Empty, label);
    }

    private void WriteChoices(Collection<ChoiceDescription> choices, int[] defaults)
    {
        StringBuilder line = new();
        foreach (ChoiceDescription choice in choices)
        {
            (string key, string label) = Split(choice);
            line.Append(System.Globalization.CultureInfo.InvariantCulture, $"[{key}] {label}  ");
        }

        line.Append("[?] Help");
        if (defaults.Length > 0)
        {
            line.Append(" (default is \"").AppendJoin(',', defaults.Select(d => Split(choices[d]).Key)).Append("\")");
        }

        Write(line.Append(": ").ToString());
    }

    private void WriteChoiceHelp(Collection<ChoiceDescription> choices)
    {
        foreach (ChoiceDescription choice in choices)
        {
            WriteLine($"{Split(choice).Key} - {choice.HelpMessage}");
        }
    }

    private static int FindChoice(Collection<ChoiceDescription> choices, string answer)
    {
        for (int i = 0; i < choices.Count; i++)
        {
            (string key, string label) = Split(choices[i]);
            if (answer.Equals(key, StringComparison.OrdinalIgnoreCase) || answer.Equals(label, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }

        return -1;
    }

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) => throw NoCredentials();

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) => throw NoCredentials();

    private static PSNotSupportedException NoCredentials() => new("This host does not ask for credentials; pass a PSCredential object.");

    private void RequirePerson()
    {
        if (nonInteractive)
        {
            throw new PSInvalidOperationException("PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.");
        }
    }
}
