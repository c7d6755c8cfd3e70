// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace BlksnapPS;

/// <summary>As <see cref="ValidatePatternAttribute"/>, but what is refused gets a sentence instead of the pattern.</summary>
/// <param name="pattern">What a text has to match; case does not matter.</param>
/// <param name="message">The sentence; <c>{0}</c> is the text.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
internal sealed class ValidateTextAttribute(string pattern, string message) : ValidateEnumeratedArgumentsAttribute
{
    protected override void ValidateElement(object element)
    {
        string text = $"{element}";
        if (!Regex.IsMatch(text, pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant))
        {
            throw new ValidationMetadataException(string.Format(CultureInfo.InvariantCulture, message, text));
        }
    }
}
