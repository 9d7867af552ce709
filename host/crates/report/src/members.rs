//! JSON objects by the rules of the protobuf mapping.

use serde_json::{Map, Value};

/// A JSON object in the making, from which members with default values are left out.
#[derive(Default)]
pub(crate) struct Members(Map<String, Value>);

impl Members {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a member in any case.
    pub(crate) fn put(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Adds a member unless it is null, false, or an empty text, list or object.
    pub(crate) fn nonempty(self, name: &str, value: Value) -> Self {
        let empty = match &value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(_) => false,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
        };
        if empty { self } else { self.put(name, value) }
    }
}

impl From<Members> for Value {
    fn from(members: Members) -> Self {
        Self::Object(members.0)
    }
}
