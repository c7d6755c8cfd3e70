// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using System.Text;
using Help;
using Unit.Cmdlets;

namespace Unit.Surface;

/// <summary>
/// What scripts rely on is in PublicSurface.txt: a change of it is seen in a change of that file. BLKSNAP_WRITE_SURFACE=1 has the test
/// write it anew.
/// </summary>
public sealed class PublicSurfaceTests
{
    [Fact]
    public void TheSurfaceIsTheOneOnRecord()
    {
        string file = Repository.Path("tests/Unit/PublicSurface.txt");
        string surface = Describe();
        if (Environment.GetEnvironmentVariable("BLKSNAP_WRITE_SURFACE") == "1")
        {
            File.WriteAllText(file, surface);
        }

        string[] recorded = File.ReadAllLines(file);
        string[] present = surface.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] changes =
        [
            .. recorded.Where(line => line.Length > 0).Except(present).Select(line => "- " + line),
            .. present.Except(recorded).Select(line => "+ " + line),
        ];
        Assert.True(
            changes.Length == 0,
            "The public surface is not the one in tests/Unit/PublicSurface.txt:\n" + string.Join('\n', changes)
                + "\nA line that goes breaks scripts. If that is meant, write the file anew: "
                + "BLKSNAP_WRITE_SURFACE=1 dotnet test tests/Unit --filter FullyQualifiedName~PublicSurface");
    }

    private static string Describe()
    {
        StringBuilder text = new();
        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.ImportPSModule(Engine.Manifest);
        using PowerShell shell = PowerShell.Create(state);
        CmdletInfo[] commands = [.. shell.AddScript("Get-Command -Module BlksnapPS").Invoke<CmdletInfo>().OrderBy(command => command.Name, StringComparer.Ordinal)];
        foreach (CmdletInfo command in commands)
        {
            string name = command.Name;
            text.Append($"cmdlet {name}: {string.Join(", ", command.OutputType.Select(type => type.Name).Order(StringComparer.Ordinal))}\n");
            foreach (ParameterMetadata parameter in CommandTables.ParametersOf(command))
            {
                string aliases = parameter.Aliases.Count == 0 ? string.Empty : $" ({string.Join(", ", parameter.Aliases.Order(StringComparer.Ordinal))})";
                text.Append($"{name} -{parameter.Name} {Name(parameter.ParameterType)}{aliases}\n");
                foreach ((string set, ParameterSetMetadata entry) in parameter.ParameterSets.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    text.Append($"{name} -{parameter.Name} in {set}: {Binding(entry)}\n");
                }
            }
        }

        IEnumerable<Type> types = new[] { typeof(Blksnap.Snapshot).Assembly, typeof(BlksnapPS.Commands.BlksnapCommand).Assembly }
            .SelectMany(assembly => assembly.GetExportedTypes())
            .Where(type => !typeof(Cmdlet).IsAssignableFrom(type))
            .OrderBy(type => type.FullName, StringComparer.Ordinal);
        foreach (Type type in types)
        {
            text.Append($"type {Name(type)}\n");
            foreach (string line in Members(type).Order(StringComparer.Ordinal))
            {
                text.Append($"{Name(type)}.{line}\n");
            }
        }

        return text.ToString();
    }

    private static IEnumerable<string> Members(Type type)
    {
        const BindingFlags Own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        if (type.IsEnum)
        {
            return Enum.GetNames(type).Select(name => $"{name} = {Convert.ToUInt64(Enum.Parse(type, name), null)}");
        }

        return type.GetProperties(Own).Select(property => $"{property.Name} {Name(property.PropertyType)}")
            .Concat(type.GetFields(Own).Select(field => $"{field.Name} {Name(field.FieldType)}"))
            .Concat(type.GetEvents(Own).Select(item => $"{item.Name} event"))
            .Concat(type.GetMethods(Own)
                .Where(method => !method.IsSpecialName && !method.Name.StartsWith('<'))
                .Select(method => $"{method.Name}({string.Join(", ", method.GetParameters().Select(parameter => Name(parameter.ParameterType)))}) {Name(method.ReturnType)}"))
            .Distinct();
    }

    private static string Binding(ParameterSetMetadata set) => string.Join(
        ' ',
        new[]
        {
            set.Position == int.MinValue ? "named" : $"position {set.Position}",
            set.IsMandatory ? "mandatory" : string.Empty,
            set.ValueFromPipeline ? "pipeline" : string.Empty,
            set.ValueFromPipelineByPropertyName ? "property" : string.Empty,
        }.Where(word => word.Length > 0));

    private static string Name(Type type) => Nullable.GetUnderlyingType(type) is { } inner
        ? Name(inner) + "?"
        : type.IsGenericType
            ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
            : type.Namespace is "System" || type.IsGenericParameter ? type.Name : type.FullName ?? type.Name;
}
