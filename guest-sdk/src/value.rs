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
