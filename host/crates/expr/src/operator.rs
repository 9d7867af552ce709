//! The operators: their precedence, and what they make of two values.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use stepwell_schema::Value;

use crate::error::ExprErrorKind;
use crate::limit::{Budget, MAX_VALUE_DEPTH};
use crate::operand::{Plain, View};

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What an operator makes of two numbers.
type Calculation = fn(f64, f64) -> Result<f64, ExprErrorKind>;

/// An operator before one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
    Not,
}

impl Operator {
    /// All operators; one that begins with another stands before it.
    const ALL: [Self; 13] = [
        Self::Or,
        Self::And,
        Self::Equal,
        Self::NotEqual,
        Self::LessEqual,
        Self::Less,
        Self::GreaterEqual,
        Self::Greater,
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Remainder,
    ];

    /// Returns how it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// Returns the operator that `text` begins with.
    pub(crate) fn at_start_of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| text.starts_with(operator.as_str()))
    }

    /// Returns how strongly it binds; higher binds first.
    pub(crate) const fn precedence(self) -> u8 {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual => 2,
            Self::Add | Self::Subtract => 3,
            Self::Multiply | Self::Divide | Self::Remainder => 4,
        }
    }

    /// Computes `left operator right` for every operator but `||` and `&&`, which return an operand as it is.
    pub(crate) fn apply<'a>(
        self,
        left: Plain<'a>,
        right: &Plain<'_>,
        budget: &Budget,
    ) -> Result<Plain<'a>, ExprErrorKind> {
        if self == Self::Add
            && let View::String(right) = right.view()
            && let View::String(_) = left.view()
        {
            return join(left, right, budget);
        }
        let value = match (self.arithmetic(), left.view(), right.view()) {
            (Some(calculate), View::Number(left), View::Number(right)) => Value::Number(calculate(left, right)?),
            (Some(_), left, right) => return Err(self.refuse(left, right)),
            (None, left, right) => Value::Boolean(self.holds(compare(left, right, 0, budget)?)),
        };
        Ok(Plain::Value(Cow::Owned(value)))
    }

    /// Returns what it makes of two numbers, if it calculates.
    fn arithmetic(self) -> Option<Calculation> {
        match self {
            Self::Add => Some(|left, right| Ok(left + right)),
            Self::Subtract => Some(|left, right| Ok(left - right)),
            Self::Multiply => Some(|left, right| Ok(left * right)),
            Self::Divide => Some(|left, right| Ok(left / divisor(right)?)),
            // The remainder of truncated division: it has the sign of the left side.
            Self::Remainder => Some(|left, right| Ok(left % divisor(right)?)),
            Self::Or
            | Self::And
            | Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual => None,
        }
    }

    /// Tells whether a comparison holds; without an order (not a number) only `!=` does.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterEqual => order.is_some_and(Ordering::is_ge),
            Self::Or | Self::And | Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Remainder => {
                false
            }
        }
    }

    fn refuse(self, left: View<'_>, right: View<'_>) -> ExprErrorKind {
        ExprErrorKind::Operands { operator: self.as_str(), left: left.type_name(), right: right.type_name() }
    }
}

impl Sign {
    /// Returns how it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Not => "!",
        }
    }

    /// Returns the sign of a byte.
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'+' => Some(Self::Plus),
            b'-' => Some(Self::Minus),
            b'!' => Some(Self::Not),
            _ => None,
        }
    }

    /// Applies it to a value.
    pub(crate) fn apply(self, operand: View<'_>) -> Result<Value, ExprErrorKind> {
        match (self, operand) {
            (Self::Not, operand) => Ok(Value::Boolean(!operand.is_truthy())),
            (Self::Plus, View::Number(number)) => Ok(Value::Number(number)),
            (Self::Minus, View::Number(number)) => Ok(Value::Number(-number)),
            (Self::Plus | Self::Minus, operand) => {
                Err(ExprErrorKind::Operand { operator: self.as_str(), operand: operand.type_name() })
            }
        }
    }
}

fn divisor(number: f64) -> Result<f64, ExprErrorKind> {
    if number == 0.0 { Err(ExprErrorKind::DivisionByZero) } else { Ok(number) }
}

/// Appends to the left text in place if it is a new one, so that a long chain of `+` copies each part once.
fn join<'a>(left: Plain<'a>, right: &str, budget: &Budget) -> Result<Plain<'a>, ExprErrorKind> {
    let mut text = left.into_text(budget)?;
    budget.produce(right.len())?;
    text.push_str(right);
    Ok(Plain::Value(Cow::Owned(Value::String(text))))
}

/// Compares two values. Values of different types are ordered by type: null, boolean, number, string, array, struct.
/// There is no order where a number is not a number.
fn compare(left: View<'_>, right: View<'_>, depth: usize, budget: &Budget) -> Result<Option<Ordering>, ExprErrorKind> {
    if depth > MAX_VALUE_DEPTH {
        return Err(ExprErrorKind::ValueTooDeep);
    }
    budget.compare(size_of::<Value>())?;
    match (left, right) {
        (View::Null, View::Null) => Ok(Some(Ordering::Equal)),
        (View::Boolean(left), View::Boolean(right)) => Ok(Some(left.cmp(&right))),
        (View::Number(left), View::Number(right)) => Ok(left.partial_cmp(&right)),
        (View::String(left), View::String(right)) => compare_text(left, right, budget).map(Some),
        (View::Array(left), View::Array(right)) => compare_arrays(left, right, depth, budget),
        (View::Struct(left), View::Struct(right)) => compare_structs(left, right, depth, budget),
        (left, right) => Ok(Some(type_rank(left).cmp(&type_rank(right)))),
    }
}

/// Compares by the bytes of UTF-8.
fn compare_text(left: &str, right: &str, budget: &Budget) -> Result<Ordering, ExprErrorKind> {
    budget.compare(left.len().min(right.len()))?;
    Ok(left.cmp(right))
}

/// Compares element by element; the shorter one is less if it begins the longer one.
fn compare_arrays(
    left: &[Value],
    right: &[Value],
    depth: usize,
    budget: &Budget,
) -> Result<Option<Ordering>, ExprErrorKind> {
    for (left, right) in left.iter().zip(right) {
        let order = compare(left.into(), right.into(), depth + 1, budget)?;
        if order != Some(Ordering::Equal) {
            return Ok(order);
        }
    }
    Ok(Some(left.len().cmp(&right.len())))
}

/// Compares by length, then by the sorted keys, then by the values in the order of the keys.
fn compare_structs(
    left: &BTreeMap<String, Value>,
    right: &BTreeMap<String, Value>,
    depth: usize,
    budget: &Budget,
) -> Result<Option<Ordering>, ExprErrorKind> {
    let length = left.len().cmp(&right.len());
    if length.is_ne() {
        return Ok(Some(length));
    }
    for (left, right) in left.keys().zip(right.keys()) {
        let order = compare_text(left, right, budget)?;
        if order.is_ne() {
            return Ok(Some(order));
        }
    }
    for (left, right) in left.values().zip(right.values()) {
        let order = compare(left.into(), right.into(), depth + 1, budget)?;
        if order != Some(Ordering::Equal) {
            return Ok(order);
        }
    }
    Ok(Some(Ordering::Equal))
}

fn type_rank(view: View<'_>) -> u8 {
    match view {
        View::Null => 0,
        View::Boolean(_) => 1,
        View::Number(_) => 2,
        View::String(_) => 3,
        View::Array(_) => 4,
        View::Struct(_) => 5,
    }
}
