// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text;

namespace PwshHost.Hosting;

/// <summary>One line of text with the usual editing keys, a history, and the engine's completion on Tab.</summary>
internal sealed class LineEditor(
    ConsoleUserInterface ui, Func<(string Text, int Cursor), CommandCompletion> complete, HistoryFile file)
{
    private const int PollMilliseconds = 25;

    private readonly List<string> history = [.. file.Read()];
    private readonly StringBuilder text = new();
    private int cursor;
    private int historyIndex;
    private int startTop;
    private int startLeft;
    private CommandCompletion? matches;

    public void Remember(string line)
    {
        if (history.Count == 0 || history[^1] != line)
        {
            history.Add(line);
            file.Add(line);
        }
    }

    /// <returns>Null at the end of the input (Ctrl+D on an empty line).</returns>
    public string? ReadLine(string prompt)
    {
        Console.Out.Write(prompt);
        (startLeft, startTop) = (Console.CursorLeft, Console.CursorTop);
        text.Clear();
        cursor = 0;
        historyIndex = history.Count;
        bool before = Console.TreatControlCAsInput;
        Console.TreatControlCAsInput = true;
        ui.Defer(true);
        try
        {
            while (true)
            {
                ConsoleKeyInfo key = NextKey(prompt);
                if (key.Key != ConsoleKey.Tab)
                {
                    matches = null;
                }

                switch (Handle(key))
                {
                    case Outcome.Accepted:
                        MoveTo(text.Length);
                        Console.Out.WriteLine();
                        return text.ToString();
                    case Outcome.Cancelled:
                        Console.Out.WriteLine("^C");
                        return string.Empty;
                    case Outcome.Ended:
                        Console.Out.WriteLine();
                        return null;
                }
            }
        }
        finally
        {
            Console.TreatControlCAsInput = before;
            ui.Defer(false);
            if (ui.TakeDeferred() is { } late)
            {
                ui.Write(late);
            }
        }
    }

    // A blocking read would hold the console: what event actions write has to appear while nobody types.
    private ConsoleKeyInfo NextKey(string prompt)
    {
        while (!Console.KeyAvailable)
        {
            if (ui.TakeDeferred() is { } output)
            {
                int at = cursor;
                MoveTo(0);
                Console.Out.Write("\r\x1b[J" + output + (output.EndsWith('\n') ? string.Empty : "\n") + prompt);
                (startLeft, startTop) = (Console.CursorLeft, Console.CursorTop);
                Repaint(at, from: 0);
            }

            Thread.Sleep(PollMilliseconds);
        }

        return Console.ReadKey(intercept: true);
    }

    private enum Outcome
    {
        Editing,
        Accepted,
        Cancelled,
        Ended,
    }

    private Outcome Handle(ConsoleKeyInfo key)
    {
        bool control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
        switch (key.Key)
        {
            case ConsoleKey.Enter:
                return Outcome.Accepted;
            case ConsoleKey.C when control:
                return Outcome.Cancelled;
            case ConsoleKey.D when control && text.Length == 0:
                return Outcome.Ended;
            case ConsoleKey.D when control:
            case ConsoleKey.Delete:
                Remove(cursor, 1);
                break;
            case ConsoleKey.Backspace:
                Remove(cursor - 1, 1);
                break;
            case ConsoleKey.LeftArrow:
                MoveTo(control ? WordStart() : cursor - 1);
                break;
            case ConsoleKey.RightArrow:
                MoveTo(control ? WordEnd() : cursor + 1);
                break;
            case ConsoleKey.Home:
            case ConsoleKey.A when control:
                MoveTo(0);
                break;
            case ConsoleKey.End:
            case ConsoleKey.E when control:
                MoveTo(text.Length);
                break;
            case ConsoleKey.UpArrow:
                Recall(historyIndex - 1);
                break;
            case ConsoleKey.DownArrow:
                Recall(historyIndex + 1);
                break;
            case ConsoleKey.K when control:
                Remove(cursor, text.Length - cursor);
                break;
            case ConsoleKey.U when control:
                Remove(0, cursor);
                break;
            case ConsoleKey.W when control:
                int start = WordStart();
                Remove(start, cursor - start);
                break;
            case ConsoleKey.Escape:
                Replace(string.Empty);
                break;
            case ConsoleKey.Tab:
                Complete(forward: !key.Modifiers.HasFlag(ConsoleModifiers.Shift));
                break;
            default:
                if (!char.IsControl(key.KeyChar))
                {
                    text.Insert(cursor, key.KeyChar);
                    Repaint(cursor + 1, from: cursor);
                }

                break;
        }

        return Outcome.Editing;
    }

    private int WordStart()
    {
        int i = cursor;
        while (i > 0 && text[i - 1] == ' ')
        {
            i--;
        }

        while (i > 0 && text[i - 1] != ' ')
        {
            i--;
        }

        return i;
    }

    private int WordEnd()
    {
        int i = cursor;
        while (i < text.Length && text[i] != ' ')
        {
            i++;
        }

        while (i < text.Length && text[i] == ' ')
        {
            i++;
        }

        return i;
    }

    private void Remove(int index, int count)
    {
        if (index >= 0 && index < text.Length && count > 0)
        {
            count = Math.Min(count, text.Length - index);
            text.Remove(index, count);
            Repaint(index, from: index, erase: count);
        }
    }

    private void Replace(string value)
    {
        int erase = Math.Max(0, text.Length - value.Length);
        text.Clear().Append(value);
        Repaint(value.Length, from: 0, erase);
    }

    private void Recall(int index)
    {
        if (index < 0 || index > history.Count)
        {
            return;
        }

        historyIndex = index;
        Replace(index == history.Count ? string.Empty : history[index]);
    }

    private void Complete(bool forward)
    {
        try
        {
            matches ??= complete((text.ToString(), cursor));
        }
        catch (RuntimeException)
        {
            return;
        }

        CompletionResult? result = matches.CompletionMatches.Count == 0 ? null : matches.GetNextResult(forward);
        if (result is null)
        {
            return;
        }

        int erase = Math.Max(0, matches.ReplacementLength - result.CompletionText.Length);
        text.Remove(matches.ReplacementIndex, matches.ReplacementLength).Insert(matches.ReplacementIndex, result.CompletionText);
        matches.ReplacementLength = result.CompletionText.Length;
        Repaint(matches.ReplacementIndex + result.CompletionText.Length, matches.ReplacementIndex, erase);
    }

    private void Repaint(int newCursor, int from, int erase = 0)
    {
        MoveTo(from);
        Console.Out.Write(text.ToString(from, text.Length - from).Replace('\n', ' ') + new string(' ', erase));
        // Writing over the last line scrolls the terminal: the line then starts that much higher.
        int end = startLeft + text.Length + erase;
        int overflow = startTop + (end / Width) - (Height - 1);
        if (overflow > 0)
        {
            if (end % Width == 0)
            {
                Console.Out.Write(" \b");
            }

            startTop -= overflow;
        }

        MoveTo(newCursor);
    }

    private static int Width => Math.Max(1, Console.WindowWidth);

    private static int Height => Math.Max(1, Console.WindowHeight);

    private void MoveTo(int position)
    {
        cursor = Math.Clamp(position, 0, text.Length);
        int column = startLeft + cursor;
        Console.SetCursorPosition(column % Width, Math.Clamp(startTop + (column / Width), 0, Height - 1));
    }
}
