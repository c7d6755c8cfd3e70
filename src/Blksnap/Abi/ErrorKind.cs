// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>What sort of failure it is. The names are those of PowerShell's error categories.</summary>
public enum ErrorKind
{
#pragma warning disable CS1591 // the names say it
    NotSpecified,
    InvalidArgument,
    InvalidData,
    InvalidOperation,
    InvalidType,
    LimitsExceeded,
    NotImplemented,
    ObjectNotFound,
    OperationStopped,
    OperationTimeout,
    PermissionDenied,
    ReadError,
    ResourceBusy,
    ResourceExists,
    ResourceUnavailable,
    WriteError,
#pragma warning restore CS1591
}
