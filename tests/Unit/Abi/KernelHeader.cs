// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace Unit.Abi;

/// <summary>What the C compiler makes of the kernel module's header.</summary>
internal sealed partial class KernelHeader
{
    private static readonly Lazy<KernelHeader> s_instance = new(static () => new KernelHeader());

    private KernelHeader()
    {
        string path = typeof(KernelHeader).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == "KernelHeader").Value!;
        string text = Comments().Replace(File.ReadAllText(path), " ");
        Dictionary<string, List<string>> structures = [];
        foreach (Match match in Structures().Matches(text))
        {
            structures[match.Groups["name"].Value] = [.. Fields().Matches(match.Groups["body"].Value).Select(field => field.Groups["name"].Value)];
        }

        List<string> requests = [.. RequestMacros().Matches(text).Select(match => match.Groups["name"].Value)];
        List<string> constants = [.. Enums().Matches(text)
            .SelectMany(match => match.Groups["body"].Value.Split(','))
            .Select(entry => entry.Split('=')[0].Trim())
            .Where(name => name.Length > 0)];
        Measure(path, structures, requests, constants);
    }

    public static KernelHeader Instance => s_instance.Value;

    /// <summary>Structure name to its size.</summary>
    public Dictionary<string, int> Sizes { get; } = [];

    /// <summary>Structure name to its fields with their offsets and sizes.</summary>
    public Dictionary<string, Dictionary<string, (int Offset, int Size)>> FieldsOf { get; } = [];

    /// <summary>Macro name to request code.</summary>
    public Dictionary<string, uint> Requests { get; } = [];

    /// <summary>Enumerator to value.</summary>
    public Dictionary<string, int> Constants { get; } = [];

    private void Measure(string header, Dictionary<string, List<string>> structures, List<string> requests, List<string> constants)
    {
        StringBuilder source = new();
        source.AppendLine("#include <stddef.h>").AppendLine("#include <stdio.h>").AppendLine($"#include \"{header}\"").AppendLine("int main(void) {");
        foreach ((string name, List<string> fields) in structures)
        {
            source.AppendLine(CultureInfo.InvariantCulture, $"printf(\"S {name} %zu\\n\", sizeof(struct {name}));");
            foreach (string field in fields)
            {
                source.AppendLine(
                    CultureInfo.InvariantCulture,
                    $"printf(\"F {name} {field} %zu %zu\\n\", offsetof(struct {name}, {field}), sizeof(((struct {name} *)0)->{field}));");
            }
        }

        foreach (string request in requests)
        {
            source.AppendLine(CultureInfo.InvariantCulture, $"printf(\"R {request} %u\\n\", (unsigned int)({request}));");
        }

        foreach (string constant in constants)
        {
            source.AppendLine(CultureInfo.InvariantCulture, $"printf(\"C {constant} %d\\n\", (int){constant});");
        }

        source.AppendLine("return 0; }");
        foreach (string line in CompileAndRun(source.ToString()))
        {
            string[] parts = line.Split(' ');
            switch (parts[0])
            {
                case "S":
                    Sizes[parts[1]] = Number(parts[2]);
                    FieldsOf[parts[1]] = [];
                    break;
                case "F":
                    FieldsOf[parts[1]][parts[2]] = (Number(parts[3]), Number(parts[4]));
                    break;
                case "R":
                    Requests[parts[1]] = uint.Parse(parts[2], CultureInfo.InvariantCulture);
                    break;
                default:
                    Constants[parts[1]] = Number(parts[2]);
                    break;
            }
        }
    }

    private static string[] CompileAndRun(string source)
    {
        string folder = Directory.CreateTempSubdirectory("blksnap-abi-").FullName;
        try
        {
            string file = Path.Combine(folder, "measure.c");
            string program = Path.Combine(folder, "measure");
            File.WriteAllText(file, source);
            Run("cc", "-std=gnu11", "-Wall", "-Werror", "-o", program, file);
            return Run(program).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program}: {errors.Result}");
        return output;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"^struct (?<name>blk_snap_\w+) \{(?<body>.*?)^\};", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Structures();

    [GeneratedRegex(@"(?<name>\w+)(\[[^\]]*\])?;")]
    private static partial Regex Fields();

    [GeneratedRegex(@"^#define (?<name>IOCTL_BLK_SNAP_\w+)", RegexOptions.Multiline)]
    private static partial Regex RequestMacros();

    [GeneratedRegex(@"^enum blk_snap_\w+ \{(?<body>.*?)^\};", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Enums();
}
