// SPDX-License-Identifier: MIT
using System.Reflection;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Library;

/// <summary>The table of errors has what docs/abi.md says that requests answer with.</summary>
public sealed class DriverErrorsTests
{
    // Those that some driver answers although this project's own does not.
    private static readonly string[] s_ofOthers =
    [
        "Version,ENOTTY", "TrackerRemove,ENOENT", "TrackerCollect,ENODATA", "TrackerReadCbtMap,EFAULT", "SnapshotCreate,ENXIO", "SnapshotCreate,ENODEV",
        "SnapshotCreate,ENOENT", "SnapshotAppendStorage,ENXIO", "SnapshotAppendStorage,ENODEV", "SnapshotAppendStorage,ENOENT",
    ];

    private static readonly string[] s_requests = [.. typeof(RequestNames).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.Name)];

    public static TheoryData<string, int> Documented { get; } = Data(DocumentedError.Read());

    private static TheoryData<string, int> Data(IEnumerable<DocumentedError> errors)
    {
        TheoryData<string, int> data = [];
        foreach (DocumentedError error in errors)
        {
            data.Add(error.Request, error.Errno);
        }

        return data;
    }

    [Fact]
    public void TheDocumentIsRead()
    {
        IReadOnlyList<DocumentedError> documented = DocumentedError.Read();
        Assert.Contains(new DocumentedError(1, "TrackerRemove", Errno.EBUSY), documented);
        Assert.Contains(new DocumentedError(8, "SnapshotTake", Errno.EFAULT), documented);
        Assert.Contains(new DocumentedError(66, "SnapshotCollectStorage", Errno.ENOBUFS), documented);
        Assert.True(documented.Count > 40, $"{documented.Count} rows");
    }

    [Theory]
    [MemberData(nameof(Documented))]
    public void EveryAnswerHasItsIdItsKindItsSentenceAndANextStep(string request, int errno)
    {
        BlksnapException e = DriverErrors.Create(request, errno, "/dev/thing");
        Assert.True(ErrorIdIsConstant(e.ErrorId) || e.ErrorId == $"{request},{Errno.Name(errno)}", e.ErrorId);
        Assert.NotEqual(ErrorKind.NotSpecified, e.Kind);
        Assert.NotEmpty(e.NextStep);
        Assert.DoesNotContain("{0}", e.Message + e.NextStep, StringComparison.Ordinal);

        // Requests that the library sends have a row of their own: what libc says of a number is no answer.
        if (s_requests.Contains(request) && !IsCommon(errno) && !IsBadArray(request, errno))
        {
            Assert.True(DriverErrors.IsListed(request, errno), $"{request},{Errno.Name(errno)} is documented, and not in the table of errors");
        }
    }

    [Fact]
    public void EveryIdHasANextStepOfItsOwn() => Assert.All(
        typeof(ErrorIds).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!),
        id =>
        {
            (ErrorKind kind, string next) = DriverErrors.Advise(id, string.Empty, 0, null);
            Assert.NotEqual(ErrorKind.NotSpecified, kind);
            Assert.NotEqual(DriverErrors.Advise("Unknown", string.Empty, 9999, null).NextStep, next);
        });

    [Fact]
    public void TheTableHasNothingThatIsNotDocumented()
    {
        HashSet<string> documented = [.. DocumentedError.Read().Select(error => error.ToString()), .. s_ofOthers];
        int[] numbers = [.. typeof(Errno).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (int)field.GetRawConstantValue()!)];
        foreach (string request in s_requests)
        {
            foreach (int errno in numbers.Where(errno => !IsCommon(errno) && DriverErrors.IsListed(request, errno)))
            {
                Assert.True(documented.Contains($"{request},{Errno.Name(errno)}"), $"{request},{Errno.Name(errno)} is in the table of errors, and not in docs/abi.md");
            }
        }
    }

    // Rows for all requests: no right, no such snapshot, no memory.
    private static bool IsCommon(int errno) => errno is Errno.EPERM or Errno.ESRCH or Errno.ENOMEM or Errno.EINTR;

    // "reserved is not 0" and the like cannot come from this library.
    private static bool IsBadArray(string request, int errno) => errno == Errno.EINVAL && request.StartsWith("SnapshotCollect", StringComparison.Ordinal);

    private static bool ErrorIdIsConstant(string id) => typeof(ErrorIds).GetField(id) is not null;
}
