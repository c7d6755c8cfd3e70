// SPDX-License-Identifier: MIT
using Blksnap.Abi;
using Blksnap.Tracking;

namespace Unit.Library;

public sealed class ChangeMapTests
{
    private const int BlockSize = 65536;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void RangesAreThoseOfTheSimpleLoop(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 200; round++)
        {
            byte[] map = MakeMap(random);
            byte since = (byte)random.Next(256);
            long gap = random.Next(3) == 0 ? 0 : random.NextInt64(5L * BlockSize);

            // The last block may be cut short, or the device end exactly with it.
            long size = ((long)map.Length * BlockSize) - (random.Next(2) == 0 ? 0 : 512 * random.NextInt64(BlockSize / 512));
            List<ByteRange> expected = SimpleLoop(map, since, size, gap);
            Assert.Equal(expected, ChangeMap.GetRanges(map, since, BlockSize, size, gap));
        }
    }

    [Theory]
    [InlineData(new byte[0], 0, 0)]
    [InlineData(new byte[] { 0, 0, 0 }, 0, 0)]
    [InlineData(new byte[] { 255, 255 }, 255, 0)]
    [InlineData(new byte[] { 255, 255 }, 254, 1)]
    [InlineData(new byte[] { 1, 0, 1 }, 0, 2)]
    [InlineData(new byte[] { 0, 0, 7 }, 6, 1)]
    [InlineData(new byte[] { 0, 0, 7 }, 7, 0)]
    public void EdgesOfTheMap(byte[] map, byte since, int ranges)
        => Assert.Equal(ranges, ChangeMap.GetRanges(map, since, BlockSize, (long)map.Length * BlockSize, 0).Count());

    [Fact]
    public void LastBlockIsClippedToTheDevice()
    {
        ByteRange range = Assert.Single(ChangeMap.GetRanges([0, 1], 0, BlockSize, BlockSize + 512, 0));
        Assert.Equal(new ByteRange(BlockSize, 512), range);
    }

    [Fact]
    public void OffsetsBeyondFourGigabytesAreRight()
    {
        byte[] map = new byte[200000];
        map[^1] = 1;
        ByteRange range = Assert.Single(ChangeMap.GetRanges(map, 0, BlockSize, (long)map.Length * BlockSize, 0));
        Assert.Equal(199999L * BlockSize, range.Offset);
    }

    [Fact]
    public void GapsAreMergedUpToTheirLimit()
    {
        byte[] map = [1, 0, 1, 0, 0, 1];
        Assert.Equal(3, ChangeMap.GetRanges(map, 0, BlockSize, 6 * BlockSize, BlockSize - 1).Count());
        Assert.Equal(2, ChangeMap.GetRanges(map, 0, BlockSize, 6 * BlockSize, BlockSize).Count());
        Assert.Equal([new ByteRange(0, 6 * BlockSize)], ChangeMap.GetRanges(map, 0, BlockSize, 6 * BlockSize, 2 * BlockSize));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public void ShortRangesAreWidenedAndNothingIsLost(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 200; round++)
        {
            byte[] map = MakeMap(random);
            byte since = (byte)random.Next(255);
            long gap = random.Next(2) == 0 ? 0 : random.NextInt64(3L * BlockSize);
            long minimum = random.NextInt64(20L * BlockSize);
            long size = ((long)map.Length * BlockSize) - (512 * random.NextInt64(BlockSize / 512));
            List<ByteRange> exact = SimpleLoop(map, since, size, 0);
            List<ByteRange> wide = [.. ChangeMap.GetRanges(map, since, BlockSize, size, gap, minimum)];

            Assert.All(exact, range => Assert.Single(wide, other => other.Offset <= range.Offset && range.End <= other.End));
            Assert.All(wide, range => Assert.InRange(range.Length, Math.Min(minimum, size), size));
            Assert.All(wide, range => Assert.InRange(range.Offset, 0, size - range.Length));
            Assert.All(wide.Zip(wide.Skip(1)), pair => Assert.True(pair.Second.Offset - pair.First.End > gap));

            // Nothing is read for no reason: every range begins with a change, except one that the end of the device pushed back.
            Assert.All(wide, range => Assert.True(exact.Exists(change => change.Offset == range.Offset) || size - range.Offset == minimum || range.Offset == 0));
        }
    }

    [Fact]
    public void ARangeAtTheEndIsWidenedToTheFront() => Assert.Equal(
        [new ByteRange(0, 3 * BlockSize), new ByteRange((7 * BlockSize) + 512, 3 * BlockSize)],
        ChangeMap.GetRanges([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0, BlockSize, (10 * BlockSize) + 512, 0, 3 * BlockSize));

    private static byte[] MakeMap(Random random)
    {
        // Single blocks, long runs and both edges of the number all have to occur.
        byte[] map = new byte[random.Next(1, 700)];
        int position = 0;
        while (position < map.Length)
        {
            int run = random.Next(4) == 0 ? random.Next(1, 200) : random.Next(1, 4);
            byte value = random.Next(3) switch { 0 => 0, 1 => (byte)random.Next(256), _ => 255 };
            map.AsSpan(position, Math.Min(run, map.Length - position)).Fill(value);
            position += run;
        }

        return map;
    }

    private static List<ByteRange> SimpleLoop(byte[] map, byte since, long size, long gap)
    {
        List<ByteRange> ranges = [];
        for (int block = 0; block < map.Length; block++)
        {
            long offset = (long)block * BlockSize;
            long end = Math.Min(offset + BlockSize, size);
            if (map[block] <= since || end <= offset)
            {
                continue;
            }

            if (ranges.Count > 0 && offset - ranges[^1].End <= gap)
            {
                ranges[^1] = new ByteRange(ranges[^1].Offset, end - ranges[^1].Offset);
            }
            else
            {
                ranges.Add(new ByteRange(offset, end - offset));
            }
        }

        return ranges;
    }
}
