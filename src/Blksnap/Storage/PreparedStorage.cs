// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Storage;

/// <summary>A file that is made and mapped, and no snapshot's yet. It has no name: nothing of it stays when it is disposed of, however that comes.</summary>
internal sealed class PreparedStorage(FileStorageSource source, FileDescriptor file, long length) : IDisposable
{
    /// <summary>Its bytes.</summary>
    public long Length => length;

    /// <summary>As <see cref="DiffStorageSource.Attach"/>.</summary>
    public IReadOnlyList<DiffStorageRange> Attach(BlksnapDriver driver, Guid id, StorageKeeper keeper) => source.Attach(driver, id, keeper, file);

    public void Dispose() => file.Dispose();
}
