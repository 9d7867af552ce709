//! Values on their way into and out of a typed step.

use stepwell_run::Returned;
use stepwell_schema::Value;
use stepwell_schema::name::{MAX_NAME_BYTES, is_name};

use crate::bindings::stepwell::step::types;
use crate::json;
use crate::size::bytes_text;

/// Most items of inputs, outputs or exports. From the step ABI, section 5.
pub(crate) const MAX_ITEMS: usize = 256;
/// Most bytes of all inputs, encoded. From the step ABI, section 5.
pub(crate) const MAX_INPUT_BYTES: usize = 1 << 20;
/// Most bytes of one output. From the step ABI, section 5.
pub(crate) const MAX_OUTPUT_BYTES: usize = 256 << 10;
/// Most bytes of a whole completion. From the step ABI, section 5.
pub(crate) const MAX_COMPLETION_BYTES: usize = 1 << 20;

/// Why inputs cannot be handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InputRefused {
    /// More than fits.
    #[error("limit of {} for the inputs of a step reached ({} given)", bytes_text(MAX_INPUT_BYTES as u64), bytes_text(*.actual_bytes as u64))]
    TooLarge { actual_bytes: usize },
    #[error("limit of {MAX_ITEMS} inputs of a step reached ({actual} given)")]
    TooMany { actual: usize },
    /// A value that cannot travel.
    #[error("input `{name}`: {problem}")]
    Invalid { name: String, problem: &'static str },
}

/// Converts inputs for a typed step.
///
/// # Errors
/// See [`InputRefused`].
pub(crate) fn encode<'a>(
    inputs: impl ExactSizeIterator<Item = (&'a str, &'a Value)>,
) -> Result<Vec<types::Item>, InputRefused> {
    if inputs.len() > MAX_ITEMS {
        return Err(InputRefused::TooMany { actual: inputs.len() });
    }
    let mut items = Vec::with_capacity(inputs.len());
    let mut actual_bytes = 0;
    for (name, value) in inputs {
        let invalid = |problem| InputRefused::Invalid { name: name.to_owned(), problem };
        let value = encode_value(value).map_err(invalid)?;
        actual_bytes += name.len() + value_bytes(&value);
        items.push(types::Item { name: name.to_owned(), value });
    }
    if actual_bytes > MAX_INPUT_BYTES {
        return Err(InputRefused::TooLarge { actual_bytes });
    }
    Ok(items)
}

fn encode_value(value: &Value) -> Result<types::Value, &'static str> {
    Ok(match value {
        Value::Null => types::Value::Null,
        Value::Boolean(value) => types::Value::Boolean(*value),
        Value::Number(number) if number.is_finite() => types::Value::Number(*number),
        Value::Number(_) => return Err(NOT_FINITE),
        Value::String(text) if text.contains('\0') => return Err(HAS_NUL),
        Value::String(text) => types::Value::Text(text.clone()),
        Value::Array(_) | Value::Struct(_) => {
            if depth(value) > json::MAX_DEPTH {
                return Err("nested deeper than 32");
            }
            types::Value::Json(value.to_json_text().map_err(|_| NOT_FINITE)?)
        }
    })
}

const NOT_FINITE: &str = "a number that is infinite or not a number";
const HAS_NUL: &str = "the text holds a NUL character";

/// Counts nested arrays and structs. Values come from documents whose depth is bounded, so recursion is.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Struct(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn value_bytes(value: &types::Value) -> usize {
    match value {
        types::Value::Null | types::Value::Boolean(_) => 1,
        types::Value::Number(_) => size_of::<f64>(),
        types::Value::Text(text) | types::Value::Json(text) => text.len(),
    }
}

/// Converts what a typed step hands over. That names are declared and types are right is for whoever knows the
/// function file.
///
/// # Errors
/// Every problem as a lower-case fragment, at least one.
pub(crate) fn decode(completion: types::Completion) -> Result<Returned, Vec<String>> {
    let mut problems = Vec::new();
    for (what, count) in [("outputs", completion.outputs.len()), ("exports", completion.exports.len())] {
        if count > MAX_ITEMS {
            problems.push(format!("{count} {what}, more than the limit of {MAX_ITEMS}"));
        }
    }
    let output_bytes = completion.outputs.iter().map(|item| item.name.len() + value_bytes(&item.value));
    let export_bytes = completion.exports.iter().map(|(name, value)| name.len() + value.len());
    let total_bytes: usize = output_bytes.chain(export_bytes).sum();
    if total_bytes > MAX_COMPLETION_BYTES {
        problems.push(format!(
            "{} in all, more than the limit of {}",
            bytes_text(total_bytes as u64),
            bytes_text(MAX_COMPLETION_BYTES as u64)
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut outputs = Vec::with_capacity(completion.outputs.len());
    for item in completion.outputs {
        match decode_output(&item) {
            Ok(value) => outputs.push((item.name, value)),
            Err(problem) => problems.push(format!("output `{}`: {problem}", shown(&item.name))),
        }
    }
    for (name, value) in &completion.exports {
        if let Err(problem) = check_name(name).and_then(|()| check_text(value)) {
            problems.push(format!("export `{}`: {problem}", shown(name)));
        }
    }
    if problems.is_empty() { Ok(Returned { outputs, exports: completion.exports }) } else { Err(problems) }
}

fn decode_output(item: &types::Item) -> Result<Value, String> {
    check_name(&item.name)?;
    let bytes = value_bytes(&item.value);
    if bytes > MAX_OUTPUT_BYTES {
        let limit = bytes_text(MAX_OUTPUT_BYTES as u64);
        return Err(format!("{} long, more than the limit of {limit}", bytes_text(bytes as u64)));
    }
    match &item.value {
        types::Value::Null => Err("null is no output".to_owned()),
        types::Value::Boolean(value) => Ok(Value::Boolean(*value)),
        types::Value::Number(number) if number.is_finite() => Ok(Value::Number(*number)),
        types::Value::Number(_) => Err(NOT_FINITE.to_owned()),
        types::Value::Text(text) => check_text(text).map(|()| Value::String(text.clone())),
        types::Value::Json(text) => match json::parse(text)? {
            value @ (Value::Array(_) | Value::Struct(_)) => Ok(value),
            other => Err(format!("the JSON text holds {}, not an array or an object", other.type_name())),
        },
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("the name is longer than {MAX_NAME_BYTES} bytes"));
    }
    if is_name(name) { Ok(()) } else { Err("the name does not match `[a-zA-Z_][a-zA-Z0-9_]*`".to_owned()) }
}

fn check_text(text: &str) -> Result<(), String> {
    if text.contains('\0') { Err(HAS_NUL.to_owned()) } else { Ok(()) }
}

/// Names come from the guest: they are shown short and without control characters.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
    }

    #[track_caller]
    fn encodes(value: Value, expected: &str) {
        let items = encode([("x", &value)].into_iter());
        let shown = match items {
            Ok(items) => format!("{:?}", items[0].value),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn inputs() {
        encodes(Value::Null, "Value::Null");
        encodes(Value::Boolean(true), "Value::Boolean(true)");
        encodes(Value::Number(1.5), "Value::Number(1.5)");
        encodes(Value::from("a"), "Value::Text(\"a\")");
        encodes(
            Value::Struct(BTreeMap::from([("a".to_owned(), Value::Number(1.0))])),
            "Value::Json(\"{\\\"a\\\":1}\")",
        );
        encodes(Value::Number(f64::NAN), "input `x`: a number that is infinite or not a number");
        encodes(
            Value::Array(vec![Value::Number(f64::INFINITY)]),
            "input `x`: a number that is infinite or not a number",
        );
        encodes(Value::from("a\0"), "input `x`: the text holds a NUL character");
        encodes(nested(33), "input `x`: nested deeper than 32");
        encodes(Value::from("a".repeat(2 << 20)), "limit of 1 MiB for the inputs of a step reached (2 MiB given)");
    }

    #[test]
    fn too_many_inputs() {
        let value = Value::Null;
        let inputs = vec![("x", &value); 257];
        assert_eq!(encode(inputs.into_iter()).unwrap_err(), InputRefused::TooMany { actual: 257 });
    }

    #[track_caller]
    fn decodes(value: types::Value, expected: Result<Value, &str>) {
        let item = types::Item { name: "x".to_owned(), value };
        let decoded = decode(types::Completion { outputs: vec![item], exports: Vec::new() });
        let expected = expected.map_err(|problem| vec![format!("output `x`: {problem}")]);
        assert_eq!(decoded.map(|mut returned| returned.outputs.remove(0).1), expected);
    }

    #[test]
    fn outputs() {
        decodes(types::Value::Boolean(true), Ok(Value::Boolean(true)));
        decodes(types::Value::Text("a".to_owned()), Ok(Value::from("a")));
        decodes(types::Value::Json("[]".to_owned()), Ok(Value::Array(Vec::new())));
        decodes(types::Value::Null, Err("null is no output"));
        decodes(types::Value::Number(f64::NAN), Err(NOT_FINITE));
        decodes(types::Value::Text("\0".to_owned()), Err(HAS_NUL));
        decodes(types::Value::Json("1".to_owned()), Err("the JSON text holds number, not an array or an object"));
        decodes(
            types::Value::Json("{\"a\":1,\"a\":2}".to_owned()),
            Err("the key `a` occurs twice at line 1 column 13"),
        );
        decodes(types::Value::Text("a".repeat(300 << 10)), Err("300 KiB long, more than the limit of 256 KiB"));
    }

    #[test]
    fn every_problem_is_told() {
        let item = |name: &str| types::Item { name: name.to_owned(), value: types::Value::Null };
        let completion = types::Completion {
            outputs: vec![item("a"), item("b-c"), item(&"n".repeat(129))],
            exports: vec![(String::new(), String::new()), ("A".to_owned(), "\0".to_owned())],
        };
        let problems = decode(completion).unwrap_err();
        assert_eq!(problems.len(), 5);
        assert_eq!(problems[1], "output `b-c`: the name does not match `[a-zA-Z_][a-zA-Z0-9_]*`");
        assert_eq!(problems[4], "export `A`: the text holds a NUL character");
    }

    /// Texts of all kinds: names that are one and that are none, JSON that is whole and that is cut.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z_][a-zA-Z0-9_]{0,4}",
            ".{0,6}",
            "[\\[\\]{}\":,a1\\\\ue]{0,12}",
            (0..50_usize).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth)),
            (250_usize..270).prop_map(|kib| "x".repeat(kib << 10)),
        ]
    }

    fn items() -> impl Strategy<Value = types::Item> {
        let value = prop_oneof![
            Just(types::Value::Null),
            any::<bool>().prop_map(types::Value::Boolean),
            any::<f64>().prop_map(types::Value::Number),
            texts().prop_map(types::Value::Text),
            texts().prop_map(types::Value::Json),
        ];
        (texts(), value).prop_map(|(name, value)| types::Item { name, value })
    }

    proptest! {
        #[test]
        fn whatever_is_handed_over_is_within_the_limits_or_refused(
            outputs in prop::collection::vec(items(), 0..6),
            exports in prop::collection::vec((texts(), texts()), 0..6),
        ) {
            match decode(types::Completion { outputs: outputs.clone(), exports: exports.clone() }) {
                Ok(returned) => {
                    prop_assert_eq!((returned.outputs.len(), &returned.exports), (outputs.len(), &exports));
                    let names = returned.outputs.iter().map(|(name, _)| name).chain(exports.iter().map(|(name, _)| name));
                    prop_assert!(names.into_iter().all(|name| is_name(name)));
                    for (_, value) in &returned.outputs {
                        prop_assert!(*value != Value::Null && depth(value) <= json::MAX_DEPTH);
                        let written = value.to_json_text().map(|text| text.len());
                        // In JSON a character takes six bytes at most.
                        prop_assert!(written.is_ok_and(|bytes| bytes <= 6 * MAX_OUTPUT_BYTES + 2));
                    }
                    let exported: usize = exports.iter().map(|(name, value)| name.len() + value.len()).sum();
                    prop_assert!(exported <= MAX_COMPLETION_BYTES);
                }
                Err(problems) => {
                    prop_assert!(!problems.is_empty());
                    prop_assert!(problems.iter().all(|problem| problem.len() < 4_096 && !problem.contains('\n')));
                }
            }
        }
    }

    #[test]
    fn completions_are_bounded() {
        let item = types::Item { name: "a".to_owned(), value: types::Value::Text("a".repeat(200 << 10)) };
        let completion = types::Completion { outputs: vec![item; 6], exports: Vec::new() };
        assert_eq!(decode(completion).unwrap_err(), ["1.1 MiB in all, more than the limit of 1 MiB"]);
        let exports = vec![("A".to_owned(), String::new()); 257];
        let completion = types::Completion { outputs: Vec::new(), exports };
        assert_eq!(decode(completion).unwrap_err(), ["257 exports, more than the limit of 256"]);
    }
}
