// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Reflection;
using System.Runtime.ExceptionServices;

namespace Microsoft.PowerShell.Commands;

/// <summary>The scopes of a session: what the engine keeps public for itself only.</summary>
internal readonly struct SessionInternals(SessionState session)
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private readonly object state = typeof(SessionState).GetProperty("Internal", Any)!.GetValue(session)!;

    public IDictionary<string, PSVariable> Variables(string? scope) => (IDictionary<string, PSVariable>)(scope is null
        ? Call("GetVariableTable")!
        : Call("GetVariableTableAtScope", scope)!);

    public PSVariable? Variable(string name, string? scope) => (PSVariable?)(scope is null
        ? Call("GetVariable", name)
        : Call("GetVariableAtScope", name, scope));

    public void NewVariable(PSVariable variable, string scope, bool force) => Call("NewVariableAtScope", variable, scope, force);

    public void SetVariable(PSVariable variable, string scope, bool force) =>
        Call("SetVariableAtScope", variable, scope, force, CommandOrigin.Internal);

    public void RemoveVariable(PSVariable variable, string? scope, bool force)
    {
        if (scope is null)
        {
            Call("RemoveVariable", variable, force);
        }
        else
        {
            Call("RemoveVariableAtScope", variable, scope, force);
        }
    }

    public IDictionary<string, AliasInfo> Aliases(string? scope) => (IDictionary<string, AliasInfo>)(scope is null
        ? Call("GetAliasTable")!
        : Call("GetAliasTableAtScope", scope)!);

    public AliasInfo SetAlias(string name, string value, ScopedItemOptions options, string? scope, bool force)
    {
        if (scope is null)
        {
            return (AliasInfo)Call("SetAliasValue", name, value, options, force, CommandOrigin.Internal)!;
        }

        object context = state.GetType().GetProperty("ExecutionContext", Any)!.GetValue(state)!;
        AliasInfo alias = (AliasInfo)Activator.CreateInstance(typeof(AliasInfo), Any, null, [name, value, context, options], null)!;
        return (AliasInfo)Call("SetAliasItemAtScope", alias, scope, force, CommandOrigin.Internal)!;
    }

    public void RemoveAlias(string name, bool force) => Call("RemoveAlias", name, force);

    private object? Call(string method, params object[] arguments)
    {
        MethodInfo found = state.GetType().GetMethod(method, Any, [.. arguments.Select(static a => a.GetType())])
            ?? throw new MissingMethodException(state.GetType().FullName, method);
        try
        {
            return found.Invoke(state, arguments);
        }
        catch (TargetInvocationException e) when (e.InnerException is not null)
        {
            ExceptionDispatchInfo.Throw(e.InnerException);
            throw;
        }
    }
}
