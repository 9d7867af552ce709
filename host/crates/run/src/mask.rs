//! The one place where sensitive values become texts that are masked.

use stepwell_expr::{Marked, Values};
use stepwell_schema::Value;

use crate::execute::MaskSink;

/// Shortest text that is masked, in bytes. Shorter ones would tear holes into innocent log lines; the number is that of
/// section 4.7 of the contract.
pub const MIN_MASKED_BYTES: usize = 8;

/// Hands texts of sensitive values to the sink.
#[derive(Clone, Debug)]
pub(crate) struct Masks(pub(crate) MaskSink);

impl Masks {
    /// Masks a value and, at any depth, its parts, if it is sensitive.
    pub(crate) fn value(&self, marked: &Marked) {
        if marked.sensitive {
            self.parts(&marked.value);
        }
    }

    /// Masks all sensitive values of a map.
    pub(crate) fn values(&self, values: &Values) {
        values.values().for_each(|marked| self.value(marked));
    }

    /// Masks a text if it is sensitive.
    pub(crate) fn text(&self, text: &str, sensitive: bool) {
        if sensitive && text.len() >= MIN_MASKED_BYTES {
            (self.0.0)(text);
        }
    }

    fn parts(&self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.parts(item)),
            // Names of members are words such as `username`, which would go missing everywhere.
            Value::Struct(members) => members.values().for_each(|member| self.parts(member)),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => {}
        }
        // A number without text form cannot be shown either.
        if let Ok(text) = value.to_text() {
            self.text(&text, true);
        }
    }
}

#[cfg(test)]
mod tests;
