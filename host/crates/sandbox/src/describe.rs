//! Writes what a step says of itself behind its module, for languages whose tools have no way to do so.

use serde_json::{Map, Value, json};
use stepwell_run::{Module, ModuleRefused};
use stepwell_schema::{OutputsSpec, Spec};

use crate::check::look_at;
use crate::form::{Form, SPEC_SECTION};
use crate::imports::ABI_VERSION;
use crate::spec_section::COMMAND_ABI;

/// Returns the bytes of a module with a section `step-spec` that says what its function file says, at its end. A module
/// that has such a section keeps it and gets no other.
///
/// # Errors
/// Says why the file is no step.
pub fn describe(module: &Module, spec: &Spec) -> Result<Vec<u8>, ModuleRefused> {
    let look = look_at(module)?;
    let mut bytes = module.bytes.to_vec();
    if look.spec_sections.is_empty() {
        bytes.extend(section(&content(look.form, spec)));
    }
    Ok(bytes)
}

/// Returns a custom section: its id, its size, its name, its content.
fn section(content: &str) -> Vec<u8> {
    let mut body = size(SPEC_SECTION.len());
    body.extend(SPEC_SECTION.bytes());
    body.extend(content.bytes());
    let mut section = vec![0];
    section.extend(size(body.len()));
    section.extend(body);
    section
}

/// Writes a length as WebAssembly does: seven bits a byte, the lowest first.
fn size(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Returns the object of the step ABI, section 4. Needs stay with the function file, which alone decides about them.
fn content(form: Form, spec: &Spec) -> String {
    let abi = match form {
        Form::Typed => format!("stepwell:step@{ABI_VERSION}"),
        Form::Command | Form::Preview1 => COMMAND_ABI.to_owned(),
    };
    let inputs = spec.inputs.iter().map(|(name, input)| {
        let optional = !input.is_required();
        (name.value.clone(), member(input.value_type.as_str(), optional, input.sensitive, input.description.as_deref()))
    });
    let declared = match &spec.outputs {
        OutputsSpec::Declared(outputs) => outputs.as_slice(),
        OutputsSpec::Delegate(_) => &[],
    };
    let outputs = declared.iter().map(|(name, output)| {
        (name.value.clone(), member(output.value_type.as_str(), false, output.sensitive, output.description.as_deref()))
    });
    let mut object = Map::from_iter([
        ("abi".to_owned(), json!(abi)),
        ("inputs".to_owned(), Value::Object(inputs.collect())),
        ("outputs".to_owned(), Value::Object(outputs.collect())),
    ]);
    object.extend(spec.description.iter().map(|text| ("description".to_owned(), json!(text))));
    Value::Object(object).to_string()
}

fn member(value_type: &str, optional: bool, sensitive: bool, description: Option<&str>) -> Value {
    let mut member = Map::from_iter([("type".to_owned(), json!(value_type))]);
    for (key, holds) in [("optional", optional), ("sensitive", sensitive)] {
        member.extend(holds.then(|| (key.to_owned(), json!(true))));
    }
    member.extend(description.map(|text| ("description".to_owned(), json!(text))));
    Value::Object(member)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stepwell_schema::{Digest, Function, Source};

    use super::*;
    use crate::spec_section::{differences, read};

    /// A core module that exports a function `_start` with an empty body.
    const COMMAND: &[u8] =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";

    #[test]
    fn what_is_written_can_be_read_and_agrees() {
        let long = "x".repeat(300);
        let text = format!(
            "spec:\n  description: {long}\n  inputs: {{ a: {{ type: string, sensitive: true }}, b: {{ type: number, default: 1 }} }}\n  \
             outputs: {{ c: {{ type: array, description: d }} }}\n---\nwasm: {{ module: ./m.wasm }}\n"
        );
        let spec = Function::parse(Source::new("func.yml", text)).expect("it is valid").spec;
        let module = |bytes: &[u8]| Module { name: "m".to_owned(), digest: Digest::of(bytes), bytes: Arc::from(bytes) };
        let described = module(&describe(&module(COMMAND), &spec).expect("it is a step"));
        let look = look_at(&described).expect("it still is");
        assert_eq!(differences(&look.spec_sections, look.form, &spec), Vec::<String>::new());
        let section = read(&look.spec_sections).expect("it can be read").expect("it is there");
        assert_eq!(section["description"], json!(long));
        assert_eq!(section["inputs"]["b"], json!({ "type": "number", "optional": true }));
        assert_eq!(
            describe(&described, &spec).expect("it is a step"),
            &*described.bytes,
            "a second section was written"
        );
    }
}
