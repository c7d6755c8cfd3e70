// SPDX-License-Identifier: MIT
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Unit.Library;

namespace Unit.Cmdlets;

/// <summary>Enable-, Disable- and Get-DiffStorageAutoExtend, and New-BlkSnapshot -AutoExtend.</summary>
public sealed class AutoExtendTests : CmdletTest
{
    private const string Unknown = "11111111-2222-3333-4444-555555555555";

    private DiffStorageAutoExtend Record(Guid id) => Run($"Get-DiffStorageAutoExtend {id}").Ok().Single<DiffStorageAutoExtend>();

    [ExtentFact]
    public void Storage_grows_with_the_writer_until_the_snapshot_ends()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Assert.Empty(Run($"Get-BlkSnapshot | Enable-DiffStorageAutoExtend {folder.Path} 40MB -StepSize 4MB").Ok().Output);
        Assert.Equal(4 * MiB, (long)Driver.Snapshots[0].Capacity * 512);

        // A step at a time, never more than is free: each is answered before the next.
        for (int written = 0; written < 32; written++)
        {
            Assert.True(Engine.Until(() => (long)(Driver.Snapshots[0].Capacity - Driver.Snapshots[0].Filled) * 512 >= 2 * MiB));
            Driver.Write(First.Id, written * MiB, MiB);
        }

        Assert.Equal(SnapshotState.Taken, Run("Get-BlkSnapshot").Ok().Single<Snapshot>().State);

        // The last step may still be on its way into the record.
        Assert.True(Engine.Until(() => Record(snapshot.Id).AddedBytes + (4 * MiB) == (long)Driver.Snapshots[0].Capacity * 512));
        DiffStorageAutoExtend record = Record(snapshot.Id);
        Assert.True(record.State is AutoExtendState.Active or AutoExtendState.AtMaximum, record.LastError);
        Assert.Equal((folder.Path, 40 * MiB), (record.Directory, record.MaximumSize));
        Assert.Equal(record.Extensions, record.Steps.Count);
        Assert.All(record.Steps, step => Assert.True(step.Length >= 4 * MiB && step.Error is null));

        // Files without a name go with the snapshot; the record stays.
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.Ended));
        Assert.NotNull(Record(snapshot.Id).EndTime);
        Assert.Equal(record.AddedBytes, Record(snapshot.Id).AddedBytes);
        Assert.True(Engine.Until(() => Driver.OpenChannels == 0));
    }

    [ExtentFact]
    public void What_is_missing_to_a_step_is_added_at_once()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        DiffStorageAutoExtend record = Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -StepSize 16MB -PassThru")
            .Ok().Single<DiffStorageAutoExtend>();
        Assert.Equal((12 * MiB, 1), (record.AddedBytes, record.Extensions));
        Assert.Equal(16 * MiB, Run("(Get-DiffStorage).Capacity").Ok().Single<long>());
    }

    [ExtentFact]
    public void The_maximum_is_kept()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 10MB -StepSize 4MB").Ok();
        Driver.Write(First.Id, 0, 3 * MiB);
        Assert.True(Engine.Until(() => Driver.Snapshots[0].Capacity * 512 >= 8 * MiB));
        Driver.Write(First.Id, 3 * MiB, 4 * MiB);
        Assert.True(Engine.Until(() => Driver.Snapshots[0].Capacity * 512 >= 10 * MiB));
        Driver.Write(First.Id, 7 * MiB, 3 * MiB);
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.AtMaximum));
        Assert.Equal(10 * MiB, Run("(Get-DiffStorage).Capacity").Ok().Single<long>());
    }

    [ExtentFact]
    public void A_request_that_is_out_of_date_adds_nothing()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+64MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -StepSize 4MB").Ok();
        Driver.RaiseLowSpace(snapshot.Id, 16 * MiB);
        Run($"Disable-DiffStorageAutoExtend {snapshot.Id}").Ok();
        Assert.Equal(64 * MiB, Run("(Get-DiffStorage).Capacity").Ok().Single<long>());
        Assert.Equal(AutoExtendState.Disabled, Record(snapshot.Id).State);
        Run($"Disable-DiffStorageAutoExtend {snapshot.Id}").Error("AutoExtendNotActive", ErrorCategory.ObjectNotFound);
    }

    [ExtentFact]
    public void A_snapshot_may_be_made_so()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Run($"New-BlkSnapshot /dev/fake0 -DiffStorage {folder.Path} -DiffStorageSize 4MB -AutoExtend -MaximumSize 8MB")
            .Ok().Single<Snapshot>();
        Assert.Equal(8 * MiB, snapshot.StorageCapacity);
        Assert.Equal(AutoExtendState.AtMaximum, Record(snapshot.Id).State);
        Run("New-BlkSnapshot /dev/fake1 -DiffStorage /dev/store -AutoExtend -MaximumSize 8MB")
            .Error("AutoExtendNeedsDirectory", ErrorCategory.InvalidArgument);
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB").Error("AutoExtendActive", ErrorCategory.ResourceExists);
    }

    [ExtentFact]
    public void A_snapshot_does_not_begin_with_more_than_its_maximum()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Run($"New-BlkSnapshot /dev/fake0 -DiffStorage {folder.Path} -AutoExtend -MaximumSize 8MB").Ok().Single<Snapshot>();
        Assert.Equal(8 * MiB, snapshot.StorageCapacity);
        Assert.Equal((AutoExtendState.AtMaximum, 0L), (Record(snapshot.Id).State, Record(snapshot.Id).AddedBytes));
    }

    [ExtentFact]
    public void A_snapshot_that_would_begin_with_more_than_its_maximum_is_refused_before_anything_is_made()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        foreach (string storage in new[] { $"{folder.Path} -DiffStorageSize 16MB", $"{folder.Path}, /dev/store:0+1MiB", $"{folder.Path}, /dev/store:0+1MiB -WhatIf" })
        {
            ErrorRecord error = Run($"New-BlkSnapshot /dev/fake0 -AutoExtend -MaximumSize 8MB -DiffStorage {storage}")
                .Error("AutoExtendMaximumTooSmall", ErrorCategory.LimitsExceeded);
            Assert.Contains("-DiffStorageSize", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        }

        Assert.Empty(Driver.MutatingRequests);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [ExtentFact]
    public void A_maximum_that_the_storage_has_already_is_refused()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+16MiB");
        foreach (string size in new[] { "8MB", "16MB", "16MB -WhatIf" })
        {
            Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} {size}").Error("AutoExtendMaximumTooSmall", ErrorCategory.LimitsExceeded);
        }

        Assert.Empty(Run("Get-DiffStorageAutoExtend").Ok().Output);
        BlksnapException refused = Assert.Throws<BlksnapException>(() => Blksnap.Snapshots.AutoExtension.Enable(snapshot.Id, folder.Path, 16 * MiB));
        Assert.Equal(ErrorIds.AutoExtendMaximumTooSmall, refused.ErrorId);
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 17MB").Ok();
    }

    [ExtentFact]
    public void Trying_out_changes_nothing()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        int before = Driver.MutatingRequests.Count;
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -WhatIf").Ok();
        Run($"Disable-DiffStorageAutoExtend -Id {snapshot.Id} -WhatIf").Ok();
        Assert.Equal(before, Driver.MutatingRequests.Count);
        Assert.Empty(Run("Get-DiffStorageAutoExtend").Ok().Output);
    }

    [ExtentFact]
    public void What_cannot_work_is_refused()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Run($"Enable-DiffStorageAutoExtend -Id {Unknown} {folder.Path} 1GB").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.File("missing")} 1GB").Error("StorageNotFound", ErrorCategory.ObjectNotFound);
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} /proc 1GB").Error("StorageUnsupportedFileSystem", ErrorCategory.InvalidType);
        Run($"Disable-DiffStorageAutoExtend {snapshot.Id}").Error("AutoExtendNotActive", ErrorCategory.ObjectNotFound);
    }

    [ExtentFact]
    public void A_failure_is_in_the_record_and_the_next_request_is_answered()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => FilesAhead(folder) == 1));

        // The file that was made ahead, and another one.
        Driver.FailRequest(7, Errno.ENOMEM);
        Driver.FailRequest(7, Errno.ENOMEM);
        Driver.Write(First.Id, 0, 3 * MiB);
        Assert.True(Engine.Until(() => Record(snapshot.Id).LastError is not null));
        Driver.RaiseLowSpace(snapshot.Id, 4 * MiB);
        Assert.True(Engine.Until(() => Record(snapshot.Id).Extensions == 1));
        Assert.Equal(2, Record(snapshot.Id).Steps.Count);
    }

    [ExtentFact]
    public void A_request_is_answered_with_a_file_that_is_there_already()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {Directory.CreateDirectory(folder.File("store"))} 8MB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => FilesAhead(folder) == 1));
        Assert.Equal(4 * MiB, (long)Driver.Snapshots[0].Capacity * 512);

        // No other can be made any more.
        Directory.Delete(folder.File("store"));
        Driver.Write(First.Id, 0, 3 * MiB);
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.AtMaximum));
        Assert.Null(Record(snapshot.Id).LastError);
        AutoExtendStep step = Assert.Single(Record(snapshot.Id).Steps);
        Assert.Equal((4 * MiB, null), (step.Length, step.Error));
        Assert.Equal(8 * MiB, (long)Driver.Snapshots[0].Capacity * 512);
    }

    [ExtentFact]
    public void What_is_made_ahead_goes_with_the_extension()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => FilesAhead(folder) == 1));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Run($"Disable-DiffStorageAutoExtend {snapshot.Id}").Ok();
        Assert.Equal(0, FilesAhead(folder));
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => FilesAhead(folder) == 1));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();

        // At once, for whoever unmounts the directory now.
        Assert.Equal(0, FilesAhead(folder));
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.Ended));
    }

    [ExtentFact]
    public void Ctrl_C_does_not_wait_for_an_extension_that_is_busy()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => FilesAhead(folder) == 1));

        // The first to ask for the status is the reader of the event.
        Driver.DelayRequest(64, TimeSpan.FromHours(1), skip: 1);
        Driver.RaiseLowSpace(snapshot.Id, 4 * MiB);
        Assert.True(Engine.Until(() => Driver.Delayed == 1));
        using PowerShell shell = Engine.Create($"Disable-DiffStorageAutoExtend {snapshot.Id}");
        shell.BeginInvoke();
        Assert.True(Engine.Until(() => Directory.GetDirectories("/proc/self/task").Any(task => NameOf(task).StartsWith("blksnap detache", StringComparison.Ordinal))));
        IAsyncResult stopping = shell.BeginStop(null, null);
        bool stopped = stopping.AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(20));
        Driver.EndDelays();
        Assert.True(stopped, "it was not stopped");
        Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.Disabled));
        Assert.Equal(0, FilesAhead(folder));
    }

    [ExtentFact]
    public void What_cannot_be_made_ahead_is_made_when_it_is_needed()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");

        // The command reads the devices of the snapshot four times; the next time is for the file.
        Driver.FailRequest(65, Errno.EIO, skip: 4);
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 8MB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => Driver.Requests.Any(request => request.Number == 65 && request.Result == -Errno.EIO)));
        Assert.Null(Record(snapshot.Id).LastError);
        Driver.Write(First.Id, 0, 3 * MiB);
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.AtMaximum));
        Assert.Equal((4 * MiB, 1, null), (Record(snapshot.Id).AddedBytes, Record(snapshot.Id).Extensions, Record(snapshot.Id).LastError));
    }

    [ExtentFact]
    public void What_was_made_ahead_is_not_used_beyond_the_maximum()
    {
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 12MB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => FilesAhead(folder) == 1));
        Run($"Add-DiffStorage {snapshot.Id} /dev/store:100MiB+6MiB").Ok();
        Driver.Write(First.Id, 0, 8 * MiB);
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.AtMaximum));
        Assert.Equal(12 * MiB, (long)Driver.Snapshots[0].Capacity * 512);
        Assert.Equal(2 * MiB, Record(snapshot.Id).AddedBytes);
    }

    [ImmutableFact]
    public void What_was_made_ahead_is_given_first_and_the_rest_of_the_request_after_it()
    {
        Replace(Blksnap.Simulation.SimulatedFlavor.Reference);
        Driver.StorageMinimum = 8 * MiB / 512;
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+8MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 64MB -StepSize 1MB").Ok();

        // The request of the creation is one too.
        Assert.True(Engine.Until(() => Record(snapshot.Id).Extensions == 1 && FilesAhead(folder) == 1));
        Driver.RaiseLowSpace(snapshot.Id, 8 * MiB);
        Assert.True(Engine.Until(() => Record(snapshot.Id).Extensions == 2));
        Assert.Equal([1 * MiB, 7 * MiB], Record(snapshot.Id).Steps.Select(step => step.Length));
        Assert.Equal([1 * MiB, 1 * MiB, 6 * MiB], Directory.GetFiles(folder.Path).Select(file => new FileInfo(file).Length).Order());
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.True(Engine.Until(() => FilesAhead(folder) == 0));
    }

    [ImmutableFact]
    public void Files_that_no_driver_holds_are_released_with_the_snapshot()
    {
        Replace(Blksnap.Simulation.SimulatedFlavor.Reference);
        Driver.StorageMinimum = 8 * MiB / 512;
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 1GB -StepSize 4MB").Ok();
        Assert.True(Engine.Until(() => Directory.GetFileSystemEntries(folder.Path).Length > 0));
        Assert.True(Engine.Until(() => Record(snapshot.Id).Extensions > 0));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.True(Engine.Until(() => Record(snapshot.Id).State == AutoExtendState.Ended));
    }

    [ImmutableFact]
    public void A_driver_that_counts_what_it_asked_for_is_given_that_much()
    {
        Replace(Blksnap.Simulation.SimulatedFlavor.Reference);
        Driver.StorageMinimum = 8 * MiB / 512;
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 64MB -StepSize 1MB").Ok();
        WriteAll(40);
        DiffStorageAutoExtend record = Record(snapshot.Id);
        Assert.True(record.Extensions >= 4, $"{record.Extensions} extensions");
        Assert.True(Engine.Until(() => Record(snapshot.Id).AddedBytes + (4 * MiB) == Run("(Get-DiffStorage).Capacity").Ok().Single<long>()));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [ImmutableFact]
    public void What_somebody_else_was_asked_for_is_given_too()
    {
        Replace(Blksnap.Simulation.SimulatedFlavor.Reference);
        Driver.StorageMinimum = 8 * MiB / 512;
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+8MiB");
        using (BlksnapDriver other = BlksnapDriver.Open())
        {
            Assert.NotNull(other.WaitEvent(snapshot.Id, TimeSpan.Zero));
        }

        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 64MB -StepSize 1MB").Ok();
        WriteAll(40);
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
    }

    [ImmutableFact]
    public void Requests_that_come_together_are_answered_together()
    {
        Replace(Blksnap.Simulation.SimulatedFlavor.Reference);
        Driver.StorageMinimum = 8 * MiB / 512;
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Take(storage: "/dev/store:0+4MiB");
        Driver.RaiseLowSpace(snapshot.Id, 8 * MiB);
        Driver.RaiseLowSpace(snapshot.Id, 8 * MiB);
        Run($"Enable-DiffStorageAutoExtend -Id {snapshot.Id} {folder.Path} 64MB -StepSize 1MB").Ok();
        Assert.True(Engine.Until(() => Driver.Snapshots[0].Capacity * 512 >= 24 * MiB));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
    }

    [ImmutableFact]
    public void Files_of_a_snapshot_that_has_ended_are_released_by_its_id()
    {
        Replace(Blksnap.Simulation.SimulatedFlavor.Reference);
        using TemporaryFolder folder = ExtentFolder.Create();
        Snapshot snapshot = Run($"New-BlkSnapshot /dev/fake0 -DiffStorage {folder.Path} -DiffStorageSize 1MB").Ok().Single<Snapshot>();
        using (Driver.WaitElsewhere(snapshot.Id))
        {
            using (BlksnapDriver other = BlksnapDriver.Open())
            {
                other.DestroySnapshot(snapshot.Id);
            }

            Run($"Remove-BlkSnapshot {snapshot.Id} -WhatIf").Ok();
            ErrorRecord error = Run($"Remove-BlkSnapshot {snapshot.Id}").Error("StorageInUse", ErrorCategory.ResourceBusy);
            Assert.Contains(Assert.Single(Directory.GetFiles(folder.Path)), error.ErrorDetails.Message, StringComparison.Ordinal);
        }

        Run($"Remove-BlkSnapshot {snapshot.Id} -WhatIf").Ok();
        Assert.Single(Directory.GetFiles(folder.Path));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Ok();
        Assert.Empty(Directory.GetFiles(folder.Path));
        Run($"Remove-BlkSnapshot {snapshot.Id}").Error("SnapshotNotFound", ErrorCategory.ObjectNotFound);
    }

    private static string NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            // It has ended.
            return string.Empty;
        }
    }

    /// <summary>Files without a name in a folder or below it that this process has open for itself; those of the driver are as many as it holds.</summary>
    private int FilesAhead(TemporaryFolder folder)
    {
        int open = new DirectoryInfo("/proc/self/fd").EnumerateFileSystemInfos()
            .Count(entry => entry.LinkTarget is { } target && target.StartsWith(folder.Path + '/', StringComparison.Ordinal) && target.Contains('#'));
        return open - Driver.Snapshots.Sum(snapshot => snapshot.OpenFiles.Count);
    }

    /// <summary>Overwrites a device from its start, each time when there is room for it; the image is not lost.</summary>
    private void WriteAll(int megabytes)
    {
        for (int written = 0; written < megabytes; written++)
        {
            Assert.True(Engine.Until(() => (long)(Driver.Snapshots[0].Capacity - Driver.Snapshots[0].Filled) * 512 >= 2 * MiB), $"no room after {written} MiB");
            Driver.Write(First.Id, written * MiB, MiB);
        }

        Assert.False(Driver.Snapshots[0].IsCorrupted);
    }
}
