//! Outputs against declarations; the whole way is tested with jobs.

use stepwell_schema::Span;

use super::*;

fn spec(outputs: &[(&str, ValueType, Option<Value>, bool)]) -> Spec {
    let declared = outputs.iter().map(|(name, value_type, default, sensitive)| {
        let output =
            Output { value_type: *value_type, default: default.clone(), sensitive: *sensitive, description: None };
        (Spanned::new((*name).to_owned(), Span::default()), output)
    });
    Spec { outputs: OutputsSpec::Declared(declared.collect()), ..Spec::default() }
}

fn given(outputs: &[(&str, Value)]) -> Vec<(String, Value)> {
    outputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn all_problems_are_told_once_each() {
    let spec = spec(&[("a", ValueType::Number, None, false), ("b", ValueType::String, None, false)]);
    let problems = check_outputs(&spec, given(&[("a", "text".into()), ("x", 1.0.into())])).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "key \"a\": mismatched types, declared as \"number\" in step specification and received from step as type \"string\"; \
         key \"x\": unexpected output, remove from step outputs or define in step specification; \
         key \"b\": missing output, add to step outputs or remove from step specification"
    );
}

#[test]
fn a_number_that_cannot_be_written_is_refused_at_any_depth() {
    let spec = spec(&[("a", ValueType::Array, None, false)]);
    let nested = Value::Array(vec![Value::Struct([("n".to_owned(), Value::Number(f64::NAN))].into())]);
    let problems = check_outputs(&spec, given(&[("a", nested)])).unwrap_err();
    assert_eq!(problems.to_string(), "key \"a\": the number NaN has no text form");
}

#[test]
fn declared_sensitive_outputs_are_marked_defaults_too() {
    let spec = spec(&[("a", ValueType::String, None, true), ("b", ValueType::String, Some("d".into()), true)]);
    let outputs = check_outputs(&spec, given(&[("a", "x".into())])).unwrap();
    assert_eq!(outputs["a"], Marked::sensitive("x"));
    assert_eq!(outputs["b"], Marked::sensitive("d"));
}

#[test]
fn outputs_of_a_list_that_are_odd_are_told_and_kept() {
    let spec = spec(&[("a", ValueType::String, None, false), ("b", ValueType::String, None, true)]);
    let outputs = Values::from([("b".to_owned(), Marked::plain("x")), ("c".to_owned(), Marked::sensitive(1.0))]);
    let (outputs, warnings) = check_list_outputs(&spec, outputs).unwrap();
    assert_eq!(
        warnings,
        ["output `c` is not declared in `spec.outputs`", "declared output `a` is not given by the list"]
    );
    assert_eq!(outputs["b"], Marked::sensitive("x"));
    assert_eq!(outputs["c"], Marked::sensitive(1.0));
}
