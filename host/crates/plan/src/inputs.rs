//! The inputs that a step gives, held against those that its function declares.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stepwell_expr::ValueTemplate;
use stepwell_schema::{Input, Node, NodeKind, Place, Problem, Spanned, Value, ValueType};

use crate::code;
use crate::document::Document;
use crate::function::PlannedFunction;
use crate::problem::{listed, nearest};

/// A given input: name, value as written, and value compiled.
pub(crate) type Given<'s> = (&'s Spanned<String>, &'s Node, ValueTemplate);

/// Reports what is undeclared, what is missing, and literal values of another type. `call` is where the step stands.
pub(crate) fn check_inputs(document: &mut Document, call: &Place, given: &[Given<'_>], planned: &PlannedFunction) {
    let inputs = &planned.function.spec.inputs;
    let declared: HashMap<&str, &(Spanned<String>, Input)> =
        inputs.iter().map(|input| (input.0.value.as_str(), input)).collect();
    for (name, node, template) in given {
        if document.gives_up() {
            return;
        }
        let problem = match declared.get(name.value.as_str()) {
            None => Some(undeclared(document, name, planned)),
            Some((at, input)) => mistyped(document, name, node, template, (at, input), planned),
        };
        problem.into_iter().for_each(|problem| document.push(problem));
    }
    let given: HashSet<&str> = given.iter().map(|(name, ..)| name.value.as_str()).collect();
    for (name, input) in inputs {
        if input.default.is_none() && !given.contains(name.value.as_str()) {
            document.push(missing(call, name, planned));
        }
    }
}

fn missing(call: &Place, name: &Spanned<String>, planned: &PlannedFunction) -> Problem {
    Problem::error(code::MISSING_INPUT, format!("input `{}` required, but not defined", name.value))
        .at(call.clone(), format!("`{}` needs it", planned.resolved.origin.reference))
        .at(declared_at(planned, name), "declared here, without default")
}

fn undeclared(document: &Document, name: &Spanned<String>, planned: &PlannedFunction) -> Problem {
    let declared = &planned.function.spec.inputs;
    let known: Vec<&str> = declared.iter().map(|(known, _)| known.value.as_str()).collect();
    let near = nearest(&name.value, known.iter().copied());
    let label = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the function declares no inputs".to_owned(),
        None => format!("inputs: {}", listed(&known)),
    };
    let message = format!("function `{}` has no input `{}`", planned.resolved.origin.reference, name.value);
    let problem = Problem::error(code::UNKNOWN_INPUT, message).at(document.place(name.span), label);
    let shown = declared.iter().find(|(known, _)| Some(known.value.as_str()) == near).or(declared.first());
    match shown {
        Some((shown, _)) => problem.at(declared_at(planned, shown), "declared here"),
        None => problem,
    }
}

fn mistyped(
    document: &Document,
    name: &Spanned<String>,
    node: &Node,
    template: &ValueTemplate,
    (declared, input): (&Spanned<String>, &Input),
    planned: &PlannedFunction,
) -> Option<Problem> {
    let given = known_type(node, template)?;
    if given == input.value_type || becomes_text(given, input.value_type) {
        return None;
    }
    let message = format!("input `{}` must be {}, not {given}", name.value, input.value_type);
    let problem = Problem::error(code::INPUT_TYPE, message)
        .at(document.place(node.span), format!("this is {given}"))
        .at(declared_at(planned, declared), format!("declared as {} here", input.value_type));
    Some(match (given, template.as_literal()) {
        (ValueType::String, Some(Value::String(text))) if input.value_type != ValueType::Array => {
            problem.help(format!("without quotes `{text}` may be what you mean"))
        }
        _ => problem,
    })
}

/// The type of a value as far as the document tells: an array or struct stays one whatever expressions are in it.
/// Null has no type and is left to the run.
fn known_type(node: &Node, template: &ValueTemplate) -> Option<ValueType> {
    match &node.kind {
        NodeKind::Null => None,
        NodeKind::Boolean(_) => Some(ValueType::Boolean),
        NodeKind::Number(_) => Some(ValueType::Number),
        NodeKind::String(_) => template.is_literal().then_some(ValueType::String),
        NodeKind::Array(_) => Some(ValueType::Array),
        NodeKind::Struct(_) => Some(ValueType::Struct),
    }
}

/// Numbers and truth values given to a text input are turned into text when the step is reached.
fn becomes_text(given: ValueType, declared: ValueType) -> bool {
    declared == ValueType::String && matches!(given, ValueType::Number | ValueType::Boolean)
}

fn declared_at(planned: &PlannedFunction, name: &Spanned<String>) -> Place {
    Place::new(Arc::clone(&planned.function.source), name.span)
}
