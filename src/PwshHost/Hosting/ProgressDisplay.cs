// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Management.Automation;
using System.Text;

namespace PwshHost.Hosting;

/// <summary>One line of progress that is repainted on a terminal; a plain line now and then where there is none.</summary>
internal sealed class ProgressDisplay
{
    private static readonly TimeSpan RepaintInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(15);

    private readonly bool terminal = !Console.IsErrorRedirected && !Console.IsOutputRedirected;
    private readonly Dictionary<int, (string Text, long Time)> plain = [];
    private long painted;
    private bool visible;

    public void Show(ProgressRecord record)
    {
        if (record.RecordType == ProgressRecordType.Completed)
        {
            Clear();
            plain.Remove(record.ActivityId);
            return;
        }

        if (terminal)
        {
            Paint(record);
        }
        else
        {
            Print(record);
        }
    }

    public void Clear()
    {
        if (visible)
        {
            Console.Out.Write("\r\x1b[K");
            visible = false;
            painted = 0;
        }
    }

    private void Paint(ProgressRecord record)
    {
        if (painted != 0 && Stopwatch.GetElapsedTime(painted) < RepaintInterval)
        {
            return;
        }

        int width = Math.Max(20, (Console.WindowWidth > 0 ? Console.WindowWidth : 80) - 1);
        StringBuilder line = new(record.Activity);
        if (record.PercentComplete >= 0)
        {
            const int Cells = 20;
            int full = Math.Clamp(record.PercentComplete, 0, 100) * Cells / 100;
            line.Append(" [").Append('=', full).Append(' ', Cells - full).Append("] ").Append(record.PercentComplete).Append('%');
        }

        line.Append(' ').Append(record.StatusDescription);
        if (record.SecondsRemaining >= 0)
        {
            line.Append(' ').Append(TimeSpan.FromSeconds(record.SecondsRemaining).ToString("c")).Append(" left");
        }

        string text = line.Replace('\n', ' ').ToString();
        Console.Out.Write("\r" + (text.Length > width ? text[..width] : text) + "\x1b[K");
        painted = Stopwatch.GetTimestamp();
        visible = true;
    }

    // Logs get the first record of an activity and then one in a while: enough to see that it lives.
    private void Print(ProgressRecord record)
    {
        string text = record.PercentComplete >= 0
            ? $"{record.Activity}: {record.StatusDescription} ({record.PercentComplete}%)"
            : $"{record.Activity}: {record.StatusDescription}";
        if (plain.TryGetValue(record.ActivityId, out (string Text, long Time) last)
            && (last.Text == text || Stopwatch.GetElapsedTime(last.Time) < PlainInterval))
        {
            return;
        }

        plain[record.ActivityId] = (text, Stopwatch.GetTimestamp());
        Console.Error.WriteLine(text);
    }
}
