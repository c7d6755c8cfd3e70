// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Text;
using PwshHost.Hosting;

namespace PwshHost;

internal static class Program
{
    // What pwsh answers to a command line that it does not understand.
    private const int BadCommandLine = 64;

    private static int Main(string[] args)
    {
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        CommandLine options;
        try
        {
            options = CommandLine.Parse(args);
            if (options.WorkingDirectory is not null)
            {
                Directory.SetCurrentDirectory(options.WorkingDirectory);
            }
        }
        catch (CommandLineException e)
        {
            Console.Error.WriteLine(e.Message);
            Console.Error.WriteLine();
            Console.Error.WriteLine(CommandLine.Usage);
            return BadCommandLine;
        }
        catch (IOException e)
        {
            Console.Error.WriteLine(e.Message);
            return BadCommandLine;
        }

        if (options.ShowVersion)
        {
            Console.WriteLine($"PowerShell {Version}");
            return 0;
        }

        if (options.ShowHelp)
        {
            Console.WriteLine(CommandLine.Usage);
            return 0;
        }

        using Session session = new(options);
        return session.Run();
    }

    public static string Version
    {
        get
        {
            Version version = typeof(PSObject).Assembly.GetName().Version!;
            return System.Diagnostics.FileVersionInfo.GetVersionInfo(typeof(PSObject).Assembly.Location).ProductVersion?.Split(' ', '+')[0]
                ?? version.ToString(3);
        }
    }
}
