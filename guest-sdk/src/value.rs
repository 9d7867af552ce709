//! Values as they cross the boundary.

use std::ops::{Deref, DerefMut};

/// One value in or out of a step, as the interface carries it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Absent on purpose: an optional input that was left out. Never valid as an output.
    Null,
    /// Declared type `boolean`.
    Boolean(bool),
    /// Declared type `number`; finite.
    Number(f64),
    /// Declared type `string`; without NUL.
    Text(String),
    /// Declared types `array` and `struct`: one JSON document whose top level is an array or an object.
    Json(String),
}

impl Value {
    /// Returns what a reader of a message calls this value.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Json(text) if text.trim_start().starts_with('[') => "an array",
            Self::Json(_) => "a struct",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(f64::from(number))
    }
}

/// Objects and arrays are JSON text, everything else is what it is.
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(boolean) => Self::Boolean(boolean),
            serde_json::Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::Text(text),
            json @ (serde_json::Value::Array(_) | serde_json::Value::Object(_)) => Self::Json(json.to_string()),
        }
    }
}

/// A struct of the author's own, read and written by serde. Its declared type is `struct`.
///
/// Anything serde writes as an object fits; an output that is written as something else is a defect of the step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
