// SPDX-License-Identifier: MIT
using System.Management.Automation;
using System.Reflection;
using Blksnap;
using Blksnap.Abi;
using BlksnapPS;

namespace Unit.Cmdlets;

/// <summary>The table of errors is complete: each id and each error number has a category and a next step.</summary>
public sealed class ErrorRecordTests
{
    public static TheoryData<string> Ids { get; } = [.. Constants<string>(typeof(ErrorIds))];

    public static TheoryData<int> Numbers { get; } = [.. Constants<int>(typeof(Errno))];

    private static IEnumerable<T> Constants<T>(Type type) =>
        from field in type.GetFields(BindingFlags.Public | BindingFlags.Static)
        where field.IsLiteral && field.FieldType == typeof(T)
        select (T)field.GetRawConstantValue()!;

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_id_has_a_category_and_a_next_step_of_its_own(string id)
    {
        ErrorRecord record = ErrorRecords.Create(new BlksnapException(id, "What happened.", "Request", 0, "target"), null);
        Assert.Equal(id, record.FullyQualifiedErrorId);
        Assert.NotEqual(ErrorCategory.NotSpecified, record.CategoryInfo.Category);
        Assert.Equal("What happened.", record.ErrorDetails.Message);
        Assert.NotEmpty(record.ErrorDetails.RecommendedAction);
        Assert.Equal("target", record.TargetObject);

        // Without an entry of its own it would get that of an unknown error number.
        ErrorRecord unknown = ErrorRecords.Create(new BlksnapException("Request", 9999, null), null);
        Assert.NotEqual(unknown.ErrorDetails.RecommendedAction, record.ErrorDetails.RecommendedAction);
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Every_error_number_is_named_in_the_id_and_has_a_next_step(int errno)
    {
        ErrorRecord record = ErrorRecords.Create(new BlksnapException("SnapshotTake", errno, "target"), "mine");
        Assert.Equal("SnapshotTake," + Errno.Name(errno), record.FullyQualifiedErrorId);
        Assert.NotEmpty(record.ErrorDetails.RecommendedAction);
        Assert.Equal("mine", record.TargetObject);
    }

    [Theory]
    [InlineData(Errno.EPERM, ErrorCategory.PermissionDenied)]
    [InlineData(Errno.EACCES, ErrorCategory.PermissionDenied)]
    [InlineData(Errno.ENOENT, ErrorCategory.ObjectNotFound)]
    [InlineData(Errno.ENODEV, ErrorCategory.ObjectNotFound)]
    [InlineData(Errno.ESRCH, ErrorCategory.ObjectNotFound)]
    [InlineData(Errno.EBUSY, ErrorCategory.ResourceBusy)]
    [InlineData(Errno.EALREADY, ErrorCategory.ResourceExists)]
    [InlineData(Errno.ENOSPC, ErrorCategory.ResourceUnavailable)]
    [InlineData(Errno.ENOBUFS, ErrorCategory.LimitsExceeded)]
    [InlineData(Errno.ETIMEDOUT, ErrorCategory.OperationTimeout)]
    [InlineData(Errno.ENOTTY, ErrorCategory.NotImplemented)]
    [InlineData(Errno.EINVAL, ErrorCategory.InvalidArgument)]
    [InlineData(9999, ErrorCategory.NotSpecified)]
    public void Error_numbers_have_their_category(int errno, ErrorCategory category) =>
        Assert.Equal(category, ErrorRecords.Create(new BlksnapException("SnapshotTake", errno, null), null).CategoryInfo.Category);

    [Fact]
    public void Files_that_cannot_be_used_have_their_category()
    {
        Assert.Equal(ErrorCategory.PermissionDenied, Category(new UnauthorizedAccessException()));
        Assert.Equal(ErrorCategory.ObjectNotFound, Category(new FileNotFoundException()));
        Assert.Equal(ErrorCategory.ObjectNotFound, Category(new DirectoryNotFoundException()));
        Assert.Equal(ErrorCategory.ReadError, Category(new IOException()));

        static ErrorCategory Category(Exception exception) => ErrorRecords.Create(exception, null).CategoryInfo.Category;
    }
}
