//! Values that know whether they came from something sensitive.

use stepwell_schema::Value;

/// A value with its mark.
///
/// The mark belongs to the value as a whole: a struct made from one sensitive and one plain value is sensitive, and so
/// is every part that is taken out of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marked {
    /// The value.
    pub value: Value,
    /// Whether it came from something sensitive.
    pub sensitive: bool,
}

impl Marked {
    /// Wraps a value that is not sensitive.
    pub fn plain(value: impl Into<Value>) -> Self {
        Self { value: value.into(), sensitive: false }
    }

    /// Wraps a value that is sensitive.
    pub fn sensitive(value: impl Into<Value>) -> Self {
        Self { value: value.into(), sensitive: true }
    }
}

impl From<Value> for Marked {
    fn from(value: Value) -> Self {
        Self { value, sensitive: false }
    }
}
