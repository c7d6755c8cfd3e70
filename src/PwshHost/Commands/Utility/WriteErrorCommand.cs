// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Reflection;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommunications.Write, "Error", DefaultParameterSetName = NoException)]
public sealed class WriteErrorCommand : PSCmdlet
{
    private const string NoException = "NoException";
    private const string WithException = "WithException";
    private const string FromRecord = "ErrorRecord";

    [Parameter(Position = 0, ParameterSetName = WithException)]
    [Parameter(Position = 0, Mandatory = true, ParameterSetName = NoException, ValueFromPipeline = true)]
    [Alias("Msg")]
    [AllowNull]
    [AllowEmptyString]
    public string? Message { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = WithException)]
    public Exception? Exception { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = FromRecord)]
    public ErrorRecord? ErrorRecord { get; set; }

    [Parameter(ParameterSetName = NoException)]
    [Parameter(ParameterSetName = WithException)]
    public ErrorCategory Category { get; set; } = ErrorCategory.NotSpecified;

    [Parameter(ParameterSetName = NoException)]
    [Parameter(ParameterSetName = WithException)]
    [AllowNull]
    [AllowEmptyString]
    public string? ErrorId { get; set; }

    [Parameter(ParameterSetName = NoException)]
    [Parameter(ParameterSetName = WithException)]
    public object? TargetObject { get; set; }

    [Parameter]
    public string? RecommendedAction { get; set; }

    [Parameter]
    [Alias("Activity")]
    public string? CategoryActivity { get; set; }

    [Parameter]
    [Alias("Reason")]
    public string? CategoryReason { get; set; }

    [Parameter]
    [Alias("TargetName")]
    public string? CategoryTargetName { get; set; }

    [Parameter]
    [Alias("TargetType")]
    public string? CategoryTargetType { get; set; }

    protected override void ProcessRecord()
    {
        ErrorRecord record;
        if (ErrorRecord is not null)
        {
            record = new ErrorRecord(ErrorRecord, replaceParentContainsErrorRecordException: null);
        }
        else
        {
            Exception exception = Exception ?? new WriteErrorException(Message);
            string id = string.IsNullOrEmpty(ErrorId) ? exception.GetType().FullName! : ErrorId;
            record = new ErrorRecord(exception, id, Category, TargetObject);
            if (Exception is not null && !string.IsNullOrEmpty(Message))
            {
                record.ErrorDetails = new ErrorDetails(Message);
            }
        }

        if (!string.IsNullOrEmpty(RecommendedAction))
        {
            record.ErrorDetails ??= new ErrorDetails(record.ToString());
            record.ErrorDetails.RecommendedAction = RecommendedAction;
        }

        record.CategoryInfo.Activity = string.IsNullOrEmpty(CategoryActivity) ? "Write-Error" : CategoryActivity;
        record.CategoryInfo.Reason = string.IsNullOrEmpty(CategoryReason) ? record.CategoryInfo.Reason : CategoryReason;
        record.CategoryInfo.TargetName = string.IsNullOrEmpty(CategoryTargetName) ? record.CategoryInfo.TargetName : CategoryTargetName;
        record.CategoryInfo.TargetType = string.IsNullOrEmpty(CategoryTargetType) ? record.CategoryInfo.TargetType : CategoryTargetType;
        UseCallerPosition(record);
        WriteError(record);
    }

    // The error is the caller's: it is to name the function or script that called, not this command.
    private void UseCallerPosition(ErrorRecord record)
    {
        if (GetVariableValue("MyInvocation") is InvocationInfo { MyCommand: not null } caller)
        {
            const BindingFlags Any = BindingFlags.Instance | BindingFlags.NonPublic;
            typeof(ErrorRecord).GetMethod("SetInvocationInfo", Any)?.Invoke(record, [caller]);
            typeof(ErrorRecord).GetProperty("PreserveInvocationInfoOnce", Any)?.SetValue(record, true);
            record.CategoryInfo.Activity = string.IsNullOrEmpty(CategoryActivity) ? "Write-Error" : CategoryActivity;
        }
    }
}
