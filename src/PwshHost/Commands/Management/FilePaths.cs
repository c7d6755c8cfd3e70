// SPDX-License-Identifier: MIT
using System.Collections.ObjectModel;
using System.Management.Automation;

namespace Microsoft.PowerShell.Commands;

/// <summary>From what a user types to full paths of the file system.</summary>
internal static class FilePaths
{
    /// <summary>Every existing path that the arguments name; each that does not exist becomes an error of the command.</summary>
    public static IEnumerable<string> Resolve(PSCmdlet cmdlet, IEnumerable<string> paths, bool literal)
    {
        foreach (string path in paths)
        {
            List<string> found = [];
            try
            {
                if (literal)
                {
                    string full = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
                    RequireFiles(path, provider);
                    if (!Exists(full))
                    {
                        throw new ItemNotFoundException($"Cannot find path '{full}' because it does not exist.");
                    }

                    found.Add(full);
                }
                else
                {
                    Collection<string> resolved = cmdlet.SessionState.Path.GetResolvedProviderPathFromPSPath(path, out ProviderInfo provider);
                    RequireFiles(path, provider);
                    found.AddRange(resolved);
                }
            }
            catch (Exception e) when (Errors.IsItemError(e))
            {
                cmdlet.WriteError(Errors.From(e, path));
            }

            foreach (string item in found)
            {
                yield return item;
            }
        }
    }

    /// <summary>The full path of something that need not exist.</summary>
    public static string Full(PSCmdlet cmdlet, string path)
    {
        string full = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
        RequireFiles(path, provider);
        return full;
    }

    // A link whose target is gone is there all the same.
    public static bool Exists(string path) => Path.Exists(path) || new FileInfo(path).LinkTarget is not null;

    private static void RequireFiles(string path, ProviderInfo provider)
    {
        if (provider.Name != "FileSystem")
        {
            throw new PSNotSupportedException($"'{path}' is not a path of the file system.");
        }
    }
}

/// <summary>Error records with the ids and categories that the provider commands give.</summary>
internal static class Errors
{
    /// <summary>Whether an exception is about one item, so that the command goes on with the next; a stop of the pipeline is not.</summary>
    public static bool IsItemError(Exception exception) => exception is not PipelineStoppedException
        && (exception is RuntimeException or IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException);

    public static ErrorRecord From(Exception exception, object? target)
    {
        if (exception is IContainsErrorRecord { ErrorRecord: { } inner } && exception is RuntimeException)
        {
            return new ErrorRecord(exception, IdOf(exception, inner), inner.CategoryInfo.Category is ErrorCategory.NotSpecified ? CategoryOf(exception) : inner.CategoryInfo.Category, target);
        }

        return new ErrorRecord(exception, IdOf(exception, null), CategoryOf(exception), target);
    }

    private static string IdOf(Exception exception, ErrorRecord? inner) => exception switch
    {
        ItemNotFoundException => "PathNotFound",
        System.Management.Automation.DriveNotFoundException => "DriveNotFound",
        UnauthorizedAccessException => "UnauthorizedAccessError",
        IOException => "IOError",
        _ => inner?.FullyQualifiedErrorId ?? exception.GetType().Name,
    };

    private static ErrorCategory CategoryOf(Exception exception) => exception switch
    {
        ItemNotFoundException or FileNotFoundException or DirectoryNotFoundException or System.Management.Automation.DriveNotFoundException => ErrorCategory.ObjectNotFound,
        UnauthorizedAccessException => ErrorCategory.PermissionDenied,
        IOException => ErrorCategory.WriteError,
        ArgumentException => ErrorCategory.InvalidArgument,
        NotSupportedException => ErrorCategory.NotImplemented,
        _ => ErrorCategory.NotSpecified,
    };
}
