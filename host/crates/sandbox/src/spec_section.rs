//! The custom section `step-spec`: what a step says of itself, compared with its function file.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use stepwell_schema::{OutputsSpec, Spec};

use crate::form::Form;

/// Largest section, in bytes. From the step ABI, section 4.
const MAX_SECTION_BYTES: usize = 64 << 10;
/// What a section of the typed form says it was built against, without the patch version.
const TYPED_ABI: &str = "stepwell:step@0.1";
/// The same of the command form.
pub(crate) const COMMAND_ABI: &str = "command@0.1";

/// Compares what a step says of itself with the function file, and returns every difference as one line. The function
/// file decides which inputs may be left out: it fills in its defaults, so the step never notices a difference there.
pub(crate) fn differences(sections: &[&[u8]], form: Form, spec: &Spec) -> Vec<String> {
    let section = match (sections, form) {
        ([section], _) => section,
        ([], Form::Typed) => return vec!["it has no section `step-spec`, which a typed step must have".to_owned()],
        ([], Form::Command | Form::Preview1) => return Vec::new(),
        (more, _) => return vec![too_many(more)],
    };
    match parse(section) {
        Ok(section) => {
            let mut differences = Vec::new();
            compare_abi(&section, form, &mut differences);
            compare_values(&section, "inputs", &file_inputs(spec), &mut differences);
            if let Some(outputs) = file_outputs(spec) {
                compare_values(&section, "outputs", &outputs, &mut differences);
            }
            compare_needs(&section, spec, &mut differences);
            differences
        }
        Err(message) => vec![message],
    }
}

/// Returns what a step says of itself, or none where it says nothing.
///
/// # Errors
/// Says in one line why it cannot be read.
pub(crate) fn read(sections: &[&[u8]]) -> Result<Option<Map<String, Json>>, String> {
    match sections {
        [] => Ok(None),
        [section] => parse(section).map(Some),
        more => Err(too_many(more)),
    }
}

fn too_many(sections: &[&[u8]]) -> String {
    format!("it has {} sections `step-spec`; exactly one is allowed", sections.len())
}

fn parse(section: &[u8]) -> Result<Map<String, Json>, String> {
    if section.len() > MAX_SECTION_BYTES {
        return Err(format!("its section `step-spec` is {} bytes long, more than {MAX_SECTION_BYTES}", section.len()));
    }
    match serde_json::from_slice(section) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(_) => Err("its section `step-spec` is not a JSON object".to_owned()),
        Err(error) => Err(format!("its section `step-spec` is not JSON: {error}")),
    }
}

fn compare_abi(section: &Map<String, Json>, form: Form, differences: &mut Vec<String>) {
    let (expected, what) = match form {
        Form::Typed => (TYPED_ABI, "typed"),
        Form::Command | Form::Preview1 => (COMMAND_ABI, "command"),
    };
    let Some(abi) = section.get("abi").and_then(Json::as_str) else {
        differences.push("its section `step-spec` does not say which `abi` it was built against".to_owned());
        return;
    };
    let is_served = abi.strip_prefix(expected).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if !is_served {
        differences.push(format!("it was built against `{abi}`; this engine serves `{expected}` in the {what} form"));
    }
}

/// A declared input or output.
struct Declared<'a> {
    name: &'a str,
    value_type: &'static str,
    sensitive: bool,
}

fn file_inputs(spec: &Spec) -> Vec<Declared<'_>> {
    spec.inputs
        .iter()
        .map(|(name, input)| Declared {
            name: &name.value,
            value_type: input.value_type.as_str(),
            sensitive: input.sensitive,
        })
        .collect()
}

fn file_outputs(spec: &Spec) -> Option<Vec<Declared<'_>>> {
    let OutputsSpec::Declared(outputs) = &spec.outputs else { return None };
    Some(
        outputs
            .iter()
            .map(|(name, output)| Declared {
                name: &name.value,
                value_type: output.value_type.as_str(),
                sensitive: output.sensitive,
            })
            .collect(),
    )
}

fn compare_values(section: &Map<String, Json>, key: &str, file: &[Declared<'_>], differences: &mut Vec<String>) {
    let what = key.trim_end_matches('s');
    let empty = Map::new();
    let members = match section.get(key) {
        None => &empty,
        Some(Json::Object(members)) => members,
        Some(_) => {
            differences.push(format!("`{key}` of its section `step-spec` is not an object"));
            return;
        }
    };
    for declared in file {
        let Some(member) = members.get(declared.name) else {
            differences.push(format!("{what} `{}` is in the function file but not in the module", declared.name));
            continue;
        };
        let value_type = member.get("type").and_then(Json::as_str).unwrap_or("nothing");
        if value_type != declared.value_type {
            differences.push(format!(
                "{what} `{}` is `{}` in the function file but `{value_type}` in the module",
                declared.name, declared.value_type
            ));
        }
        let sensitive = member.get("sensitive").and_then(Json::as_bool).unwrap_or(false);
        if sensitive != declared.sensitive {
            let (says, other) = if sensitive { ("module", "function file") } else { ("function file", "module") };
            differences.push(format!("{what} `{}` is sensitive in the {says} but not in the {other}", declared.name));
        }
    }
    for name in members.keys().filter(|name| file.iter().all(|declared| declared.name != **name)) {
        differences.push(format!("{what} `{name}` is in the module but not in the function file"));
    }
}

fn compare_needs(section: &Map<String, Json>, spec: &Spec, differences: &mut Vec<String>) {
    let Some(Json::Object(needs)) = section.get("needs") else { return };
    let file = &spec.needs;
    let in_file = [
        ("read", file.read.iter().map(|need| need.path.value.as_str()).collect::<BTreeSet<_>>()),
        ("write", file.write.iter().map(|need| need.path.path.value.as_str()).collect()),
        ("env", file.env.iter().map(|name| name.value.as_str()).collect()),
        ("http", file.http.iter().map(|need| need.host.value.as_str()).collect()),
        ("secrets", file.secrets.iter().map(|need| need.name.value.as_str()).collect()),
    ];
    for (key, in_file) in in_file {
        let items = needs.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let in_module: BTreeSet<_> = items.iter().filter_map(need_name).collect();
        for name in in_module.difference(&in_file) {
            differences.push(format!("the module needs `{key}` of `{name}`; the function file does not ask for it"));
        }
        for name in in_file.difference(&in_module) {
            differences.push(format!("the function file asks for `{key}` of `{name}`; the module does not need it"));
        }
    }
}

fn need_name(item: &Json) -> Option<&str> {
    let member = |key: &str| item.get(key).and_then(Json::as_str);
    item.as_str().or_else(|| member("path")).or_else(|| member("name")).or_else(|| member("host"))
}

#[cfg(test)]
mod tests {
    use stepwell_schema::{Input, Output, Span, Spanned, ValueType};

    use super::*;

    fn spec() -> Spec {
        let name = |name: &str| Spanned { value: name.to_owned(), span: Span::default() };
        Spec {
            inputs: vec![(
                name("who"),
                Input { value_type: ValueType::String, default: None, sensitive: false, description: None },
            )],
            outputs: OutputsSpec::Declared(vec![(
                name("greeting"),
                Output { value_type: ValueType::String, default: None, sensitive: false, description: None },
            )]),
            ..Spec::default()
        }
    }

    #[track_caller]
    fn check(section: &str, form: Form, expected: &[&str]) {
        assert_eq!(differences(&[section.as_bytes()], form, &spec()), expected);
    }

    #[test]
    fn the_same_in_both() {
        let rest = r#""inputs":{"who":{"type":"string","optional":true}},"outputs":{"greeting":{"type":"string"}}"#;
        check(&format!(r#"{{"abi":"stepwell:step@0.1.0",{rest}}}"#), Form::Typed, &[]);
        check(&format!(r#"{{"abi":"stepwell:step@0.1.7",{rest},"new":1}}"#), Form::Typed, &[]);
        check(&format!(r#"{{"abi":"command@0.1",{rest}}}"#), Form::Preview1, &[]);
    }

    #[test]
    fn every_difference_is_told() {
        check(
            r#"{"abi":"stepwell:step@0.2.0","inputs":{"who":{"type":"number","sensitive":true},"n":{"type":"number"}}}"#,
            Form::Typed,
            &[
                "it was built against `stepwell:step@0.2.0`; this engine serves `stepwell:step@0.1` in the typed form",
                "input `who` is `string` in the function file but `number` in the module",
                "input `who` is sensitive in the module but not in the function file",
                "input `n` is in the module but not in the function file",
                "output `greeting` is in the function file but not in the module",
            ],
        );
    }

    #[test]
    fn hostile_sections() {
        check("[]", Form::Typed, &["its section `step-spec` is not a JSON object"]);
        let deep = "[".repeat(60_000);
        assert_eq!(differences(&[deep.as_bytes()], Form::Typed, &spec()).len(), 1);
        let long = " ".repeat(MAX_SECTION_BYTES + 1);
        assert!(differences(&[long.as_bytes()], Form::Typed, &spec())[0].contains("more than 65536"));
        assert_eq!(differences(&[b"{}", b"{}"], Form::Typed, &spec()).len(), 1);
        assert_eq!(differences(&[], Form::Typed, &spec()).len(), 1);
        assert_eq!(differences(&[], Form::Command, &spec()), Vec::<String>::new());
    }

    #[test]
    fn needs_are_compared_where_they_are_stated() {
        check(
            r#"{"abi":"stepwell:step@0.1.0","inputs":{"who":{"type":"string"}},"outputs":{"greeting":{"type":"string"}},
                "needs":{"read":["src"],"env":["CI"],"http":[{"host":"a.example"}],
                "secrets":[{"name":"token","use":"header","host":"a.example"}]}}"#,
            Form::Typed,
            &[
                "the module needs `read` of `src`; the function file does not ask for it",
                "the module needs `env` of `CI`; the function file does not ask for it",
                "the module needs `http` of `a.example`; the function file does not ask for it",
                "the module needs `secrets` of `token`; the function file does not ask for it",
            ],
        );
    }
}
