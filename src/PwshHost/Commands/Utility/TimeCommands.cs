// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Reflection;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsLifecycle.Start, "Sleep", DefaultParameterSetName = "Seconds")]
public sealed class StartSleepCommand : PSCmdlet, IDisposable
{
    private readonly ManualResetEventSlim stop = new();

    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "Seconds", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateRange(0.0, int.MaxValue / 1000)]
    public double Seconds { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "Milliseconds", ValueFromPipelineByPropertyName = true)]
    [Alias("ms")]
    [ValidateRange(0, int.MaxValue)]
    public int Milliseconds { get; set; }

    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "FromTimeSpan", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("ts")]
    public TimeSpan Duration { get; set; }

    protected override void ProcessRecord() => stop.Wait(ParameterSetName switch
    {
        "Milliseconds" => TimeSpan.FromMilliseconds(Milliseconds),
        "FromTimeSpan" => Duration,
        _ => TimeSpan.FromSeconds(Seconds),
    });

    protected override void StopProcessing() => stop.Set();

    public void Dispose() => stop.Dispose();
}

[Cmdlet(VerbsCommon.Get, "Date", DefaultParameterSetName = "DateAndFormat")]
[OutputType(typeof(DateTime), typeof(string))]
public sealed class GetDateCommand : PSCmdlet
{
    [Parameter(ParameterSetName = "DateAndFormat", Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("LastWriteTime")]
    public DateTime Date { get; set; }

    [Parameter(ParameterSetName = "UnixTimeSecondsAndFormat", Mandatory = true)]
    [Alias("UnixTime")]
    public long UnixTimeSeconds { get; set; }

    [Parameter]
    [ValidateRange(1, 9999)]
    public int Year { get; set; }

    [Parameter]
    [ValidateRange(1, 12)]
    public int Month { get; set; }

    [Parameter]
    [ValidateRange(1, 31)]
    public int Day { get; set; }

    [Parameter]
    [ValidateRange(0, 23)]
    public int Hour { get; set; }

    [Parameter]
    [ValidateRange(0, 59)]
    public int Minute { get; set; }

    [Parameter]
    [ValidateRange(0, 59)]
    public int Second { get; set; }

    [Parameter]
    [ValidateRange(0, 999)]
    public int Millisecond { get; set; }

    [Parameter]
    public string? Format { get; set; }

    [Parameter]
    public SwitchParameter AsUTC { get; set; }

    protected override void ProcessRecord()
    {
        bool given = MyInvocation.BoundParameters.ContainsKey(nameof(Date));
        DateTime value = ParameterSetName == "UnixTimeSecondsAndFormat"
            ? DateTimeOffset.FromUnixTimeSeconds(UnixTimeSeconds).LocalDateTime
            : given ? Date : DateTime.Now;
        value = value.AddYears(Part(nameof(Year), Year, value.Year));
        value = value.AddMonths(Part(nameof(Month), Month, value.Month));
        value = value.AddDays(Part(nameof(Day), Day, value.Day));
        value = value.AddHours(Part(nameof(Hour), Hour, value.Hour));
        value = value.AddMinutes(Part(nameof(Minute), Minute, value.Minute));
        value = value.AddSeconds(Part(nameof(Second), Second, value.Second));
        if (MyInvocation.BoundParameters.ContainsKey(nameof(Millisecond)))
        {
            value = value.AddMilliseconds(Millisecond - value.Millisecond).AddTicks(-(value.Ticks % TimeSpan.TicksPerMillisecond));
        }

        value = AsUTC ? value.ToUniversalTime() : value;
        WriteObject(Format is null ? value : Text(value, Format));
    }

    private int Part(string name, int wanted, int current) => MyInvocation.BoundParameters.ContainsKey(name) ? wanted - current : 0;

    private static string Text(DateTime value, string format) => format.ToLowerInvariant() switch
    {
        "filedate" => value.ToString("yyyyMMdd", CultureInfo.InvariantCulture),
        "filedateuniversal" => value.ToUniversalTime().ToString("yyyyMMddZ", CultureInfo.InvariantCulture),
        "filedatetime" => value.ToString("yyyyMMddTHHmmssffff", CultureInfo.InvariantCulture),
        "filedatetimeuniversal" => value.ToUniversalTime().ToString("yyyyMMddTHHmmssffffZ", CultureInfo.InvariantCulture),
        _ => value.ToString(format, CultureInfo.CurrentCulture),
    };
}

[Cmdlet(VerbsCommon.New, "TimeSpan", DefaultParameterSetName = "Date")]
[OutputType(typeof(TimeSpan))]
public sealed class NewTimeSpanCommand : PSCmdlet
{
    [Parameter(Position = 0, ParameterSetName = "Date", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("LastWriteTime")]
    public DateTime Start { get; set; }

    [Parameter(Position = 1, ParameterSetName = "Date", ValueFromPipelineByPropertyName = true)]
    public DateTime End { get; set; }

    [Parameter(ParameterSetName = "Time")]
    public int Days { get; set; }

    [Parameter(ParameterSetName = "Time")]
    public int Hours { get; set; }

    [Parameter(ParameterSetName = "Time")]
    public int Minutes { get; set; }

    [Parameter(ParameterSetName = "Time")]
    public int Seconds { get; set; }

    [Parameter(ParameterSetName = "Time")]
    public int Milliseconds { get; set; }

    protected override void ProcessRecord()
    {
        DateTime now = DateTime.Now;
        DateTime Bound(string name, DateTime value) => MyInvocation.BoundParameters.ContainsKey(name) ? value : now;
        WriteObject(ParameterSetName == "Time"
            ? new TimeSpan(Days, Hours, Minutes, Seconds, Milliseconds)
            : Bound(nameof(End), End) - Bound(nameof(Start), Start));
    }
}

[Cmdlet(VerbsDiagnostic.Measure, "Command")]
[OutputType(typeof(TimeSpan))]
public sealed class MeasureCommandCommand : PSCmdlet
{
    private readonly Stopwatch watch = new();

    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    [Parameter(Position = 0, Mandatory = true)]
    public ScriptBlock Expression { get; set; } = null!;

    protected override void ProcessRecord()
    {
        watch.Start();
        CallerScope.Run(this, Expression, InputObject, discardOutput: true);
        watch.Stop();
    }

    protected override void EndProcessing() => WriteObject(watch.Elapsed);
}

[Cmdlet(VerbsLifecycle.Invoke, "Expression")]
public sealed class InvokeExpressionCommand : PSCmdlet
{
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public string Command { get; set; } = string.Empty;

    protected override void ProcessRecord() =>
        CallerScope.Run(this, InvokeCommand.NewScriptBlock(Command), System.Management.Automation.Internal.AutomationNull.Value, discardOutput: false);
}

/// <summary>Runs a script block in the scope of the command's caller, its output and errors going where the command's go.</summary>
internal static class CallerScope
{
    private static readonly MethodInfo InvokeUsingCmdlet =
        typeof(ScriptBlock).GetMethod("InvokeUsingCmdlet", BindingFlags.Instance | BindingFlags.NonPublic)
        ?? throw new MissingMethodException(nameof(ScriptBlock), "InvokeUsingCmdlet");

    private static readonly object WriteToCurrentErrorPipe =
        Enum.Parse(typeof(ScriptBlock).GetNestedType("ErrorHandlingBehavior", BindingFlags.NonPublic)!, "WriteToCurrentErrorPipe");

    public static void Run(PSCmdlet caller, ScriptBlock block, object? dollarUnder, bool discardOutput)
    {
        object nothing = System.Management.Automation.Internal.AutomationNull.Value;
        // Dot-sourced: the variables that the block sets stay, as in pwsh.
        ScriptBlock target = discardOutput ? ScriptBlock.Create("$null = . $args[0]") : block;
        object[] arguments = discardOutput ? [block] : [];
        try
        {
            InvokeUsingCmdlet.Invoke(target, [caller, false, WriteToCurrentErrorPipe, dollarUnder, Array.Empty<object>(), nothing, arguments]);
        }
        catch (TargetInvocationException e) when (e.InnerException is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException);
        }
    }
}
