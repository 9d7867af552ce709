//! JSON from guests, read strictly: bounded depth, unique keys, finite numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use stepwell_schema::Value;

/// Deepest nesting of arrays and structs, the outermost counted. From the step ABI, section 2.3.
pub(crate) const MAX_DEPTH: usize = 32;

/// Reads one JSON document.
///
/// # Errors
/// A lower-case fragment that says what is wrong, and where.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are 64-bit floats; larger whole numbers travel as text")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are 64-bit floats; larger whole numbers travel as text")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if values.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the key `{name}` occurs twice")));
            }
            values.insert(name, value);
        }
        Ok(Value::Struct(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let message = parse(text).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn values() {
        assert_eq!(parse("[1,-2,0.5,null,true,\"a\"]").unwrap().to_json_text().unwrap(), "[1,-2,0.5,null,true,\"a\"]");
        assert_eq!(parse(" {\"b\":1,\"a\":{}} ").unwrap().to_json_text().unwrap(), "{\"a\":{},\"b\":1}");
        assert_eq!(parse(&("[".repeat(32) + &"]".repeat(32))).map(|_| ()), Ok(()));
    }

    #[test]
    fn hostile_texts() {
        refused(&("[".repeat(33) + &"]".repeat(33)), "nested deeper than 32");
        refused(&"[".repeat(100_000), "nested deeper than 32");
        refused(r#"{"a":1,"a":2}"#, "the key `a` occurs twice");
        refused(r#"{"a":1,"\u0061":2}"#, "the key `a` occurs twice");
        refused("1e400", "number out of range");
        refused("NaN", "expected value");
        refused("[1] x", "trailing characters");
        refused("", "EOF");
        refused(r#""\ud800""#, "hex escape");
    }
}
