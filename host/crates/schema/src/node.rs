//! A YAML value with the place of each of its parts, before any expression in it is evaluated.

use crate::source::{Span, Spanned};
use crate::value::Value;

/// One YAML value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is, by the scalar rules of section 2.7 of the contract.
    pub kind: NodeKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of [`Node`].
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// Null.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text, unescaped and unfolded; may hold expressions.
    String(String),
    /// Values in order.
    Array(Vec<Node>),
    /// Values by key, in the order of the document; keys are unique and may hold expressions.
    Struct(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// Returns the value without places; expressions stay as text.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Boolean(value) => Value::Boolean(*value),
            NodeKind::Number(number) => Value::Number(*number),
            NodeKind::String(text) => Value::String(text.clone()),
            NodeKind::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            NodeKind::Struct(members) => {
                Value::Struct(members.iter().map(|(key, node)| (key.value.clone(), node.to_value())).collect())
            }
        }
    }

    /// Makes a node from a value that came from no document; every part has the same span.
    pub fn from_value(value: Value, span: Span) -> Self {
        let kind = match value {
            Value::Null => NodeKind::Null,
            Value::Boolean(value) => NodeKind::Boolean(value),
            Value::Number(number) => NodeKind::Number(number),
            Value::String(text) => NodeKind::String(text),
            Value::Array(items) => {
                NodeKind::Array(items.into_iter().map(|item| Self::from_value(item, span)).collect())
            }
            Value::Struct(members) => NodeKind::Struct(
                members
                    .into_iter()
                    .map(|(name, value)| (Spanned::new(name, span), Self::from_value(value, span)))
                    .collect(),
            ),
        };
        Self { kind, span }
    }
}
