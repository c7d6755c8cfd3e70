// SPDX-License-Identifier: MIT
using System.Reflection;

namespace Unit;

/// <summary>Files of this repository that tests look at.</summary>
internal static class Repository
{
    private static readonly string s_root = typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(metadata => metadata.Key == "Repository").Value!;

    /// <summary>Path of a file or folder.</summary>
    /// <param name="relative">For example docs/abi.md.</param>
    public static string Path(string relative) => System.IO.Path.Combine(s_root, relative);
}
