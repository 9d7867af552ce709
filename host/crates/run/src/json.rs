//! JSON that a step wrote, read with a bound on what its values need once they are read: a few bytes of text can stand for
//! some hundred bytes of memory.
//!
//! **Trust:** the text is under the control of the step that has just run.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use stepwell_schema::Value;

/// Most memory for the values of one file, in bytes, by a count that errs a little to the high side. Room for a line of
/// 16 MiB whatever simple values it is made of: numbers of one digit take sixteen times their text.
pub const MAX_VALUE_BYTES: usize = 288 << 20;

/// What a value takes wherever it stands.
const VALUE_BYTES: usize = size_of::<Value>();

/// What an allocation takes besides what is in it.
const ALLOCATION_BYTES: usize = 16;

/// What an array takes as soon as something is in it, besides its items: room for four.
const ARRAY_BYTES: usize = 4 * VALUE_BYTES + ALLOCATION_BYTES;

/// What a struct takes as soon as something is in it: a node of the tree, with room for eleven members.
const STRUCT_BYTES: usize = 11 * MEMBER_BYTES + 2 * ALLOCATION_BYTES;

/// What a member of a struct takes, besides its text. Nodes are half full at the least, which the first one makes up for
/// in small structs only; so it counts twice from the second on.
const MEMBER_BYTES: usize = size_of::<String>() + VALUE_BYTES;

/// Why a text is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// It is no JSON, or not UTF-8, or has a number that no 64-bit float can hold.
    Syntax(String),
    /// There is no room for its values.
    TooMuch,
}

/// The room for the values of a file.
#[derive(Debug)]
pub(crate) struct Room(Cell<Option<usize>>);

impl Room {
    /// Room for one file.
    pub(crate) fn new() -> Self {
        Self(Cell::new(Some(MAX_VALUE_BYTES)))
    }

    /// Reads one document. Of a member that occurs twice the last one counts.
    ///
    /// # Errors
    /// See [`JsonError`].
    pub(crate) fn read(&self, text: &[u8]) -> Result<Value, JsonError> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let read = Reader(self).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        read.map_err(|error| match self.0.get() {
            None => JsonError::TooMuch,
            Some(_) => JsonError::Syntax(error.to_string()),
        })
    }

    /// Takes room. Once there was too little there is none any more.
    fn take<E: Error>(&self, bytes: usize) -> Result<(), E> {
        self.0.set(self.0.get().and_then(|left| left.checked_sub(bytes)));
        match self.0.get() {
            Some(_) => Ok(()),
            None => Err(E::custom("too much")),
        }
    }

    fn text<E: Error>(&self, text: &str) -> Result<(), E> {
        self.take(if text.is_empty() { 0 } else { text.len() + ALLOCATION_BYTES })
    }
}

#[derive(Clone, Copy)]
struct Reader<'r>(&'r Room);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.take(VALUE_BYTES)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
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

    #[expect(clippy::cast_precision_loss, reason = "numbers are 64-bit floats by the contract")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are 64-bit floats by the contract")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.0.text(text)?;
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            if values.is_empty() {
                self.0.take(ARRAY_BYTES)?;
            }
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            self.0.take(if values.is_empty() { STRUCT_BYTES } else { 2 * MEMBER_BYTES })?;
            self.0.text(&name)?;
            values.insert(name, members.next_value_seed(self)?);
        }
        Ok(Value::Struct(values))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn fits(item: &str, bytes: usize) -> bool {
        let count = bytes / (item.len() + 1);
        let text = format!("[{}{item}]", format!("{item},").repeat(count));
        match Room::new().read(text.as_bytes()) {
            Ok(_) => true,
            Err(JsonError::TooMuch) => false,
            Err(JsonError::Syntax(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn simple_values_fit_and_nests_of_nothing_do_not() {
        const LINE: usize = 16 << 20;
        for item in
            ["0", "\"\"", "\"word\"", "null", "[]", "{}", "{\"name\":\"a member\",\"count\":100000000000000000}"]
        {
            assert!(fits(item, LINE / 8), "{item}");
        }
        assert!(fits("0", LINE));
        assert!(!fits("[0]", LINE));
        assert!(!fits("{\"\":0}", LINE / 2));
    }

    #[test]
    fn room_is_shared_by_what_is_read() {
        let room = Room(Cell::new(Some(3 * VALUE_BYTES)));
        assert!(room.read(b"1").is_ok());
        assert!(room.read(b"x").is_err_and(|error| matches!(error, JsonError::Syntax(_))));
        assert!(room.read(b"2").is_ok());
        assert_eq!(room.read(b"3"), Err(JsonError::TooMuch));
        assert_eq!(room.read(b"null"), Err(JsonError::TooMuch));
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_serde_json_reads_it(text in "[\\[\\]{}\",:0-9eE.+\\-a\\\\ntrulfs ]{0,24}") {
            let expected = serde_json::from_str(&text).map(Value::from_json).map_err(|error| JsonError::Syntax(error.to_string()));
            prop_assert_eq!(Room::new().read(text.as_bytes()), expected);
        }
    }
}
