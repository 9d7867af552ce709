//! What `minimal` does, on the generated bindings alone: the measure of what the SDK costs.

mod bindings {
    wit_bindgen::generate!({ path: "../../../guest-sdk/wit/0.1.0", world: "step" });

    export!(Entry);

    use super::Entry;
}

use bindings::Guest;
use bindings::stepwell::step::types::{Completion, Failure, FailureKind, Item, Value};

struct Entry;

impl Guest for Entry {
    fn run(inputs: Vec<Item>) -> Result<Completion, Failure> {
        match inputs.as_slice() {
            [Item { name, value: Value::Number(number) }] if name == "number" => Ok(Completion {
                outputs: vec![Item { name: "number".to_owned(), value: Value::Number(number + 1.0) }],
                exports: Vec::new(),
            }),
            _ => Err(Failure {
                kind: FailureKind::InvalidInput,
                message: "input `number` is missing".to_owned(),
                causes: Vec::new(),
                hint: None,
            }),
        }
    }
}

#[used]
#[unsafe(link_section = "step-spec")]
static SPEC: [u8; 106] =
    *br#"{"abi":"stepwell:step@0.1.0","inputs":{"number":{"type":"number"}},"outputs":{"number":{"type":"number"}}}"#;
