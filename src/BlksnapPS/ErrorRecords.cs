// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap.Abi;

namespace BlksnapPS;

/// <summary>Makes error records. What an error means and what to do about it is in the library's table of errors.</summary>
internal static class ErrorRecords
{
    /// <summary>Makes the error record of an exception.</summary>
    /// <param name="exception">What happened.</param>
    /// <param name="target">What the command was working on; the target of the exception if null.</param>
    public static ErrorRecord Create(Exception exception, object? target)
    {
        if (exception is not BlksnapException failure)
        {
            return new ErrorRecord(exception, exception.GetType().Name, CategoryOf(exception), target);
        }

        return new ErrorRecord(failure, failure.ErrorId, Enum.Parse<ErrorCategory>(failure.Kind.ToString()), target ?? failure.Target)
        {
            ErrorDetails = new ErrorDetails(failure.Message) { RecommendedAction = failure.NextStep },
        };
    }

    // Of files that the commands read and write beside the driver.
    private static ErrorCategory CategoryOf(Exception exception) => exception switch
    {
        UnauthorizedAccessException => ErrorCategory.PermissionDenied,
        FileNotFoundException or DirectoryNotFoundException => ErrorCategory.ObjectNotFound,
        IOException => ErrorCategory.ReadError,
        ArgumentException => ErrorCategory.InvalidArgument,
        _ => ErrorCategory.NotSpecified,
    };
}
