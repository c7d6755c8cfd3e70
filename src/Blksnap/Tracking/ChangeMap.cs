// SPDX-License-Identifier: MIT
using Blksnap.Abi;

namespace Blksnap.Tracking;

/// <summary>Turns a change map, one byte per block, into ranges of bytes.</summary>
internal static class ChangeMap
{
    /// <summary>The ranges of blocks whose byte is greater than a number, ascending, adjacent ones merged.</summary>
    /// <param name="map">One byte per block.</param>
    /// <param name="since">Blocks written after the snapshot of this number have a greater byte.</param>
    /// <param name="blockSize">Bytes per block.</param>
    /// <param name="deviceSize">Bytes: the last block may be shorter than the others.</param>
    /// <param name="mergeGap">Bytes: ranges with no more than this between them become one.</param>
    /// <param name="minimum">Bytes: shorter ranges are widened to this, as far as the device goes.</param>
    public static IEnumerable<ByteRange> GetRanges(
        byte[] map, byte since, long blockSize, long deviceSize, long mergeGap, long minimum = 0)
    {
        if (since == byte.MaxValue)
        {
            yield break;
        }

        byte low = (byte)(since + 1);
        ByteRange pending = default;
        int position = 0;
        while (position < map.Length)
        {
            // Both searches compare whole vectors at a time.
            int skip = map.AsSpan(position).IndexOfAnyInRange(low, byte.MaxValue);
            if (skip < 0)
            {
                break;
            }

            int start = position + skip;
            int run = map.AsSpan(start).IndexOfAnyExceptInRange(low, byte.MaxValue);
            position = run < 0 ? map.Length : start + run;

            long offset = start * blockSize;
            long end = Math.Min(position * blockSize, deviceSize);
            if (end <= offset)
            {
                break;
            }

            if (end - offset < minimum)
            {
                end = minimum > deviceSize - offset ? deviceSize : offset + minimum;
                offset = Math.Max(0, Math.Min(offset, end - minimum));
            }

            // A widened range may reach over the next ones.
            if (pending.Length > 0 && offset - pending.End <= mergeGap)
            {
                long first = Math.Min(offset, pending.Offset);
                pending = new ByteRange(first, Math.Max(end, pending.End) - first);
                continue;
            }

            if (pending.Length > 0)
            {
                yield return pending;
            }

            pending = new ByteRange(offset, end - offset);
        }

        if (pending.Length > 0)
        {
            yield return pending;
        }
    }
}
