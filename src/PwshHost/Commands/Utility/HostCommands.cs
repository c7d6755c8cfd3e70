// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.Get, "Host")]
public sealed class GetHostCommand : PSCmdlet
{
    protected override void BeginProcessing() => WriteObject(Host);
}

[Cmdlet(VerbsCommunications.Read, "Host", DefaultParameterSetName = "AsString")]
[OutputType(typeof(string), typeof(SecureString))]
public sealed class ReadHostCommand : PSCmdlet
{
    [Parameter(Position = 0, ValueFromRemainingArguments = true)]
    [AllowNull]
    public object? Prompt { get; set; }

    [Parameter(ParameterSetName = "AsSecureString")]
    public SwitchParameter AsSecureString { get; set; }

    [Parameter(ParameterSetName = "AsString")]
    public SwitchParameter MaskInput { get; set; }

    protected override void BeginProcessing()
    {
        try
        {
            if (Prompt is not null)
            {
                Host.UI.Write(LanguagePrimitives.ConvertTo<string>(Prompt) + ": ");
            }

            if (AsSecureString)
            {
                WriteObject(Host.UI.ReadLineAsSecureString());
            }
            else
            {
                WriteObject(MaskInput ? new System.Net.NetworkCredential(string.Empty, Host.UI.ReadLineAsSecureString()).Password : Host.UI.ReadLine());
            }
        }
        catch (PSInvalidOperationException e)
        {
            ThrowTerminatingError(new ErrorRecord(e, "InvalidOperation", ErrorCategory.InvalidOperation, null));
        }
        catch (HostException e)
        {
            ThrowTerminatingError(e.ErrorRecord);
        }
    }
}

[Cmdlet(VerbsCommon.Get, "PSCallStack")]
[OutputType(typeof(CallStackFrame))]
public sealed class GetPSCallStackCommand : PSCmdlet
{
    protected override void ProcessRecord() =>
        WriteObject(System.Management.Automation.Runspaces.Runspace.DefaultRunspace.Debugger.GetCallStack(), enumerateCollection: true);
}
