// SPDX-License-Identifier: MIT
namespace Blksnap.Abi;

/// <summary>
/// Something that there is one of in the process until a test or a simulation brings its own: for everybody, or for
/// the caller and the threads that it starts from then on.
/// </summary>
/// <typeparam name="T">What it is.</typeparam>
/// <param name="original">What there is in the beginning.</param>
internal sealed class Replaceable<T>(T original)
    where T : class
{
    private readonly AsyncLocal<T?> _here = new();
    private volatile T _everywhere = original;

    /// <summary>The one to use now, here.</summary>
    public T Value => _here.Value ?? _everywhere;

    /// <summary>Has everybody use another one until the returned object is disposed.</summary>
    public IDisposable Use(T value)
    {
        T previous = _everywhere;
        _everywhere = value;
        return new Restore(() => _everywhere = previous);
    }

    /// <summary>
    /// Has the caller, and what it starts, use another one until the returned object is disposed by the caller.
    /// What was started goes on with it after that too.
    /// </summary>
    public IDisposable UseHere(T value)
    {
        T? previous = _here.Value;
        _here.Value = value;
        return new Restore(() => _here.Value = previous);
    }

    private sealed class Restore(Action action) : IDisposable
    {
        private Action? _action = action;

        public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
    }
}
