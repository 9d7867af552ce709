//! Exports: environment variables that a step hands to all later steps of the job.

use std::collections::BTreeMap;

use stepwell_schema::Value;
use stepwell_schema::value::{NotFinite, number_to_plain_text};

/// Why a name and a value cannot be exported.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExportProblem {
    /// A value without a text form of its own.
    #[error("cannot convert value type \"{0}\" to string")]
    NotText(&'static str),
    /// A number without a text form.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// No variable can have the empty name.
    #[error("the name of a variable cannot be empty")]
    EmptyName,
    /// The name would end at this character, and the variable would be another one.
    #[error("the name of a variable cannot hold {0}")]
    NameCharacter(&'static str),
    /// The value would end there.
    #[error("the value of a variable cannot hold NUL")]
    NulInValue,
}

/// A name that cannot be exported, with the reason.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("key {name:?}: {problem}")]
pub(crate) struct ExportError {
    pub(crate) name: String,
    pub(crate) problem: ExportProblem,
}

/// Returns the text of an exported value: text as it is, numbers in plain decimal, `true` or `false`.
///
/// # Errors
/// Null, an array or a struct, and a number that is not finite.
pub fn export_text(value: &Value) -> Result<String, ExportProblem> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number_to_plain_text(*number)?),
        Value::Boolean(value) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Struct(_) => Err(ExportProblem::NotText(value.type_name())),
    }
}

/// Checks that a name and a value can stand in an environment.
///
/// # Errors
/// A name that is empty or holds `=` or NUL, and a value that holds NUL.
pub(crate) fn check_variable(name: &str, value: &str) -> Result<(), ExportProblem> {
    match name {
        "" => Err(ExportProblem::EmptyName),
        _ if name.contains('=') => Err(ExportProblem::NameCharacter("`=`")),
        _ if name.contains('\0') => Err(ExportProblem::NameCharacter("NUL")),
        _ if value.contains('\0') => Err(ExportProblem::NulInValue),
        _ => Ok(()),
    }
}

/// Turns the entries of an export file into variables; of two with the same name the later one wins.
pub(crate) fn variables(entries: Vec<(String, Value)>) -> Result<BTreeMap<String, String>, ExportError> {
    entries
        .into_iter()
        .map(|(name, value)| {
            let text = export_text(&value).and_then(|text| check_variable(&name, &text).map(|()| text));
            match text {
                Ok(text) => Ok((name, text)),
                Err(problem) => Err(ExportError { name, problem }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
