//! Outputs, held against what the function file declares.

use std::collections::BTreeSet;
use std::fmt;

use stepwell_expr::{Marked, Values};
use stepwell_schema::{Output, OutputsSpec, Spanned, Spec, Value, ValueType};

use crate::execute::Returned;
use crate::exports::{ExportProblem, check_variable};
use crate::json::{JsonError, MAX_VALUE_BYTES, Room};

/// One output, or export, that is not as it must be. The words are those of section 5.7 of the contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("key {name:?}: {kind}")]
pub struct OutputProblem {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub kind: OutputProblemKind,
}

/// What is wrong with an output.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OutputProblemKind {
    /// Not declared.
    #[error("unexpected output, remove from step outputs or define in step specification")]
    Unexpected,
    /// Of another type than the declared one.
    #[error(
        "mismatched types, declared as \"{declared}\" in step specification and received from step as type \"{received}\""
    )]
    MismatchedType {
        /// The declared type.
        declared: ValueType,
        /// The word for the type that came.
        received: &'static str,
    },
    /// Declared without default, and not there.
    #[error("missing output, add to step outputs or remove from step specification")]
    Missing,
    /// A number that is infinite or not a number, at any depth.
    #[error("the number {0} has no text form")]
    NotFinite(f64),
    /// There twice, from a step that hands over each name once.
    #[error("the output occurs twice")]
    Repeated,
    /// An export that cannot be a variable.
    #[error("export: {0}")]
    Export(ExportProblem),
}

/// All that is wrong with the outputs of one step; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputProblems(pub Vec<OutputProblem>);

impl fmt::Display for OutputProblems {
    /// Writes all on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for OutputProblems {}

/// Checks what a command or module hands over, and fills in defaults. Of a name that occurs twice the last value counts.
/// Outputs that are declared sensitive are marked. With `outputs: delegate` everything passes.
///
/// # Errors
/// All problems: undeclared outputs and other types first, in the order given, then what is missing, in the order of
/// the function file.
pub fn check_outputs(
    spec: &Spec,
    outputs: impl IntoIterator<Item = (String, Value)>,
) -> Result<Values, OutputProblems> {
    let declared = match &spec.outputs {
        OutputsSpec::Delegate(_) => {
            return Ok(outputs.into_iter().map(|(name, value)| (name, Marked::plain(value))).collect());
        }
        OutputsSpec::Declared(declared) => declared,
    };
    let mut checked = Values::new();
    let mut problems = Vec::new();
    for (name, value) in outputs {
        match find(declared, &name).ok_or(OutputProblemKind::Unexpected).and_then(|output| check(output, value)) {
            Ok(marked) => {
                checked.insert(name, marked);
            }
            Err(kind) => problems.push(OutputProblem { name, kind }),
        }
    }
    for (name, output) in declared {
        let reported = problems.iter().any(|problem| problem.name == name.value);
        if reported || checked.contains_key(&name.value) {
            continue;
        }
        match default(output) {
            Some(marked) => {
                checked.insert(name.value.clone(), marked);
            }
            None => problems.push(OutputProblem { name: name.value.clone(), kind: OutputProblemKind::Missing }),
        }
    }
    if problems.is_empty() { Ok(checked) } else { Err(OutputProblems(problems)) }
}

/// Checks what a module hands over: as [`check_outputs`], besides that each name occurs once and that each export can be
/// a variable.
///
/// # Errors
/// All problems.
pub(crate) fn check_returned(spec: &Spec, returned: Returned) -> Result<Values, OutputProblems> {
    let mut problems: Vec<OutputProblem> = repeated(&returned.outputs);
    problems.extend(returned.exports.iter().filter_map(|(name, value)| {
        let kind = OutputProblemKind::Export(check_variable(name, value).err()?);
        Some(OutputProblem { name: name.clone(), kind })
    }));
    match check_outputs(spec, returned.outputs) {
        Ok(outputs) if problems.is_empty() => Ok(outputs),
        Ok(_) => Err(OutputProblems(problems)),
        Err(OutputProblems(more)) => {
            problems.extend(more);
            Err(OutputProblems(problems))
        }
    }
}

/// Checks the outputs of a list of steps: what is declared has its type, and its default where it is missing. Returns
/// besides them what is odd: names that are not declared, and declared ones that are neither there nor have a default.
///
/// # Errors
/// All outputs of another type than the declared one.
pub(crate) fn check_list_outputs(spec: &Spec, mut outputs: Values) -> Result<(Values, Vec<String>), OutputProblems> {
    let OutputsSpec::Declared(declared) = &spec.outputs else {
        return Ok((outputs, Vec::new()));
    };
    let mut warnings: Vec<String> = outputs
        .keys()
        .filter(|name| find(declared, name).is_none())
        .map(|name| format!("output `{name}` is not declared in `spec.outputs`"))
        .collect();
    let mut problems = Vec::new();
    for (name, output) in declared {
        let name = &name.value;
        let checked = match outputs.remove(name) {
            Some(marked) => check(output, marked.value)
                .map(|checked| Some(Marked { sensitive: checked.sensitive | marked.sensitive, ..checked })),
            None => Ok(default(output)),
        };
        match checked {
            Ok(Some(marked)) => {
                outputs.insert(name.clone(), marked);
            }
            Ok(None) => warnings.push(format!("declared output `{name}` is not given by the list")),
            Err(kind) => problems.push(OutputProblem { name: name.clone(), kind }),
        }
    }
    if problems.is_empty() { Ok((outputs, warnings)) } else { Err(OutputProblems(problems)) }
}

fn find<'o>(declared: &'o [(Spanned<String>, Output)], name: &str) -> Option<&'o Output> {
    declared.iter().find(|(known, _)| known.value == name).map(|(_, output)| output)
}

fn check(output: &Output, value: Value) -> Result<Marked, OutputProblemKind> {
    if value.value_type() != Some(output.value_type) {
        return Err(OutputProblemKind::MismatchedType { declared: output.value_type, received: value.type_name() });
    }
    match first_not_finite(&value) {
        Some(number) => Err(OutputProblemKind::NotFinite(number)),
        None => Ok(Marked { value, sensitive: output.sensitive }),
    }
}

fn default(output: &Output) -> Option<Marked> {
    output.default.clone().map(|value| Marked { value, sensitive: output.sensitive })
}

fn first_not_finite(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => (!number.is_finite()).then_some(*number),
        Value::Null | Value::Boolean(_) | Value::String(_) => None,
        Value::Array(items) => items.iter().find_map(first_not_finite),
        Value::Struct(members) => members.values().find_map(first_not_finite),
    }
}

fn repeated(outputs: &[(String, Value)]) -> Vec<OutputProblem> {
    let mut seen = BTreeSet::new();
    outputs
        .iter()
        .filter(|(name, _)| !seen.insert(name))
        .map(|(name, _)| OutputProblem { name: name.clone(), kind: OutputProblemKind::Repeated })
        .collect()
}

/// Why the output file of a command with `outputs: delegate` gives no outputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DelegateError {
    /// Nothing in it.
    #[error("the file is empty, but the specification says `outputs: delegate`")]
    Empty,
    /// Not one JSON object.
    #[error("failed to unmarshal JSON: {0}")]
    Syntax(String),
    /// JSON, but no object.
    #[error("failed to unmarshal JSON: expected an object")]
    NotAnObject,
    /// Its values need more than [`MAX_VALUE_BYTES`].
    #[error("the values of the file need more than {MAX_VALUE_BYTES} bytes of memory")]
    TooMuch,
    /// Its outputs are no object.
    #[error("\"outputs\" must be an object")]
    OutputsNotAnObject,
}

/// Reads the output file of a command with `outputs: delegate`: one JSON object in the form of a step result, whose
/// member `outputs` counts. The outputs are not checked.
pub(crate) fn parse_delegate(bytes: &[u8]) -> Result<Values, DelegateError> {
    if bytes.trim_ascii().is_empty() {
        return Err(DelegateError::Empty);
    }
    let result = match Room::new().read(bytes) {
        Ok(result) => result,
        Err(JsonError::Syntax(text)) => return Err(DelegateError::Syntax(text)),
        Err(JsonError::TooMuch) => return Err(DelegateError::TooMuch),
    };
    let Value::Struct(mut result) = result else { return Err(DelegateError::NotAnObject) };
    match result.remove("outputs") {
        // A member with its default value, the empty map, may be left out of a step result.
        None => Ok(Values::new()),
        Some(Value::Struct(outputs)) => {
            Ok(outputs.into_iter().map(|(name, value)| (name, Marked::plain(value))).collect())
        }
        Some(_) => Err(DelegateError::OutputsNotAnObject),
    }
}

#[cfg(test)]
mod tests;
