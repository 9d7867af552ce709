//! The typed values that pass between steps, and how they are written as text and JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::yaml::{ScalarValue, type_plain};

/// One value of the step contract: the five types and null.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Absent on purpose.
    #[default]
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A 64-bit float. May be infinite or not a number when it came from YAML; writing such a number is an error.
    Number(f64),
    /// Unicode text.
    String(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by name, sorted by name.
    Struct(BTreeMap<String, Value>),
}

/// A declared type of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Text.
    String,
    /// 64-bit float.
    Number,
    /// Truth value.
    Boolean,
    /// Values by name.
    Struct,
    /// Values in order.
    Array,
}

impl ValueType {
    /// All types, in the order in which messages list them.
    pub const ALL: [Self; 5] = [Self::String, Self::Number, Self::Boolean, Self::Struct, Self::Array];

    /// Returns the word that documents use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Struct => "struct",
            Self::Array => "array",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A number that cannot be written: infinite or not a number.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the number {0} cannot be written as text or JSON")]
pub struct NotFinite(pub f64);

impl Value {
    /// Returns the type, or none for null.
    pub fn value_type(&self) -> Option<ValueType> {
        match self {
            Self::Null => None,
            Self::Boolean(_) => Some(ValueType::Boolean),
            Self::Number(_) => Some(ValueType::Number),
            Self::String(_) => Some(ValueType::String),
            Self::Array(_) => Some(ValueType::Array),
            Self::Struct(_) => Some(ValueType::Struct),
        }
    }

    /// Returns the word for the type in messages; null is `null`.
    pub fn type_name(&self) -> &'static str {
        self.value_type().map_or("null", ValueType::as_str)
    }

    /// Tells whether the value is exactly of a declared type; null is of none.
    pub fn conforms(&self, declared: ValueType) -> bool {
        self.value_type() == Some(declared)
    }

    /// Types a text as YAML types a plain scalar, by the table of section 2.7 of the contract: `12` is a number, `true` a
    /// boolean, the empty text null, a date text. Lists and mappings are not looked for; [`crate::Node::parse`] reads those.
    pub fn from_yaml_scalar(text: &str) -> Self {
        match type_plain(text) {
            ScalarValue::Null => Self::Null,
            ScalarValue::Boolean(value) => Self::Boolean(value),
            ScalarValue::Number(number) => Self::Number(number),
            ScalarValue::Text => Self::String(text.to_owned()),
        }
    }

    /// Converts from JSON. Numbers become 64-bit floats.
    pub fn from_json(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Boolean(value),
            // Without `arbitrary_precision` every JSON number has a float form.
            serde_json::Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::String(text),
            serde_json::Value::Array(items) => Self::Array(items.into_iter().map(Self::from_json).collect()),
            serde_json::Value::Object(members) => {
                Self::Struct(members.into_iter().map(|(name, value)| (name, Self::from_json(value))).collect())
            }
        }
    }

    /// Converts to JSON.
    ///
    /// # Errors
    /// A number that is not finite has no JSON form.
    pub fn to_json(&self) -> Result<serde_json::Value, NotFinite> {
        Ok(match self {
            Self::Null => serde_json::Value::Null,
            Self::Boolean(value) => serde_json::Value::Bool(*value),
            Self::Number(number) => number_to_json(*number)?,
            Self::String(text) => serde_json::Value::String(text.clone()),
            Self::Array(items) => serde_json::Value::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?),
            Self::Struct(members) => serde_json::Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.to_json()?)))
                    .collect::<Result<_, NotFinite>>()?,
            ),
        })
    }

    /// Returns the value as text, by section 4.6 of the contract with `<null>` for null: text as it is, numbers by
    /// [`number_to_text`], arrays and structs as compact JSON with sorted keys.
    ///
    /// # Errors
    /// A number that is not finite, at any depth.
    pub fn to_text(&self) -> Result<String, NotFinite> {
        match self {
            Self::Null => Ok("<null>".to_owned()),
            Self::Boolean(value) => Ok(value.to_string()),
            Self::Number(number) => number_to_text(*number),
            Self::String(text) => Ok(text.clone()),
            Self::Array(_) | Self::Struct(_) => self.to_json_text(),
        }
    }

    /// Returns the value as compact JSON with sorted keys; numbers are written as [`number_to_text`] writes them.
    ///
    /// # Errors
    /// A number that is not finite, at any depth.
    pub fn to_json_text(&self) -> Result<String, NotFinite> {
        let mut text = String::new();
        self.write_json(&mut text)?;
        Ok(text)
    }

    fn write_json(&self, out: &mut String) -> Result<(), NotFinite> {
        match self {
            Self::Null => out.push_str("null"),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(&number_to_text(*number)?),
            Self::String(text) => write_json_string(out, text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out)?;
                }
                out.push(']');
            }
            Self::Struct(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_json_string(out, name);
                    out.push(':');
                    value.write_json(out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }
}

/// Writes a text as a JSON string. Serialising a `str` cannot fail.
fn write_json_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Returns the shortest decimal that reads back the same: no `.0`, no sign on zero, an exponent only from 1e21 up
/// (`1e+21`) and below 1e-6 (`1e-7`).
///
/// # Errors
/// The number is not finite.
pub fn number_to_text(number: f64) -> Result<String, NotFinite> {
    if !number.is_finite() {
        return Err(NotFinite(number));
    }
    Ok(ryu_js::Buffer::new().format_finite(number).to_owned())
}

/// Returns the number in plain decimal, never with an exponent, as exported variables need it.
///
/// # Errors
/// The number is not finite.
pub fn number_to_plain_text(number: f64) -> Result<String, NotFinite> {
    if !number.is_finite() {
        return Err(NotFinite(number));
    }
    // Rust's `Display` for floats is shortest round-trip and never uses an exponent; zero loses its sign.
    Ok(if number == 0.0 { "0".to_owned() } else { number.to_string() })
}

/// Whole numbers are kept whole, so that JSON readers see `3` rather than `3.0`.
fn number_to_json(number: f64) -> Result<serde_json::Value, NotFinite> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53, beyond which not every whole number is a float
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, so the conversion is exact")]
        return Ok(serde_json::Value::from(number as i64));
    }
    serde_json::Number::from_f64(number).map(serde_json::Value::Number).ok_or(NotFinite(number))
}

impl Serialize for Value {
    /// Writes the JSON form.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}
