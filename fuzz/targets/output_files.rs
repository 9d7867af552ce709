//! The files in which steps write outputs and exports, and what a function file declares about them.
//!
//! The first piece of an input is an output file; the second, if there is one, declares the outputs.

#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use stepwell_fuzz::{pieces, text};
use stepwell_run::lines::{self, MAX_QUOTED_BYTES};
use stepwell_run::{check_outputs, export_text};
use stepwell_schema::{Function, OutputsSpec, Source, Spec, Value};

fuzz_target!(|bytes: &[u8]| {
    let parsed = lines::parse(bytes);
    assert_eq!(parsed, lines::parse(bytes), "two readings differ");
    let lines = bytes.split(|byte| *byte == b'\n').count();
    match parsed {
        Ok(entries) => {
            assert!(entries.len() <= lines);
            entries.iter().for_each(check_entry);
            read_back(&entries);
        }
        Err(error) => {
            assert!((1..=lines).contains(&error.line));
            assert!(!error.to_string().contains('\n'));
            // Of a byte that is not UTF-8 three bytes are left.
            assert!(error.quoting(bytes).len() <= error.to_string().len() + 16 + 3 * MAX_QUOTED_BYTES);
            // Up to the line at fault all is well.
            let before: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').take(error.line - 1).collect();
            assert!(lines::parse(&before.join(&b'\n')).is_ok());
        }
    }
    against_a_specification(&text(bytes));
});

fn check_entry((name, value): &(String, Value)) {
    assert!(!name.is_empty() && *value != Value::Null);
    let text = value.to_text().expect("JSON has no number that is none");
    match export_text(value) {
        Ok(exported) => match value {
            Value::Number(number) => {
                assert_eq!(exported.parse(), Ok(*number), "the text of a number gives the number");
                assert!(!exported.contains(['e', 'E']));
            }
            Value::Null | Value::Boolean(_) | Value::String(_) | Value::Array(_) | Value::Struct(_) => {
                assert_eq!(exported, text);
            }
        },
        Err(_) => assert!(matches!(value, Value::Array(_) | Value::Struct(_))),
    }
}

/// What is written in the same form is read as the same.
fn read_back(entries: &[(String, Value)]) {
    let mut file = Vec::new();
    for (name, value) in entries {
        let fields =
            Value::Struct([("name".to_owned(), name.clone().into()), ("value".to_owned(), value.clone())].into());
        writeln!(file, "{}", fields.to_json_text().expect("finite")).expect("memory takes all");
    }
    assert_eq!(lines::parse(&file).as_deref(), Ok(entries));
}

fn against_a_specification(text: &str) {
    let [file, declared] = pieces(text, 2)[..] else { return };
    let Ok(entries) = lines::parse(file.as_bytes()) else { return };
    let function = format!("spec:\n  outputs: {declared}\n---\nexec: {{ command: [ x ] }}\n");
    let Ok(function) = Function::parse(Source::new("func.yml", function)) else { return };
    let checked = check_outputs(&function.spec, entries.clone());
    // A default that is no number differs from itself, its text does not.
    let again = check_outputs(&function.spec, entries.clone());
    assert_eq!(format!("{checked:?}"), format!("{again:?}"), "two checks differ");
    match checked {
        Ok(outputs) => check_accepted(&function.spec, &outputs, &entries),
        Err(problems) => {
            assert!(!problems.0.is_empty());
            let OutputsSpec::Declared(declared) = &function.spec.outputs else { panic!("refused though delegated") };
            assert!(problems.0.len() <= entries.len() + declared.len());
        }
    }
}

fn check_accepted(spec: &Spec, outputs: &stepwell_run::Values, entries: &[(String, Value)]) {
    for (name, marked) in outputs {
        if let Some((_, last)) = entries.iter().rfind(|(known, _)| known == name) {
            assert_eq!(marked.value, *last, "the last value counts");
        }
    }
    match &spec.outputs {
        OutputsSpec::Delegate(_) => assert!(outputs.len() <= entries.len()),
        OutputsSpec::Declared(declared) => {
            assert_eq!(outputs.len(), declared.len(), "each declared output is there, and no other");
            for (name, output) in declared {
                let marked = &outputs[&name.value];
                assert_eq!(marked.sensitive, output.sensitive);
                assert!(marked.value.conforms(output.value_type) || output.default.as_ref() == Some(&marked.value));
            }
        }
    }
}
