// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Help;

// build FOLDER TARGET    writes the help file and the about topics for the markdown pages in FOLDER
// update FOLDER          brings syntax and parameter tables of the pages up to the cmdlets; makes missing pages
switch (args)
{
    case ["build", string source, string target]:
        Directory.CreateDirectory(target);
        List<Page> pages = [.. HelpFolder.Pages(source)];
        File.WriteAllText(Path.Combine(target, "BlksnapPS.dll-Help.xml"), Maml.Write(pages));
        foreach (string topic in HelpFolder.Topics(source))
        {
            string name = Path.GetFileNameWithoutExtension(topic);
            File.WriteAllText(Path.Combine(target, name + ".help.txt"), AboutTopic.Write(name, File.ReadAllText(topic)));
        }

        return 0;

    case ["update", string source]:
        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.ImportPSModule(Path.Combine(AppContext.BaseDirectory, "BlksnapPS.psd1"));
        using (PowerShell shell = PowerShell.Create(state))
        {
            foreach (CmdletInfo command in shell.AddScript("Get-Command -Module BlksnapPS").Invoke<CmdletInfo>())
            {
                string file = Path.Combine(source, command.Name + ".md");
                File.WriteAllText(file, CommandTables.Update(command, File.Exists(file) ? File.ReadAllText(file) : string.Empty));
            }
        }

        return 0;

    default:
        Console.Error.WriteLine("usage: help build FOLDER TARGET | help update FOLDER");
        return 2;
}
