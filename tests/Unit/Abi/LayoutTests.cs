// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Blksnap;
using Blksnap.Abi;

namespace Unit.Abi;

/// <summary>
/// The C# side of the interface against the C side, as compiled. The names correspond: <c>blk_snap_x_y</c> is <c>BlkSnapXY</c>, field
/// <c>a_b</c> is <c>AB</c>, <c>IOCTL_BLK_SNAP_A_B</c> is <c>Requests.AB</c>. Whatever is added to the header has to be added here.
/// </summary>
public sealed class LayoutTests
{
    private static readonly Assembly s_library = typeof(BlksnapDriver).Assembly;

    public static TheoryData<string> StructureNames => [.. KernelHeader.Instance.Sizes.Keys];

    public static TheoryData<string> RequestMacros => [.. KernelHeader.Instance.Requests.Keys];

    [Fact]
    public void TheHeaderIsReadCompletely()
    {
        // Lower bounds, so that a header whose form the reader does not understand cannot pass as an empty one.
        Assert.True(KernelHeader.Instance.Sizes.Count >= 29, $"{KernelHeader.Instance.Sizes.Count} structures");
        Assert.True(KernelHeader.Instance.Requests.Count >= 19, $"{KernelHeader.Instance.Requests.Count} requests");
        Assert.True(KernelHeader.Instance.Constants.Count >= 35, $"{KernelHeader.Instance.Constants.Count} constants");
    }

    [Theory]
    [MemberData(nameof(StructureNames))]
    public void StructureHasTheLayoutOfTheHeader(string structure)
    {
        Type type = Counterpart(structure);
        Assert.Equal(KernelHeader.Instance.Sizes[structure], SizeOf(type));

        Dictionary<string, FieldInfo> fields = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .ToDictionary(field => FieldName(field.Name));
        Dictionary<string, (int Offset, int Size)> expected = KernelHeader.Instance.FieldsOf[structure];
        Assert.Equal(expected.Keys.Select(ManagedFieldName).Order(), fields.Keys.Order());
        foreach ((string name, (int offset, int size)) in expected)
        {
            FieldInfo field = fields[ManagedFieldName(name)];
            Assert.True(offset == OffsetOf(type, field), $"{structure}.{name} is at {offset}, {type.Name}.{field.Name} at {OffsetOf(type, field)}");
            Assert.True(size == SizeOf(field), $"{structure}.{name} has {size} bytes, {type.Name}.{field.Name} {SizeOf(field)}");
        }
    }

    [Theory]
    [MemberData(nameof(RequestMacros))]
    public void RequestHasTheCodeOfTheHeader(string macro)
    {
        string name = Pascal(macro["IOCTL_BLK_SNAP_".Length..].ToLowerInvariant());
        FieldInfo? field = typeof(Requests).GetField(name, BindingFlags.Static | BindingFlags.Public);
        Assert.True(field is not null, $"Requests.{name} is missing");
        Assert.Equal(KernelHeader.Instance.Requests[macro], (uint)field!.GetRawConstantValue()!);
    }

    [Fact]
    public void ProbeIsVersionWithOtherDirectionBits()
    {
        uint version = KernelHeader.Instance.Requests["IOCTL_BLK_SNAP_VERSION"];
        uint probe = Requests.VersionProbe;
        Assert.Equal(version & 0x3FFFFFFF, probe & 0x3FFFFFFF);
        Assert.Equal(2u, probe >> 30);
    }

    [Theory]
    [InlineData("blk_snap_event_code_", typeof(EventCode))]
    [InlineData("blk_snap_compat_flag_", typeof(CompatFlag))]
    [InlineData("blk_snap_state_", typeof(SnapshotState))]
    public void EnumHasTheValuesOfTheHeader(string prefix, Type type)
    {
        Dictionary<string, long> expected = KernelHeader.Instance.Constants
            .Where(constant => constant.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(constant => Pascal(constant.Key[prefix.Length..]), constant => (long)constant.Value);
        Assert.Equal(expected, Values(type));
    }

    [Fact]
    public void FreezeVerdictsHaveTheValuesOfTheHeader()
    {
        // These have more telling names in C#.
        Dictionary<string, FreezeVerdict> names = new()
        {
            ["blk_snap_freeze_none"] = FreezeVerdict.NotTaken,
            ["blk_snap_freeze_frozen"] = FreezeVerdict.Frozen,
            ["blk_snap_freeze_no_fs"] = FreezeVerdict.NoFileSystem,
            ["blk_snap_freeze_refused"] = FreezeVerdict.Refused,
            ["blk_snap_freeze_timeout"] = FreezeVerdict.TimedOut,
        };
        Dictionary<string, int> expected = KernelHeader.Instance.Constants
            .Where(constant => constant.Key.StartsWith("blk_snap_freeze_", StringComparison.Ordinal))
            .ToDictionary();
        Assert.Equal(expected, names.ToDictionary(name => name.Key, name => (int)name.Value));
        Assert.Equal(names.Count, Enum.GetValues<FreezeVerdict>().Length);
    }

    [Fact]
    public void CapabilitiesAreTheBitsOfTheHeader()
    {
        Dictionary<string, DriverCapabilities> names = new()
        {
            ["blk_snap_compat_flag_debug_sector_state"] = DriverCapabilities.SectorState,
            ["blk_snap_compat_flag_setlog"] = DriverCapabilities.LogFile,
            ["blk_snap_compat_flag_snapshot_status"] = DriverCapabilities.SnapshotStatus,
            ["blk_snap_compat_flag_collect_devices"] = DriverCapabilities.DeviceStatus,
            ["blk_snap_compat_flag_collect_storage"] = DriverCapabilities.StorageRanges,
            ["blk_snap_compat_flag_hold_file"] = DriverCapabilities.HoldFile,
            ["blk_snap_compat_flag_set_low_space"] = DriverCapabilities.SetLowSpaceMark,
        };
        Dictionary<string, ulong> expected = KernelHeader.Instance.Constants
            .Where(constant => constant.Key.StartsWith("blk_snap_compat_flag_", StringComparison.Ordinal))
            .ToDictionary(constant => constant.Key, constant => 1UL << constant.Value);
        Assert.Equal(expected, names.ToDictionary(name => name.Key, name => (ulong)name.Value));
    }

    [Fact]
    public void IdsAreInTextOrder()
    {
        Guid id = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");
        BlkSnapUuid uuid = id;
        byte[] bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<BlkSnapUuid>(in uuid)).ToArray();
        Assert.Equal(Convert.FromHexString("00112233445566778899AABBCCDDEEFF"), bytes);
        Assert.Equal(id, (Guid)uuid);
    }

    private static Type Counterpart(string structure)
    {
        if (structure == "blk_snap_dev")
        {
            return typeof(DeviceId);
        }

        Type? type = s_library.GetType("Blksnap.Abi." + Pascal(structure));
        Assert.True(type is not null, $"{structure} has no counterpart {Pascal(structure)}");
        return type!;
    }

    // Public fields carry the name itself, the device number has properties over compiler-made fields.
    private static string FieldName(string field)
        => field switch
        {
            "<Major>k__BackingField" => "Mj",
            "<Minor>k__BackingField" => "Mn",
            _ => field,
        };

    private static string ManagedFieldName(string field) => Pascal(field);

    private static string Pascal(string name)
        => string.Concat(name.Split('_').Select(part => char.ToUpperInvariant(part[0]) + part[1..]));

    private static int SizeOf(Type type)
        => (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    private static int SizeOf(FieldInfo field)
        => field.GetCustomAttribute<FixedBufferAttribute>() is { } buffer ? buffer.Length * SizeOf(buffer.ElementType) : SizeOf(field.FieldType);

    private static int OffsetOf(Type type, FieldInfo field)
        => field.GetCustomAttribute<FieldOffsetAttribute>() is { } offset
            ? offset.Value
            : (int)Marshal.OffsetOf(type, field.Name);

    private static Dictionary<string, long> Values(Type type)
        => Enum.GetNames(type).ToDictionary(name => name, name => Convert.ToInt64(Enum.Parse(type, name), System.Globalization.CultureInfo.InvariantCulture));
}
