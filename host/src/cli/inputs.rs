//! Inputs given on the command line: `K=V` and `K:=JSON`.

use stepwell_schema::name::is_name;
use stepwell_schema::{Spec, Value, ValueType};

use super::error::CommandError;

/// Reads inputs for a function. With `K:=JSON` the value is JSON; with `K=V` it is text where the function declares
/// `string`, and typed as a plain YAML scalar otherwise. Later ones win.
///
/// # Errors
/// The first input that is in neither form. Names that the function does not know are left to the plan, which knows
/// what is near.
pub(super) fn read(inputs: &[String], spec: &Spec) -> Result<Vec<(String, Value)>, CommandError> {
    let mut values: Vec<(String, Value)> = Vec::with_capacity(inputs.len());
    for input in inputs {
        let (name, value) = read_one(input, spec)?;
        values.retain(|(known, _)| *known != name);
        values.push((name, value));
    }
    Ok(values)
}

fn read_one(input: &str, spec: &Spec) -> Result<(String, Value), CommandError> {
    let (name, value) = input.split_once('=').ok_or_else(|| wrong(input, "there is no `=` in it"))?;
    let (name, is_json) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
    if !is_name(name) {
        return Err(wrong(input, "what stands before `=` is not a name"));
    }
    let value = if is_json {
        let json = serde_json::from_str(value).map_err(|error| wrong(input, &format!("{error}")))?;
        Value::from_json(json)
    } else if spec.input(name).is_some_and(|declared| declared.value_type != ValueType::String) {
        Value::from_yaml_scalar(value)
    } else {
        Value::from(value)
    };
    Ok((name.to_owned(), literal(value)))
}

fn wrong(input: &str, why: &str) -> CommandError {
    CommandError::Usage {
        message: format!("`{input}` is not an input: {why}"),
        hint: "write NAME=VALUE for text, or NAME:=JSON".to_owned(),
    }
}

/// Escapes expressions: what stands on the command line is a value, not a template.
pub(super) fn literal(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(stepwell_schema::literal(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(literal).collect()),
        Value::Struct(members) => Value::Struct(
            members.into_iter().map(|(name, value)| (stepwell_schema::literal(&name), literal(value))).collect(),
        ),
        scalar @ (Value::Null | Value::Boolean(_) | Value::Number(_)) => scalar,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stepwell_schema::{Function, Source};

    use super::*;

    #[track_caller]
    fn check(input: &str, expected: Option<Value>) {
        let text = "spec: { inputs: { t: { type: string }, n: { type: number } } }\n---\nexec: { command: [ x ] }\n";
        let function = Function::parse(Arc::clone(&Source::new("func.yml", text))).expect("the file is valid");
        let read = read(&[input.to_owned()], &function.spec).ok().map(|mut values| values.remove(0).1);
        assert_eq!(read, expected, "{input}");
    }

    #[test]
    fn forms() {
        check("t=12", Some(Value::from("12")));
        check("n=12", Some(Value::from(12.0)));
        check("n=x", Some(Value::from("x")));
        check("t=", Some(Value::from("")));
        check("t=a=b", Some(Value::from("a=b")));
        check("n:=[1,true]", Some(Value::Array(vec![Value::from(1.0), Value::from(true)])));
        check("t=${{ vars.X }}", Some(Value::from("\\${{ vars.X }}")));
        check("unknown=1", Some(Value::from("1")));
        check("n:=", None);
        check("n", None);
        check("1x=2", None);
        check("=2", None);
    }
}
