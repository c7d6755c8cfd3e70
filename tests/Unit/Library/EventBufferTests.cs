// SPDX-License-Identifier: MIT
using Blksnap;
using Blksnap.Snapshots;

namespace Unit.Library;

public sealed class EventBufferTests
{
    private static readonly Guid s_one = Guid.NewGuid();
    private static readonly Guid s_two = Guid.NewGuid();

    [Fact]
    public void RequestsOfOneSnapshotAreOne()
    {
        EventBuffer buffer = new();
        buffer.Add(Event(1, SnapshotEventKind.LowSpace, s_one));
        buffer.Add(Event(2, SnapshotEventKind.Corrupted, s_one));
        buffer.Add(Event(1, SnapshotEventKind.LowSpace, s_two));
        buffer.Add(Event(3, SnapshotEventKind.LowSpace, s_one));
        buffer.Add(Event(4, SnapshotEventKind.LowSpace, s_one));
        Assert.Equal(
            [(s_one, 2L, 0), (s_two, 1L, 0), (s_one, 4L, 2)],
            TakeAll(buffer).Select(item => (item.SnapshotId, item.SequenceNumber, item.Coalesced)));
        buffer.Add(Event(5, SnapshotEventKind.LowSpace, s_one));
        Assert.Equal(0, Assert.Single(TakeAll(buffer)).Coalesced);
    }

    [Fact]
    public void WhatIsPutBackIsWhereItsNumberSaysOrPartOfALaterRequest()
    {
        EventBuffer buffer = new();
        buffer.Add(Event(4, SnapshotEventKind.LowSpace, s_one));
        buffer.Add(Event(5, SnapshotEventKind.Corrupted, s_one));
        buffer.PutBack(Event(2, SnapshotEventKind.Corrupted, s_one));
        buffer.PutBack(Event(3, SnapshotEventKind.LowSpace, s_one));
        buffer.PutBack(Event(6, SnapshotEventKind.Corrupted, s_one));
        Assert.Equal([(2L, 0), (4L, 1), (5L, 0), (6L, 0)], TakeAll(buffer).Select(item => (item.SequenceNumber, item.Coalesced)));

        buffer.Add(Event(7, SnapshotEventKind.LowSpace, s_one));
        buffer.PutBack(Event(8, SnapshotEventKind.LowSpace, s_one));
        Assert.Equal((8L, 1), TakeAll(buffer) is [var both] ? (both.SequenceNumber, both.Coalesced) : default);
    }

    [Fact]
    public void OldestIsDroppedForTheNewest()
    {
        EventBuffer buffer = new(3);
        for (int i = 1; i <= 5; i++)
        {
            buffer.Add(Event(i, SnapshotEventKind.Unknown, s_one));
        }

        Assert.Equal(3, buffer.Count);
        Assert.Equal([3L, 4L, 5L], TakeAll(buffer).Select(item => item.SequenceNumber));
    }

    private static List<SnapshotEvent> TakeAll(EventBuffer buffer)
    {
        List<SnapshotEvent> all = [];
        while (buffer.TryTake() is { } next)
        {
            all.Add(next);
        }

        return all;
    }

    private static SnapshotEvent Event(long number, SnapshotEventKind kind, Guid id)
        => new() { SnapshotId = id, Kind = kind, Time = DateTime.Now, MonotonicTime = 0, SequenceNumber = number };
}
