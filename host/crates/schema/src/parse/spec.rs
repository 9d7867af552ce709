//! The specification of a function: inputs, outputs and needs.

use super::fields::Fields;
use super::{needs, shape};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::function::{Input, Output, OutputsSpec, Spec};
use crate::problem::Severity;
use crate::source::Spanned;
use crate::suggest::did_you_mean;
use crate::value::{Value, ValueType};
use crate::yaml::{Member, Tree, TreeKind};

/// Reads the first document of a function file.
pub(super) fn spec_document(tree: &Tree, findings: &mut Findings) -> Option<Spec> {
    let members = shape::mapping(tree, "the first document", "a mapping with `spec`", "spec: {}", findings)?;
    let mut fields = Fields::new("the specification", members, tree.span);
    let spec = fields.get("spec");
    fields.finish(Severity::Error, findings);
    Some(spec.map_or_else(Spec::default, |tree| read_spec(tree, findings)))
}

fn read_spec(tree: &Tree, findings: &mut Findings) -> Spec {
    let members = shape::mapping_or_nothing(tree, "`spec`", "a mapping", "spec: { inputs: {} }", findings);
    let mut fields = Fields::new("`spec`", members, tree.span);
    let inputs = fields.get("inputs").map(|tree| read_inputs(tree, findings)).unwrap_or_default();
    let outputs = fields.get("outputs").map(|tree| read_outputs(tree, findings)).unwrap_or_default();
    let needs = fields.get("needs").map(|tree| needs::needs(tree, findings)).unwrap_or_default();
    let description = shape::note(fields.get("description"), "`description`", findings);
    fields.finish(Severity::Warning, findings);
    Spec { description, inputs, outputs, needs }
}

fn read_inputs(tree: &Tree, findings: &mut Findings) -> Vec<(Spanned<String>, Input)> {
    declarations(tree, "`inputs`", "input", findings)
        .into_iter()
        .map(|(name, declaration)| {
            let Declaration { value_type, default, sensitive, description } = declaration;
            (name, Input { value_type, default, sensitive, description })
        })
        .collect()
}

fn read_outputs(tree: &Tree, findings: &mut Findings) -> OutputsSpec {
    if matches!(&tree.kind, TreeKind::Scalar(scalar) if &*scalar.text == "delegate") {
        return OutputsSpec::Delegate(tree.span);
    }
    let outputs = declarations(tree, "`outputs`", "output", findings).into_iter().map(|(name, declaration)| {
        let Declaration { value_type, default, sensitive, description } = declaration;
        (name, Output { value_type, default, sensitive, description })
    });
    OutputsSpec::Declared(outputs.collect())
}

/// What inputs and outputs have in common.
struct Declaration {
    value_type: ValueType,
    default: Option<Value>,
    sensitive: bool,
    description: Option<String>,
}

fn declarations(tree: &Tree, what: &str, one: &str, findings: &mut Findings) -> Vec<(Spanned<String>, Declaration)> {
    let shape = if one == "output" { "a mapping, or the word `delegate`" } else { "a mapping" };
    let example = format!("{one}s: {{ name: {{ type: string }} }}");
    shape::mapping_or_nothing(tree, what, shape, &example, findings)
        .iter()
        .filter_map(|member| {
            let named = shape::check_name(&member.key.value, member.key.span, &format!("an {one}"), findings);
            let declaration = declaration(member, one, findings)?;
            named.then(|| (member.owned_key(), declaration))
        })
        .collect()
}

fn declaration(member: &Member, one: &str, findings: &mut Findings) -> Option<Declaration> {
    let name = excerpt(&member.key.value);
    let what = format!("{one} `{name}`");
    let example = format!("{name}: {{ type: string }}");
    let members = if member.value.is_null() {
        &[]
    } else {
        shape::mapping(&member.value, &what, "a mapping with `type`", &example, findings)?
    };
    let mut fields = Fields::new(what, members, member.key.span);
    let value_type = fields.required("type", "type: string", findings).and_then(|tree| value_type(tree, findings));
    let default = fields.get("default").filter(|tree| !tree.is_null());
    let sensitive = shape::flag(fields.get("sensitive"), "`sensitive`", "sensitive", findings);
    let description = shape::note(fields.get("description"), "`description`", findings);
    let what = fields.what().to_owned();
    fields.finish(Severity::Warning, findings);
    let value_type = value_type?;
    let default = default.map(|tree| default_value(tree, value_type, &what, findings));
    Some(Declaration { value_type, default, sensitive, description })
}

fn value_type(tree: &Tree, findings: &mut Findings) -> Option<ValueType> {
    let TreeKind::Scalar(scalar) = &tree.kind else {
        shape::wrong_shape(tree, "`type`", "the name of a type", "type: string", findings);
        return None;
    };
    let word = &*scalar.text;
    if let Some(found) = ValueType::ALL.into_iter().find(|known| known.as_str() == word) {
        return Some(found);
    }
    let label = nearest_type(word).map_or_else(|| "not a type".to_owned(), |near| format!("did you mean `{near}`?"));
    let known = ValueType::ALL.map(|known| format!("`{known}`")).join(", ");
    findings.error(
        code::UNKNOWN_TYPE,
        tree.span,
        format!("there is no type `{}`", excerpt(word)),
        label,
        format!("expected one of {known}"),
    );
    None
}

/// Returns the type that was meant: by a word that older versions or other languages have, else by spelling.
fn nearest_type(word: &str) -> Option<&'static str> {
    match word {
        "raw_string" | "text" | "str" => Some("string"),
        "bool" => Some("boolean"),
        "list" | "sequence" => Some("array"),
        "object" | "map" | "mapping" => Some("struct"),
        "int" | "integer" | "float" => Some("number"),
        _ => did_you_mean(word, ValueType::ALL.map(ValueType::as_str)),
    }
}

fn default_value(tree: &Tree, declared: ValueType, what: &str, findings: &mut Findings) -> Value {
    let value = tree.to_node().to_value();
    if !value.conforms(declared) {
        let help = if declared == ValueType::String {
            "quote it to make it a text".to_owned()
        } else {
            format!("give a {declared}, or declare the type `{}`", value.type_name())
        };
        let message = format!("the default of {what} must be of type {declared}, not {}", value.type_name());
        findings.error(code::DEFAULT_TYPE, tree.span, message, format!("this is of type {}", value.type_name()), help);
    }
    value
}
