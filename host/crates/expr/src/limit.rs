//! The bounds of the language, and the account of what one evaluation has used of them.

use std::cell::Cell;

use stepwell_schema::Value;

use crate::error::ExprErrorKind;

/// The longest template text that may hold an expression, in bytes. A text without expression is not bounded here.
///
/// Eight times the longest single argument that Linux hands to a program, so no script that could run is refused; and
/// small enough that the tree of the worst text stays below 200 MB.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;

/// How deep brackets, calls, interpolated strings, and operators that bind more strongly may stand inside each other.
///
/// People write three or four levels. A hundred fit into half of a thread's usual stack of 2 MiB, also without
/// optimisation.
pub const MAX_DEPTH: usize = 100;

/// How deep arrays and structs may stand inside each other in a result.
///
/// Below the 128 levels that JSON readers of results commonly stop at. It also keeps a value from growing one level a
/// step over a long job, until copying it would exhaust the stack.
pub const MAX_VALUE_DEPTH: usize = 100;

/// How much one evaluation may copy and make, in bytes of text and of value slots.
///
/// Far more than environment and arguments can take; and small enough that a line such as
/// `${{ [inputs.x, inputs.x, …] }}` cannot exhaust the host.
pub const MAX_PRODUCED_BYTES: usize = 16 << 20;

/// How much one evaluation may look at in comparisons, in bytes; bounds the time of a text full of `==` on large
/// values to about a tenth of a second.
pub const MAX_COMPARED_BYTES: usize = 256 << 20;

/// What one evaluation may still use.
#[derive(Debug)]
pub(crate) struct Budget {
    produced: Cell<usize>,
    compared: Cell<usize>,
}

impl Budget {
    /// Makes a full budget.
    pub(crate) fn new() -> Self {
        Self { produced: Cell::new(MAX_PRODUCED_BYTES), compared: Cell::new(MAX_COMPARED_BYTES) }
    }

    /// Takes `bytes` for a text or value that is about to be made.
    pub(crate) fn produce(&self, bytes: usize) -> Result<(), ExprErrorKind> {
        let left = self.produced.get().checked_sub(bytes).ok_or(ExprErrorKind::TooLarge)?;
        self.produced.set(left);
        Ok(())
    }

    /// Takes what a copy of `value` needs.
    pub(crate) fn produce_copy(&self, value: &Value) -> Result<(), ExprErrorKind> {
        self.produce_copy_at(value, 0)
    }

    /// Takes `bytes` that a comparison looks at.
    pub(crate) fn compare(&self, bytes: usize) -> Result<(), ExprErrorKind> {
        let left = self.compared.get().checked_sub(bytes).ok_or(ExprErrorKind::TooMuchCompared)?;
        self.compared.set(left);
        Ok(())
    }

    fn produce_copy_at(&self, value: &Value, depth: usize) -> Result<(), ExprErrorKind> {
        check_depth(value, depth)?;
        self.produce(size_of::<Value>())?;
        match value {
            Value::Null | Value::Boolean(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.produce(text.len()),
            Value::Array(items) => items.iter().try_for_each(|item| self.produce_copy_at(item, depth + 1)),
            Value::Struct(members) => members.iter().try_for_each(|(name, member)| {
                self.produce(name.len())?;
                self.produce_copy_at(member, depth + 1)
            }),
        }
    }
}

/// Checks that `value` nests no deeper than [`MAX_VALUE_DEPTH`].
pub(crate) fn check_value_depth(value: &Value) -> Result<(), ExprErrorKind> {
    check_value_depth_at(value, 0)
}

fn check_value_depth_at(value: &Value, depth: usize) -> Result<(), ExprErrorKind> {
    check_depth(value, depth)?;
    match value {
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => Ok(()),
        Value::Array(items) => items.iter().try_for_each(|item| check_value_depth_at(item, depth + 1)),
        Value::Struct(members) => members.values().try_for_each(|member| check_value_depth_at(member, depth + 1)),
    }
}

fn check_depth(value: &Value, depth: usize) -> Result<(), ExprErrorKind> {
    let nests = matches!(value, Value::Array(_) | Value::Struct(_));
    if nests && depth >= MAX_VALUE_DEPTH { Err(ExprErrorKind::ValueTooDeep) } else { Ok(()) }
}
