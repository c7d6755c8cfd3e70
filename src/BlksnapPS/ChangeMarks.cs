// SPDX-License-Identifier: MIT
using System.Collections;
using System.Management.Automation;
using Blksnap;
using Blksnap.Abi;
using Blksnap.Tracking;

namespace BlksnapPS;

/// <summary>
/// Where earlier copies left off. Users keep them as trackers, or as what is left of these after a journey through JSON or
/// CLIXML, or as plain numbers; anything with a generation and a number will do.
/// </summary>
internal static class ChangeMarks
{
    /// <summary>Reads marks.</summary>
    /// <param name="marks">Objects or dictionaries with Generation and SnapshotNumber, or numbers.</param>
    /// <param name="generation">Generation of the plain numbers; null if it was not given.</param>
    /// <exception cref="BlksnapException"><see cref="ErrorRecords.InvalidMark"/>.</exception>
    public static IReadOnlyList<ChangeToken> Read(IEnumerable<object> marks, Guid? generation) =>
        [.. marks.Select(mark => Read(mark, generation))];

    /// <summary>
    /// The mark of one device among those of several. Generations are never used twice, so the one with the tracker's
    /// generation is it; without such a one any other serves to show that the history is a new one.
    /// </summary>
    public static ChangeToken? Select(IReadOnlyList<ChangeToken> marks, Tracker tracker)
    {
        if (marks.Count == 0)
        {
            return null;
        }

        foreach (ChangeToken mark in marks)
        {
            if (mark.Generation == tracker.Generation)
            {
                return mark;
            }
        }

        return marks[0];
    }

    private static ChangeToken Read(object mark, Guid? generation)
    {
        object value = mark is PSObject wrapped ? wrapped.BaseObject : mark;
        if (value is Tracker tracker)
        {
            return new ChangeToken(tracker.Generation, tracker.SnapshotNumber);
        }

        if (LanguagePrimitives.TryConvertTo(Property(mark, nameof(Tracker.Generation)), out Guid known)
            && LanguagePrimitives.TryConvertTo(Property(mark, nameof(Tracker.SnapshotNumber)), out byte number))
        {
            return new ChangeToken(known, number);
        }

        if (LanguagePrimitives.TryConvertTo(value, out byte plain))
        {
            return generation is { } given
                ? new ChangeToken(given, plain)
                : throw Invalid($"The number {plain} means nothing without -Generation.");
        }

        throw Invalid($"\"{mark}\" has no Generation and SnapshotNumber.");
    }

    private static object? Property(object mark, string name) =>
        (mark is PSObject wrapped ? wrapped.BaseObject : mark) is IDictionary dictionary
            ? dictionary[name]
            : PSObject.AsPSObject(mark).Properties[name]?.Value;

    private static BlksnapException Invalid(string message) =>
        new(ErrorRecords.InvalidMark, message, string.Empty, Errno.EINVAL, null);
}
