//! Values on their way through an evaluation: borrowed as long as possible, with their mark.

use std::borrow::Cow;
use std::collections::BTreeMap;

use stepwell_schema::Value;

use crate::error::ExprErrorKind;
use crate::limit::{Budget, check_value_depth};
use crate::marked::Marked;
use crate::scope::{StepOutputs, Values};

/// What a part of an expression gives. Contexts stay what they are until somebody needs them as a whole, so that
/// `steps.NAME.outputs.KEY` touches one value and no other.
pub(crate) enum Operand<'a> {
    /// A value.
    Value(Settled<'a>),
    /// `env`, `inputs`, `vars`, or the outputs of one step.
    Values(&'a Values),
    /// `steps`.
    Steps(&'a StepOutputs),
    /// `steps.NAME`, which has the one member `outputs`.
    Step(&'a Values),
}

/// A value with its mark.
pub(crate) struct Settled<'a> {
    pub(crate) plain: Plain<'a>,
    pub(crate) sensitive: bool,
}

/// A value without its mark.
pub(crate) enum Plain<'a> {
    /// A text that stands in the scope as such.
    Text(&'a str),
    /// Any value.
    Value(Cow<'a, Value>),
}

/// What a value looks like, wherever it stands.
#[derive(Clone, Copy)]
pub(crate) enum View<'v> {
    Null,
    Boolean(bool),
    Number(f64),
    String(&'v str),
    Array(&'v [Value]),
    Struct(&'v BTreeMap<String, Value>),
}

impl<'a> Operand<'a> {
    /// Makes an operand of a value that stays where it is.
    pub(crate) fn borrowed(value: &'a Value, sensitive: bool) -> Self {
        Self::Value(Settled { plain: Plain::Value(Cow::Borrowed(value)), sensitive })
    }

    /// Makes an operand of a new value.
    pub(crate) fn owned(value: Value, sensitive: bool) -> Self {
        Self::Value(Settled { plain: Plain::Value(Cow::Owned(value)), sensitive })
    }

    /// Makes an operand of a text of the scope.
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Value(Settled { plain: Plain::Text(text), sensitive: false })
    }

    /// Tells whether it is truthy, without copying a context.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Self::Value(settled) => settled.plain.view().is_truthy(),
            Self::Values(values) => !values.is_empty(),
            Self::Steps(steps) => !steps.is_empty(),
            Self::Step(_) => true,
        }
    }

    /// Makes it one value; a context becomes a struct, which is sensitive if any member is.
    pub(crate) fn settle(self, budget: &Budget) -> Result<Settled<'a>, ExprErrorKind> {
        let marked = match self {
            Self::Value(settled) => return Ok(settled),
            Self::Values(values) => copy_values(values, budget)?,
            Self::Steps(steps) => copy_steps(steps, budget)?,
            Self::Step(outputs) => copy_step(outputs, budget)?,
        };
        Ok(Settled { plain: Plain::Value(Cow::Owned(marked.value)), sensitive: marked.sensitive })
    }
}

impl Settled<'_> {
    /// Takes the value out, copying it if it is borrowed.
    pub(crate) fn into_marked(self, budget: &Budget) -> Result<Marked, ExprErrorKind> {
        Ok(Marked { value: self.plain.into_value(budget)?, sensitive: self.sensitive })
    }
}

impl Plain<'_> {
    /// Returns what it looks like.
    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Self::Text(text) => View::String(text),
            Self::Value(value) => View::from(&**value),
        }
    }

    /// Takes the value out, copying it if it is borrowed.
    pub(crate) fn into_value(self, budget: &Budget) -> Result<Value, ExprErrorKind> {
        match self {
            Self::Text(text) => {
                budget.produce(text.len())?;
                Ok(Value::String(text.to_owned()))
            }
            Self::Value(Cow::Owned(value)) => Ok(value),
            Self::Value(Cow::Borrowed(value)) => {
                budget.produce_copy(value)?;
                Ok(value.clone())
            }
        }
    }

    /// Takes the text form, copying it if it is borrowed; see [`Plain::write_text`].
    pub(crate) fn into_text(self, budget: &Budget) -> Result<String, ExprErrorKind> {
        if let Self::Value(Cow::Owned(Value::String(text))) = self {
            return Ok(text);
        }
        let mut text = String::new();
        self.write_text(&mut text, budget)?;
        Ok(text)
    }

    /// Appends the text form, with `<null>` for null.
    pub(crate) fn write_text(&self, out: &mut String, budget: &Budget) -> Result<(), ExprErrorKind> {
        let value = match self {
            Self::Text(text) => return write_str(out, text, budget),
            Self::Value(value) => value,
        };
        match &**value {
            Value::String(text) => write_str(out, text, budget),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Array(_) | Value::Struct(_) => {
                check_value_depth(value)?;
                write_str(out, &value.to_text()?, budget)
            }
        }
    }
}

impl<'v> View<'v> {
    /// Tells whether it is truthy: `true`, a number other than zero, or anything with at least one element.
    pub(crate) fn is_truthy(self) -> bool {
        match self {
            Self::Null => false,
            Self::Boolean(value) => value,
            Self::Number(number) => number != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Array(items) => !items.is_empty(),
            Self::Struct(members) => !members.is_empty(),
        }
    }

    /// Returns the word for the type in messages.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Struct(_) => "struct",
        }
    }
}

impl<'v> From<&'v Value> for View<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Number(number) => Self::Number(*number),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::Array(items),
            Value::Struct(members) => Self::Struct(members),
        }
    }
}

fn write_str(out: &mut String, text: &str, budget: &Budget) -> Result<(), ExprErrorKind> {
    budget.produce(text.len())?;
    out.push_str(text);
    Ok(())
}

fn copy_values(values: &Values, budget: &Budget) -> Result<Marked, ExprErrorKind> {
    let mut copy = BTreeMap::new();
    for (name, marked) in values {
        budget.produce(name.len())?;
        budget.produce_copy(&marked.value)?;
        copy.insert(name.clone(), marked.value.clone());
    }
    Ok(Marked { value: Value::Struct(copy), sensitive: values.values().any(|marked| marked.sensitive) })
}

fn copy_step(outputs: &Values, budget: &Budget) -> Result<Marked, ExprErrorKind> {
    let outputs = copy_values(outputs, budget)?;
    let step = BTreeMap::from([("outputs".to_owned(), outputs.value)]);
    Ok(Marked { value: Value::Struct(step), sensitive: outputs.sensitive })
}

fn copy_steps(steps: &StepOutputs, budget: &Budget) -> Result<Marked, ExprErrorKind> {
    let mut copy = BTreeMap::new();
    let mut sensitive = false;
    for (name, outputs) in steps {
        budget.produce(name.len() + size_of::<Value>())?;
        let step = copy_step(outputs, budget)?;
        sensitive |= step.sensitive;
        copy.insert(name.clone(), step.value);
    }
    Ok(Marked { value: Value::Struct(copy), sensitive })
}
