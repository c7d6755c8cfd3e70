// SPDX-License-Identifier: MIT
using System.Collections;
using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Text.RegularExpressions;

// The engine's views, error ids and scripts know these results and the commands by these full names.
namespace Microsoft.PowerShell.Commands;

public sealed class WriteErrorException : SystemException
{
    public WriteErrorException()
        : this(null)
    {
    }

    public WriteErrorException(string? message)
        : base(string.IsNullOrEmpty(message) ? "The Write-Error cmdlet reported an error." : message)
    {
    }

    public WriteErrorException(string? message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

public class GroupInfo(string name, ArrayList values)
{
    public int Count { get; internal set; }

    public ArrayList Values { get; } = values;

    public string Name { get; } = name;

    public Collection<PSObject> Group { get; } = [];
}

public sealed class GroupInfoNoElement(string name, ArrayList values) : GroupInfo(name, values);

public abstract class MeasureInfo
{
    public string? Property { get; internal set; }
}

public sealed class GenericMeasureInfo : MeasureInfo
{
    public int Count { get; internal set; }

    public double? Average { get; internal set; }

    public double? Sum { get; internal set; }

    public double? Maximum { get; internal set; }

    public double? Minimum { get; internal set; }

    public double? StandardDeviation { get; internal set; }
}

public sealed class GenericObjectMeasureInfo : MeasureInfo
{
    public int Count { get; internal set; }

    public double? Average { get; internal set; }

    public double? Sum { get; internal set; }

    public object? Maximum { get; internal set; }

    public object? Minimum { get; internal set; }

    public double? StandardDeviation { get; internal set; }
}

public sealed class TextMeasureInfo : MeasureInfo
{
    public int? Lines { get; internal set; }

    public int? Words { get; internal set; }

    public int? Characters { get; internal set; }
}

public sealed class MatchInfoContext
{
    public string[] PreContext { get; internal set; } = [];

    public string[] PostContext { get; internal set; } = [];

    public string[] DisplayPreContext => PreContext;

    public string[] DisplayPostContext => PostContext;
}

public sealed class MatchInfo
{
    public bool IgnoreCase { get; internal set; }

    public long LineNumber { get; internal set; }

    public string Line { get; internal set; } = string.Empty;

    public string Path { get; internal set; } = "InputStream";

    public string Pattern { get; internal set; } = string.Empty;

    public MatchInfoContext? Context { get; internal set; }

    public Match[] Matches { get; internal set; } = [];

    public string Filename => Path == "InputStream" ? Path : System.IO.Path.GetFileName(Path);

    // Only what lies below the directory gets shorter.
    public string RelativePath(string directory) => Path.StartsWith(directory.TrimEnd('/') + '/', StringComparison.Ordinal)
        ? System.IO.Path.GetRelativePath(directory, Path)
        : Path;

    public override string ToString() => ToString(null);

    public string ToString(string? directory)
    {
        string path = directory is null ? Path : RelativePath(directory);
        if (Context is null)
        {
            return Format(string.Empty, path, LineNumber, Line);
        }

        List<string> lines = [];
        long number = LineNumber - Context.PreContext.Length;
        foreach (string line in Context.PreContext)
        {
            lines.Add(Format("  ", path, number++, line));
        }

        lines.Add(Format("> ", path, number++, Line));
        foreach (string line in Context.PostContext)
        {
            lines.Add(Format("  ", path, number++, line));
        }

        return string.Join(Environment.NewLine, lines);
    }

    /// <summary>What the engine's view shows; without the marking of the matched text.</summary>
    public string ToEmphasizedString(string? directory) => ToString(directory);

    private static string Format(string prefix, string path, long number, string line) =>
        path == "InputStream" ? prefix + line : $"{prefix}{path}:{number}:{line}";
}

public sealed class MemberDefinition(string typeName, string name, PSMemberTypes memberType, string definition)
{
    public string TypeName { get; } = typeName;

    public string Name { get; } = name;

    public PSMemberTypes MemberType { get; } = memberType;

    public string Definition { get; } = definition;

    public override string ToString() => Definition;
}

public sealed class FileHashInfo
{
    public string Algorithm { get; set; } = string.Empty;

    public string Hash { get; set; } = string.Empty;

    public string? Path { get; set; }
}

public sealed class ProcessCommandException : SystemException
{
    public ProcessCommandException()
    {
    }

    public ProcessCommandException(string? message)
        : base(message)
    {
    }

    public ProcessCommandException(string? message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
