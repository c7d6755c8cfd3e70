// SPDX-License-Identifier: MIT
using System.Management.Automation.Runspaces;
using System.Text;
using System.Text.RegularExpressions;

namespace PwshHost.Hosting;

/// <summary>What the program was asked to do, in the terms of pwsh's own command line.</summary>
internal sealed partial class CommandLine
{
    public string? File { get; private set; }
    public List<CommandParameter> FileArguments { get; } = [];
    public string? Command { get; private set; }
    public string[]? CommandArguments { get; private set; }
    public bool CommandFromInput { get; private set; }
    public bool NoExit { get; private set; }
    public bool NonInteractive { get; private set; }
    public bool NoLogo { get; private set; }
    public bool ShowVersion { get; private set; }
    public bool ShowHelp { get; private set; }
    public string? WorkingDirectory { get; private set; }

    public bool Prompts => NoExit || (File is null && Command is null && !CommandFromInput);

    // Name, and the shortest form that pwsh takes for it; the others are extra aliases.
    private static readonly (string Name, string Shortest, string[] Aliases, bool TakesValue)[] Switches =
    [
        ("version", "v", [], false),
        ("help", "h", ["?"], false),
        ("login", "l", [], false),
        ("noexit", "noe", [], false),
        ("noprofile", "nop", [], false),
        ("nologo", "nol", [], false),
        ("noninteractive", "noni", [], false),
        ("interactive", "i", [], false),
        ("noprofileloadtime", "noprofilel", [], false),
        ("mta", "mta", [], false),
        ("command", "c", [], true),
        ("commandwithargs", "commandw", ["cwa"], true),
        ("encodedcommand", "e", ["ec"], true),
        ("file", "f", [], true),
        ("executionpolicy", "ex", ["ep"], true),
        ("inputformat", "inp", ["if"], true),
        ("outputformat", "o", ["of"], true),
        ("workingdirectory", "wo", ["wd"], true),
    ];

    [GeneratedRegex(@"^.\w+\:")]
    private static partial Regex NameWithColon();

    /// <exception cref="CommandLineException">The arguments are not ones that pwsh accepts.</exception>
    public static CommandLine Parse(string[] args)
    {
        CommandLine result = new();
        int i = 0;
        while (i < args.Length)
        {
            string arg = args[i++];
            if (arg is "-")
            {
                result.CommandFromInput = true;
                return result;
            }

            if (arg.Length == 0 || (arg[0] != '-' && arg is not "/?" and not "/help"))
            {
                result.TakeFile(arg, args[i..]);
                return result;
            }

            string key = arg.TrimStart('-', '/').ToLowerInvariant();
            (string name, bool takesValue) = Find(key, arg);
            string value = string.Empty;
            if (takesValue)
            {
                if (i == args.Length)
                {
                    throw new CommandLineException($"Cannot process the command because of a missing parameter. A value must follow {arg}.");
                }

                value = args[i++];
            }

            switch (name)
            {
                case "version":
                    result.ShowVersion = true;
                    return result;
                case "help":
                    result.ShowHelp = true;
                    return result;
                case "noexit":
                    result.NoExit = true;
                    break;
                case "nologo":
                    result.NoLogo = true;
                    break;
                case "noninteractive":
                    result.NonInteractive = true;
                    break;
                case "workingdirectory":
                    result.WorkingDirectory = value;
                    break;
                case "inputformat" or "outputformat":
                    if (!value.Equals("text", StringComparison.OrdinalIgnoreCase))
                    {
                        throw new CommandLineException($"The format '{value}' is not supported by this host; only Text is.");
                    }

                    break;
                case "encodedcommand":
                    result.Command = Decode(value);
                    break;
                case "command":
                    if (value == "-")
                    {
                        result.CommandFromInput = true;
                    }
                    else
                    {
                        result.Command = string.Join(' ', args[(i - 1)..]);
                    }

                    return result;
                case "commandwithargs":
                    result.Command = value;
                    result.CommandArguments = args[i..];
                    return result;
                case "file":
                    if (value == "-")
                    {
                        result.CommandFromInput = true;
                        return result;
                    }

                    result.TakeFile(value, args[i..]);
                    return result;
                default:
                    // -NoProfile, -ExecutionPolicy and the like change nothing here: there are no profiles, and no policy outside Windows.
                    break;
            }
        }

        return result;
    }

    private static (string Name, bool TakesValue) Find(string key, string arg)
    {
        foreach ((string name, string shortest, string[] aliases, bool takesValue) in Switches)
        {
            bool prefix = name.StartsWith(key, StringComparison.Ordinal) && key.StartsWith(shortest, StringComparison.Ordinal);
            if (key.Length > 0 && (prefix || aliases.Contains(key)))
            {
                return (name, takesValue);
            }
        }

        throw new CommandLineException(
            $"The argument '{arg}' is not recognized as the name of a script file. Check the spelling of the name, or if a path was included, verify that the path is correct and try again.");
    }

    private static string Decode(string value)
    {
        try
        {
            return Encoding.Unicode.GetString(Convert.FromBase64String(value));
        }
        catch (FormatException)
        {
            throw new CommandLineException("Cannot process the command because the value specified with -EncodedCommand is not properly encoded. The value must be Base64 encoded.");
        }
    }

    private void TakeFile(string path, string[] rest)
    {
        string full = Path.GetFullPath(path);
        if (!System.IO.File.Exists(full))
        {
            throw new CommandLineException(
                $"The argument '{path}' is not recognized as the name of a script file. Check the spelling of the name, or if a path was included, verify that the path is correct and try again.");
        }

        if (!full.EndsWith(".ps1", StringComparison.OrdinalIgnoreCase) && IsBinary(full))
        {
            throw new CommandLineException($"Processing -File '{path}' failed: it is not a script.");
        }

        File = full;
        string? pending = null;
        foreach (string arg in rest)
        {
            if (pending is not null)
            {
                FileArguments.Add(new CommandParameter(pending, arg));
                pending = null;
            }
            else if (arg.Length > 1 && arg[0] == '-')
            {
                if (NameWithColon().IsMatch(arg))
                {
                    int colon = arg.IndexOf(':', StringComparison.Ordinal);
                    if (colon == arg.Length - 1)
                    {
                        pending = arg[..colon];
                        continue;
                    }

                    string text = arg[(colon + 1)..];
                    object value = text.TrimStart('$').ToLowerInvariant() switch { "true" => true, "false" => false, _ => text };
                    FileArguments.Add(new CommandParameter(arg[..colon], value));
                }
                else
                {
                    FileArguments.Add(new CommandParameter(arg));
                }
            }
            else
            {
                FileArguments.Add(new CommandParameter(null, arg));
            }
        }

        if (pending is not null)
        {
            FileArguments.Add(new CommandParameter(pending));
        }
    }

    private static bool IsBinary(string path)
    {
        using FileStream stream = System.IO.File.OpenRead(path);
        Span<byte> head = stackalloc byte[64];
        return head[..stream.Read(head)].Contains((byte)0);
    }

    public const string Usage = """
        Usage: pwsh [[-File] <filePath> [args]] [-Command { - | <string> [args] }]
                    [-CommandWithArgs <string> [args]] [-EncodedCommand <Base64>] [-ExecutionPolicy <policy>]
                    [-InputFormat Text] [-OutputFormat Text] [-Interactive] [-Login] [-NoExit] [-NoLogo]
                    [-NonInteractive] [-NoProfile] [-Version] [-WorkingDirectory <directory>] [-Help]

        Without arguments: an interactive prompt.
        """;
}

internal sealed class CommandLineException(string message) : Exception(message);
