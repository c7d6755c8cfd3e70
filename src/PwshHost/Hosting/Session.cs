// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using PwshHost.Commands;

namespace PwshHost.Hosting;

/// <summary>One runspace, and what is run in it: a file, a text, the lines of the input, or what is typed at the prompt.</summary>
internal sealed class Session : IDisposable
{
    // 128 + SIGINT, as shells report a program that Ctrl+C ended.
    private const int Interrupted = 130;
    private const string StatusVariable = "__LastStatus";

    private readonly CommandLine options;
    private readonly ConsoleHost host;
    private readonly Runspace runspace;
    private readonly EngineContext engine;
    private readonly Lock gate = new();
    private Pipeline? running;
    private bool interrupted;

    public Session(CommandLine options)
    {
        this.options = options;
        host = new ConsoleHost(options.NonInteractive);
        InitialSessionState state = InitialSessionState.CreateDefault2();
        CoreCommands.AddTo(state);
        runspace = RunspaceFactory.CreateRunspace(host, state);
        runspace.ThreadOptions = PSThreadOptions.ReuseThread;
        runspace.Open();
        Runspace.DefaultRunspace = runspace;
        host.PushRunspace(runspace);
        engine = new EngineContext(runspace);
        Console.CancelKeyPress += OnCancel;
    }

    public int Run()
    {
        int code = RunInitial();
        if (!options.Prompts || host.ExitCode is not null)
        {
            return host.ExitCode ?? code;
        }

        new InteractivePrompt(this, host, options).Run();
        return host.ExitCode ?? 0;
    }

    public Runspace Runspace => runspace;

    private int RunInitial()
    {
        if (options.File is not null)
        {
            Command command = new(options.File, isScript: false, useLocalScope: false);
            foreach (CommandParameter parameter in options.FileArguments)
            {
                command.Parameters.Add(parameter);
            }

            // An exit in the file is this program's exit; only without a prompt to go on with, as in pwsh.
            engine.ExitLeavesScript(true);
            bool ended = Execute(command, ReadsInput(Parser.ParseFile(options.File, out _, out _)));
            return interrupted ? Interrupted : ended ? 0 : 1;
        }

        if (options.Command is not null)
        {
            bool succeeded = ExecuteText(options.Command, readsInput: true, options.CommandArguments);
            return interrupted ? Interrupted : succeeded ? 0 : 1;
        }

        return options.CommandFromInput ? RunInput() : 0;
    }

    // Each complete statement is run as soon as it is read, as with "pwsh -Command -".
    private int RunInput()
    {
        string pending = string.Empty;
        bool succeeded = true;
        while (host.ExitCode is null && Console.In.ReadLine() is { } line)
        {
            pending = pending.Length == 0 ? line : pending + "\n" + line;
            if (IsIncomplete(pending) && line.Length > 0)
            {
                continue;
            }

            succeeded = ExecuteText(pending, readsInput: false);
            pending = string.Empty;
        }

        if (pending.Length > 0 && host.ExitCode is null)
        {
            succeeded = ExecuteText(pending, readsInput: false);
        }

        return succeeded ? 0 : 1;
    }

    /// <summary>Runs statements and tells whether $? was true after the last.</summary>
    private bool ExecuteText(string text, bool readsInput, string[]? arguments = null)
    {
        // The engine sets $? anew for each pipeline of ours, so the text itself has to note it, in its last line.
        ScriptBlockAst script = Parser.ParseInput(text, out _, out ParseError[] errors);
        bool notes = errors.Length == 0 && script is { BeginBlock: null, ProcessBlock: null, EndBlock.Unnamed: true };
        runspace.SessionStateProxy.SetVariable(StatusVariable, true);
        Command command = new(notes ? $"{text}\n$global:{StatusVariable} = $?" : text, isScript: true, useLocalScope: false);
        foreach (string argument in arguments ?? [])
        {
            command.Parameters.Add(new CommandParameter(null, argument));
        }

        return Execute(command, readsInput ? ReadsInput(script) : null)
            && runspace.SessionStateProxy.GetVariable(StatusVariable) is true;
    }

    public static bool IsIncomplete(string text)
    {
        Parser.ParseInput(text, out _, out ParseError[] errors);
        return errors.Any(static e => e.IncompleteInput);
    }

    /// <summary>The standard input as objects, when it is redirected and the script asks for it.</summary>
    /// <remarks>Reading it without need would take it from the programs that the script starts, and wait for its end.</remarks>
    private static IEnumerable<string>? ReadsInput(ScriptBlockAst script)
    {
        if (!Console.IsInputRedirected)
        {
            return null;
        }

        bool reads = script.ProcessBlock is not null || script.Find(
            static ast => ast is VariableExpressionAst variable && variable.VariablePath.UserPath.Equals("input", StringComparison.OrdinalIgnoreCase), searchNestedScriptBlocks: false) is not null;
        return reads ? InputLines() : null;
    }

    private static IEnumerable<string> InputLines()
    {
        while (Console.In.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    /// <summary>Runs one command with its output and errors going to the screen.</summary>
    /// <returns>False when it ended with an error that nothing caught, or was stopped.</returns>
    public bool Execute(Command command, IEnumerable? input, bool addToHistory = false)
    {
        using Pipeline pipeline = addToHistory
            ? runspace.CreatePipeline(command.CommandText, addToHistory: true)
            : runspace.CreatePipeline();
        if (!addToHistory)
        {
            pipeline.Commands.Add(command);
        }

        pipeline.Commands[0].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        pipeline.Commands.Add(new Command("Out-Default", isScript: false, useLocalScope: true));
        lock (gate)
        {
            running = pipeline;
            interrupted = false;
        }

        try
        {
            if (input is null)
            {
                pipeline.Invoke();
            }
            else
            {
                pipeline.Invoke(input);
            }

            return true;
        }
        catch (PipelineStoppedException)
        {
            return false;
        }
        catch (RuntimeException e)
        {
            Report(e.ErrorRecord);
            return false;
        }
        finally
        {
            lock (gate)
            {
                running = null;
            }

            host.UserInterface.FinishProgress();
        }
    }

    // The engine's own error view; the mark is how Out-Default tells an error from an object.
    private void Report(ErrorRecord error)
    {
        PSObject wrapped = EngineContext.MarkAsError(error);
        try
        {
            using Pipeline pipeline = runspace.CreatePipeline();
            pipeline.Commands.Add(new Command("Out-Default", isScript: false, useLocalScope: true));
            pipeline.Invoke(new object[] { wrapped });
        }
        catch (RuntimeException)
        {
            host.UI.WriteErrorLine(error.ToString());
        }
    }

    private void OnCancel(object? sender, ConsoleCancelEventArgs e)
    {
        lock (gate)
        {
            if (running is null)
            {
                return;
            }

            e.Cancel = true;
            interrupted = true;
            running.StopAsync();
        }
    }

    public void Dispose()
    {
        Console.CancelKeyPress -= OnCancel;
        runspace.Dispose();
    }
}
