// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using System.Runtime.Versioning;
using Unit.Cmdlets;

namespace Unit.Surface;

/// <summary>The manifest has what the gallery wants to know, and nothing that is not so.</summary>
public sealed class ManifestTests
{
    private readonly Hashtable _manifest = Read();

    [Fact]
    public void Everything_that_describes_the_module_is_there()
    {
        foreach (string key in new[] { "RootModule", "ModuleVersion", "GUID", "Author", "CompanyName", "Copyright", "Description", "PowerShellVersion" })
        {
            Assert.False(string.IsNullOrWhiteSpace(_manifest[key]?.ToString()), key);
        }

        Assert.Equal(["Core"], Strings(_manifest["CompatiblePSEditions"]));
        Hashtable gallery = Gallery();
        Assert.Contains("Linux", Strings(gallery["Tags"]));
        Assert.Contains("PSEdition_Core", Strings(gallery["Tags"]));
        Assert.All(Strings(gallery["Tags"]), tag => Assert.DoesNotContain(' ', tag));
        Assert.NotEmpty(gallery["ReleaseNotes"]!.ToString()!);
    }

    [Fact]
    public void It_asks_for_the_oldest_version_whose_runtime_and_engine_it_was_built_for()
    {
        Assert.Equal(new Version(7, 4), new Version(_manifest["PowerShellVersion"]!.ToString()!));
        foreach (Assembly assembly in new[] { typeof(BlksnapPS.DisplayText).Assembly, typeof(Blksnap.Snapshot).Assembly })
        {
            Assert.Equal(".NETCoreApp,Version=v8.0", assembly.GetCustomAttribute<TargetFrameworkAttribute>()!.FrameworkName);
        }

        // The contract that all engines since 5.1 fulfil; an engine itself has the version of its PowerShell.
        Assert.Equal(
            new Version(3, 0, 0, 0),
            Assert.Single(typeof(BlksnapPS.DisplayText).Assembly.GetReferencedAssemblies(), name => name.Name == "System.Management.Automation").Version);
    }

    [Fact]
    public void Exports_are_lists_without_wildcards()
    {
        foreach (string key in new[] { "FunctionsToExport", "VariablesToExport", "AliasesToExport", "CmdletsToExport" })
        {
            Assert.True(_manifest.ContainsKey(key), key);
            Assert.DoesNotContain(Strings(_manifest[key]), name => name.Contains('*', StringComparison.Ordinal));
        }

        string[] cmdlets = Strings(_manifest["CmdletsToExport"]);
        Assert.Equal(cmdlets.Order(StringComparer.Ordinal), cmdlets);
        Assert.Equal(cmdlets.Length, cmdlets.Distinct().Count());
    }

    [Fact]
    public void Its_version_is_that_of_the_assemblies_and_of_the_change_log()
    {
        Version version = new(_manifest["ModuleVersion"]!.ToString()!);
        Assert.Equal(version, typeof(Blksnap.Snapshot).Assembly.GetName().Version is { } built ? new Version(built.Major, built.Minor, built.Build) : null);
        Assert.Contains($"## {version}", File.ReadAllText(Repository.Path("CHANGELOG.md")), StringComparison.Ordinal);
        string major = version.ToString(3);
        Assert.Contains($"PACKAGE_VERSION=\"{major}\"", File.ReadAllText(Repository.Path("kmod/dkms.conf")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_files_that_it_names_are_beside_it() => Assert.All(
        Strings(_manifest["FormatsToProcess"]).Concat(Strings(_manifest["TypesToProcess"])).Append(_manifest["RootModule"]!.ToString()!),
        file => Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(Engine.Manifest)!, file)), file));

    private Hashtable Gallery() => (Hashtable)((Hashtable)_manifest["PrivateData"]!)["PSData"]!;

    private static string[] Strings(object? value) => value switch
    {
        null => [],
        IEnumerable list and not string => [.. list.Cast<object>().Select(item => item.ToString()!)],
        _ => [value.ToString()!],
    };

    private static Hashtable Read()
    {
        using PowerShell shell = PowerShell.Create(InitialSessionState.CreateDefault2());
        return shell.AddScript($"& ([scriptblock]::Create([IO.File]::ReadAllText('{Engine.Manifest}')))").Invoke<Hashtable>().Single();
    }
}
