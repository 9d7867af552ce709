//! The functions: `str`, `num` and `bool`, each of one argument.

use stepwell_schema::Value;

use crate::error::ExprErrorKind;
use crate::limit::Budget;
use crate::operand::{Plain, View};

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// Text of any value.
    Str,
    /// Number from a text.
    Num,
    /// Truthiness.
    Bool,
}

impl Function {
    /// All functions.
    pub(crate) const ALL: [Self; 3] = [Self::Str, Self::Num, Self::Bool];

    /// Returns the name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Num => "num",
            Self::Bool => "bool",
        }
    }

    /// Returns the function of a name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.as_str() == name)
    }

    /// Calls it.
    pub(crate) fn call(self, argument: &Plain<'_>, budget: &Budget) -> Result<Value, ExprErrorKind> {
        match self {
            Self::Str => {
                let mut text = String::new();
                argument.write_text(&mut text, budget)?;
                Ok(Value::String(text))
            }
            Self::Num => num(argument.view()),
            Self::Bool => Ok(Value::Boolean(argument.view().is_truthy())),
        }
    }
}

fn num(argument: View<'_>) -> Result<Value, ExprErrorKind> {
    match argument {
        View::Number(number) => Ok(Value::Number(number)),
        View::String(text) => parse_number(text).map(Value::Number).ok_or(ExprErrorKind::NumberText),
        View::Null | View::Boolean(_) | View::Array(_) | View::Struct(_) => {
            Err(ExprErrorKind::ArgumentType { function: Function::Num.as_str(), type_name: argument.type_name() })
        }
    }
}

/// Reads a number as expressions write it, with an optional sign; white space around it is no part of a number.
fn parse_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if crate::parse::number_length(digits) != digits.len() || digits.is_empty() {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
