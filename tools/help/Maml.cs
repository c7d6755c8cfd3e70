// SPDX-License-Identifier: MIT
using System.Xml.Linq;

namespace Help;

/// <summary>The help file that the engine reads.</summary>
internal static class Maml
{
    private static readonly XNamespace s_root = "http://msh";
    private static readonly XNamespace s_maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace s_command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace s_dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>The file for some pages.</summary>
    public static string Write(IEnumerable<Page> pages) => new XDocument(
        new XElement(
            s_root + "helpItems",
            new XAttribute("schema", "maml"),
            new XAttribute(XNamespace.Xmlns + "maml", s_maml),
            new XAttribute(XNamespace.Xmlns + "command", s_command),
            new XAttribute(XNamespace.Xmlns + "dev", s_dev),
            pages.Select(Command))) + "\n";

    private static XElement Command(Page page)
    {
        string[] name = page.Name.Split('-', 2);
        return new XElement(
            s_command + "command",
            new XElement(
                s_command + "details",
                new XElement(s_command + "name", page.Name),
                new XElement(s_command + "verb", name[0]),
                new XElement(s_command + "noun", name[1]),
                Description(page.Synopsis)),
            Description(page.Description),
            new XElement(s_command + "syntax", page.Syntax.Select(syntax => SyntaxItem(page, syntax.Set))),
            new XElement(s_command + "parameters", page.Parameters.Select(parameter => Parameter(parameter, parameter.Bindings[0]))),
            new XElement(s_command + "inputTypes", page.Inputs.Select(input => Typed("inputType", input))),
            new XElement(s_command + "returnValues", page.Outputs.Select(output => Typed("returnValue", output))),
            new XElement(s_maml + "alertSet", new XElement(s_maml + "alert", Paragraphs(page.Notes))),
            new XElement(s_command + "examples", page.Examples.Select(Example)),
            new XElement(s_command + "relatedLinks", page.Links.Select(link => new XElement(
                s_maml + "navigationLink",
                new XElement(s_maml + "linkText", link.Text),
                new XElement(s_maml + "uri")))));
    }

    private static XElement SyntaxItem(Page page, string set)
    {
        List<(PageParameter Parameter, PageBinding Binding)> members =
        [
            .. from parameter in page.Parameters
               let binding = parameter.Bindings.FirstOrDefault(binding => binding.Set == set || binding.Set == "(All)")
               where binding is not null
               orderby int.TryParse(binding.Position, out int position) ? position : int.MaxValue, !binding.IsRequired
               select (parameter, binding),
        ];
        return new XElement(
            s_command + "syntaxItem",
            new XElement(s_maml + "name", page.Name),
            members.Select(member => Parameter(member.Parameter, member.Binding)));
    }

    private static XElement Parameter(PageParameter parameter, PageBinding binding)
    {
        string pipeline = (binding.ByValue, binding.ByName) switch
        {
            (true, true) => "True (ByValue, ByPropertyName)",
            (true, false) => "True (ByValue)",
            (false, true) => "True (ByPropertyName)",
            _ => "False",
        };
        string type = parameter.Type[(parameter.Type.LastIndexOf('.') + 1)..];
        XElement element = new(
            s_command + "parameter",
            new XAttribute("required", binding.IsRequired ? "true" : "false"),
            new XAttribute("variableLength", parameter.Type.EndsWith("[]", StringComparison.Ordinal) ? "true" : "false"),
            new XAttribute("globbing", "false"),
            new XAttribute("pipelineInput", pipeline),
            new XAttribute("position", binding.Position == "Named" ? "named" : binding.Position),
            new XAttribute("aliases", parameter.Aliases.Count == 0 ? "none" : string.Join(", ", parameter.Aliases)),
            new XElement(s_maml + "name", parameter.Name),
            Description(parameter.Text));
        if (type != "SwitchParameter")
        {
            element.Add(new XElement(
                s_command + "parameterValue", new XAttribute("required", "true"), new XAttribute("variableLength", "false"), type));
        }

        element.Add(
            new XElement(s_dev + "type", new XElement(s_maml + "name", type), new XElement(s_maml + "uri")),
            new XElement(s_dev + "defaultValue", parameter.Default.Length == 0 ? type == "SwitchParameter" ? "False" : "None" : parameter.Default));
        return element;
    }

    private static XElement Typed(string element, (string Type, string Text) value) => new(
        s_command + element,
        new XElement(s_dev + "type", new XElement(s_maml + "name", value.Type)),
        Description(value.Text));

    private static XElement Example(PageExample example, int index) => new(
        s_command + "example",
        new XElement(s_maml + "title", $"----- Example {index + 1}: {example.Title} -----"),
        new XElement(s_dev + "code", example.Code),
        new XElement(s_dev + "remarks", Paragraphs(example.Remarks)));

    private static XElement Description(string text) => new(s_maml + "description", Paragraphs(text));

    private static IEnumerable<XElement> Paragraphs(string text) =>
        PlainText.Paragraphs(text).Select(paragraph => new XElement(s_maml + "para", paragraph));
}
