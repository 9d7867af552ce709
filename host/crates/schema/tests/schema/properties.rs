//! No text makes the readers panic, and every problem points into the text.

use proptest::prelude::*;
use stepwell_schema::{Function, Job, Node, Problems, Reference, Source, Value};

const FUNCTION: &str = "spec:\n  inputs:\n    a: { type: string, default: &d x }\n  outputs: delegate\n  needs:\n    read: \
                        [ src ]\n    limits: { cpu: 20s, memory: 64MiB }\n---\nenv: { A: 1, <<: {B: é} }\nrun:\n  - \
                        name: one\n    func: ./x\n    inputs: { y: [1, 2] }\n  - name: two\n    script: |\n      echo\n\
                        delegate: one\n";

const JOB: &str = "{}\n---\nrun:\n- name: a\n  step: { git: { url: h/p, rev: v1 } }\n- script: 'x'\n";

fn check_problems(problems: &Problems) -> Result<(), TestCaseError> {
    let mut last = 0;
    for problem in problems.iter() {
        prop_assert!(!problem.message.contains('\n'), "{}", problem.message);
        for label in &problem.labels {
            let span = label.place.span;
            prop_assert!(label.place.source.text().get(span.start..span.end).is_some(), "{:?}", problem);
        }
        let start = problem.labels.first().map_or(0, |label| label.place.span.start);
        prop_assert!(start >= last, "in the order of the document");
        last = start;
    }
    Ok(())
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let source = Source::new("x.yml", text);
    let function = Function::parse(source.clone());
    check_problems(function.as_ref().map_or_else(|problems| problems, |function| &function.warnings))?;
    let job = Job::parse(source.clone());
    check_problems(job.as_ref().map_or_else(|problems| problems, |job| &job.warnings))?;
    if let Err(problems) = Node::parse(source) {
        check_problems(&problems)?;
    }
    Ok(())
}

/// Pieces of YAML that mean something, so that random texts reach past the first error.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "run", "spec", "name", "script", "func", "inputs", "type", "env", ":", ": ", "- ", "\n", "\n  ", "  ",
        "[", "]", "{", "}", ", ", "\"", "'", "|", ">", "&a ", "*a", "<<", "? ", "!!str ", "!x ", "# ", "---\n",
        "...\n", "%", "@", "`", "\t", "\r\n", "é", "\u{feff}", "~", "12", "0x", "true", "${{ a }}", "\\", "\0",
        "\u{2028}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// A document with one stretch replaced.
fn mutated() -> impl Strategy<Value = String> {
    let document = prop::sample::select(vec![FUNCTION, JOB]);
    (document, any::<prop::sample::Index>(), 0_usize..8, pieces()).prop_map(|(document, at, length, piece)| {
        let characters: Vec<char> = document.chars().collect();
        let start = at.index(characters.len());
        let end = (start + length).min(characters.len());
        let short: String = piece.chars().take(6).collect();
        characters[..start].iter().collect::<String>() + &short + &characters[end..].iter().collect::<String>()
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        (-1.0e15_f64..1.0e15).prop_map(Value::Number),
        any::<i32>().prop_map(|number| Value::Number(f64::from(number))),
        // JSON is read as YAML here, which has no place for control characters.
        "[ -~éü\n]{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("[a-z<é ]{0,5}", inner, 0..5).prop_map(Value::Struct),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn texts_like_yaml(text in pieces()) {
        check(&text)?;
    }

    #[test]
    fn mutated_documents(text in mutated()) {
        check(&text)?;
    }

    #[test]
    fn json_is_read_back(value in value()) {
        let text = value.to_json_text().expect("finite");
        let read = Node::parse(Source::new("x.json", text)).expect("JSON is YAML").to_value();
        prop_assert_eq!(read, value);
    }

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        match Source::from_bytes("x.yml", bytes) {
            Ok(source) => check(source.text())?,
            Err(problem) => check_problems(&problem.into())?,
        }
    }

    #[test]
    fn references_are_read_back(text in "([.]{0,2}/|https://|http://|builtin://)?[a-z0-9./:@ -]{0,30}") {
        if let Ok(reference) = Reference::parse(&text) {
            let written = reference.to_string();
            if !written.contains("[MASKED]") && !written.starts_with('{') {
                prop_assert_eq!(Reference::parse(&written), Ok(reference), "{}", written);
            }
        }
    }
}
