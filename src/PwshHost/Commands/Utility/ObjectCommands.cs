// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using System.Reflection;

namespace Microsoft.PowerShell.Commands;

[Cmdlet(VerbsCommon.New, "Object")]
public sealed class NewObjectCommand : PSCmdlet
{
    private static readonly ScriptBlock Construct = ScriptBlock.Create("param($type, $arguments) $type::new.Invoke($arguments)");

    [Parameter(Position = 0, Mandatory = true)]
    public string TypeName { get; set; } = string.Empty;

    [Parameter(Position = 1)]
    [Alias("Args")]
    public object?[] ArgumentList { get; set; } = [];

    [Parameter]
    public IDictionary? Property { get; set; }

    protected override void ProcessRecord()
    {
        if (!LanguagePrimitives.TryConvertTo(TypeName, out Type? type) || type is null)
        {
            ThrowTerminatingError(new ErrorRecord(
                new PSArgumentException($"Cannot find type [{TypeName}]: verify that the assembly containing this type is loaded."),
                "TypeNotFound", ErrorCategory.InvalidType, null));
            return;
        }

        PSObject result;
        try
        {
            result = PSObject.AsPSObject(Create(type));
        }
        catch (Exception e) when (e is RuntimeException or MissingMethodException or TargetInvocationException)
        {
            Exception cause = e is TargetInvocationException or MethodInvocationException && e.InnerException is not null ? e.InnerException : e;
            ThrowTerminatingError(new ErrorRecord(cause, "ConstructorInvokedThrowException", ErrorCategory.InvalidOperation, null));
            return;
        }

        foreach (DictionaryEntry entry in Property ?? new Hashtable())
        {
            string name = LanguagePrimitives.ConvertTo<string>(entry.Key);
            if (result.Properties[name] is { } property)
            {
                property.Value = entry.Value;
            }
            else if (result.BaseObject is PSCustomObject)
            {
                result.Properties.Add(new PSNoteProperty(name, entry.Value));
            }
            else
            {
                WriteError(new ErrorRecord(
                    new InvalidOperationException($"The member \"{name}\" was not found for the specified {type.FullName} object."),
                    "InvalidOperationException", ErrorCategory.InvalidOperation, null));
            }
        }

        WriteObject(result);
    }

    private object Create(Type type)
    {
        if (type == typeof(PSObject) || type == typeof(PSCustomObject))
        {
            return new PSObject();
        }

        if (ArgumentList.Length == 0 && (type.IsValueType || type.GetConstructor(Type.EmptyTypes) is not null))
        {
            return Activator.CreateInstance(type)!;
        }

        return Construct.Invoke(type, ArgumentList)[0].BaseObject;
    }
}

[Cmdlet(VerbsCommon.Add, "Member", DefaultParameterSetName = "TypeNameSet")]
public sealed class AddMemberCommand : PSCmdlet
{
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    public PSObject InputObject { get; set; } = null!;

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "MemberSet")]
    [Alias("Type")]
    public PSMemberTypes MemberType { get; set; }

    [Parameter(Mandatory = true, Position = 1, ParameterSetName = "MemberSet")]
    public string Name { get; set; } = string.Empty;

    [Parameter(Position = 2, ParameterSetName = "MemberSet")]
    public object? Value { get; set; }

    [Parameter(Position = 3, ParameterSetName = "MemberSet")]
    public object? SecondValue { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "TypeNameSet")]
    [Parameter(ParameterSetName = "MemberSet")]
    [Parameter(ParameterSetName = "NotePropertySingleMemberSet")]
    [Parameter(ParameterSetName = "NotePropertyMultiMemberSet")]
    public string? TypeName { get; set; }

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "NotePropertySingleMemberSet")]
    public string NotePropertyName { get; set; } = string.Empty;

    [Parameter(Mandatory = true, Position = 1, ParameterSetName = "NotePropertySingleMemberSet")]
    [AllowNull]
    public object? NotePropertyValue { get; set; }

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "NotePropertyMultiMemberSet")]
    public IDictionary NotePropertyMembers { get; set; } = new Hashtable();

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case "MemberSet":
                Add(Member());
                break;
            case "NotePropertySingleMemberSet":
                Add(new PSNoteProperty(NotePropertyName, NotePropertyValue));
                break;
            case "NotePropertyMultiMemberSet":
                foreach (DictionaryEntry entry in NotePropertyMembers)
                {
                    Add(new PSNoteProperty(LanguagePrimitives.ConvertTo<string>(entry.Key), entry.Value));
                }

                break;
        }

        if (TypeName is not null)
        {
            InputObject.TypeNames.Insert(0, LanguagePrimitives.TryConvertTo(TypeName, out Type? type) && type is not null ? type.FullName! : TypeName);
        }

        if (PassThru)
        {
            WriteObject(InputObject);
        }
    }

    private PSMemberInfo? Member()
    {
        object? first = Value is PSObject wrapped ? wrapped.BaseObject : Value;
        object? second = SecondValue is PSObject other ? other.BaseObject : SecondValue;
        switch (MemberType)
        {
            case PSMemberTypes.NoteProperty:
                return new PSNoteProperty(Name, Value);
            case PSMemberTypes.AliasProperty:
                return second is null
                    ? new PSAliasProperty(Name, LanguagePrimitives.ConvertTo<string>(first))
                    : new PSAliasProperty(Name, LanguagePrimitives.ConvertTo<string>(first), LanguagePrimitives.ConvertTo<Type>(second));
            case PSMemberTypes.ScriptProperty:
                return new PSScriptProperty(Name, (ScriptBlock?)first, (ScriptBlock?)second);
            case PSMemberTypes.ScriptMethod:
                return new PSScriptMethod(Name, LanguagePrimitives.ConvertTo<ScriptBlock>(first));
            case PSMemberTypes.CodeMethod:
                return new PSCodeMethod(Name, LanguagePrimitives.ConvertTo<MethodInfo>(first));
            case PSMemberTypes.CodeProperty:
                return new PSCodeProperty(Name, (MethodInfo?)first, (MethodInfo?)second);
            default:
                WriteError(new ErrorRecord(
                    new InvalidOperationException($"Cannot add a member with type \"{MemberType}\"."), "CannotAddMemberType", ErrorCategory.InvalidOperation, MemberType));
                return null;
        }
    }

    private void Add(PSMemberInfo? member)
    {
        if (member is null)
        {
            return;
        }

        if (InputObject.Members[member.Name] is { } existing)
        {
            if (!Force || !existing.IsInstance)
            {
                if (!Force)
                {
                    WriteError(new ErrorRecord(
                        new InvalidOperationException($"Cannot add a member with the name \"{member.Name}\" because a member with that name already exists. To overwrite the member anyway, add the Force parameter to your command."),
                        "MemberAlreadyExists", ErrorCategory.InvalidOperation, InputObject));
                    return;
                }
            }
            else
            {
                InputObject.Members.Remove(member.Name);
            }
        }

        InputObject.Members.Add(member);
    }
}

[Cmdlet(VerbsCommon.Get, "Member")]
public sealed class GetMemberCommand : PSCmdlet
{
    private readonly HashSet<string> seen = [];

    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    [Parameter(Position = 0)]
    public string[] Name { get; set; } = ["*"];

    [Parameter]
    [Alias("Type")]
    public PSMemberTypes MemberType { get; set; } = PSMemberTypes.All;

    [Parameter]
    public SwitchParameter Static { get; set; }

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        if (InputObject is null)
        {
            return;
        }

        string typeName = Static ? (InputObject.BaseObject as Type ?? InputObject.BaseObject.GetType()).FullName! : InputObject.TypeNames[0];
        if (!seen.Add(typeName))
        {
            return;
        }

        WildcardPattern[] patterns = [.. Name.Select(static n => WildcardPattern.Get(n, WildcardOptions.IgnoreCase))];
        IEnumerable<MemberDefinition> members = Static
            ? StaticMembers(InputObject.BaseObject as Type ?? InputObject.BaseObject.GetType(), typeName)
            : InputObject.Members.Select(m => new MemberDefinition(typeName, m.Name, m.MemberType, m.ToString() ?? string.Empty));
        foreach (MemberDefinition member in members
            .Where(m => (m.MemberType & MemberType) != 0 && Array.Exists(patterns, p => p.IsMatch(m.Name)) && (Force || Shown(m)))
            .OrderBy(static m => m.MemberType.ToString(), StringComparer.OrdinalIgnoreCase)
            .ThenBy(static m => m.Name, StringComparer.OrdinalIgnoreCase))
        {
            WriteObject(member);
        }
    }

    protected override void EndProcessing()
    {
        if (seen.Count == 0)
        {
            WriteError(new ErrorRecord(
                new InvalidOperationException("You must specify an object for the Get-Member cmdlet."), "NoObjectInGetMember", ErrorCategory.CloseError, null));
        }
    }

    // Accessors and the engine's own sets only with -Force.
    private static bool Shown(MemberDefinition member) =>
        member.MemberType != PSMemberTypes.MemberSet
        && !(member.MemberType == PSMemberTypes.Method && (member.Name.StartsWith("get_", StringComparison.Ordinal) || member.Name.StartsWith("set_", StringComparison.Ordinal)))
        && member.MemberType != PSMemberTypes.InferredProperty;

    private static IEnumerable<MemberDefinition> StaticMembers(Type type, string typeName)
    {
        const BindingFlags Flags = BindingFlags.Static | BindingFlags.Public | BindingFlags.FlattenHierarchy;
        foreach (IGrouping<string, MethodInfo> group in type.GetMethods(Flags).Where(static m => !m.IsSpecialName).GroupBy(static m => m.Name))
        {
            yield return new(typeName, group.Key, PSMemberTypes.Method, string.Join(", ", group.Select(static m => "static " + m)));
        }

        foreach (PropertyInfo property in type.GetProperties(Flags))
        {
            yield return new(typeName, property.Name, PSMemberTypes.Property, $"static {property} {{get;{(property.CanWrite ? "set;" : string.Empty)}}}");
        }

        foreach (FieldInfo field in type.GetFields(Flags))
        {
            yield return new(typeName, field.Name, PSMemberTypes.Property, "static " + field);
        }
    }
}

[Cmdlet(VerbsCommon.Add, "Type", DefaultParameterSetName = "FromPath")]
[OutputType(typeof(Type))]
public sealed class AddTypeCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "FromPath")]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = "FromLiteralPath")]
    [Alias("PSPath", "LP")]
    public string[]? LiteralPath { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "FromAssemblyName")]
    [Alias("AN")]
    public string[]? AssemblyName { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void EndProcessing()
    {
        IEnumerable<Assembly> assemblies = AssemblyName is not null
            ? AssemblyName.Select(Assembly.Load)
            : FilePaths.Resolve(this, LiteralPath ?? Path, literal: LiteralPath is not null).Select(Assembly.LoadFrom);
        foreach (Assembly assembly in assemblies)
        {
            if (PassThru)
            {
                WriteObject(assembly.GetExportedTypes(), enumerateCollection: true);
            }
        }
    }
}
