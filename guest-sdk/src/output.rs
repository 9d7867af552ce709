//! An author's struct in, named values out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::input::EXACT;
use crate::{Failure, Json, Value};

/// The outputs of a step. Derive it: each field is an output of its own name.
///
/// - `Option<T>` is an output that may be left out; the function file states its default.
/// - `#[output(sensitive)]` marks the output so in the `step-spec` section.
/// - `#[output(name = "other")]` is for names that are no Rust identifiers of good style.
/// - A doc comment is the description.
pub trait Output: Sized {
    /// The value of `outputs` in the `step-spec` section, in pieces.
    #[doc(hidden)]
    const SPEC: &'static [&'static str];

    /// Takes the struct apart.
    ///
    /// # Errors
    ///
    /// A failure of kind internal that names the first output with a value that cannot cross the boundary.
    fn into_items(self) -> Result<Items, Failure>;
}

/// A step without outputs.
impl Output for () {
    const SPEC: &'static [&'static str] = &[];

    fn into_items(self) -> Result<Items, Failure> {
        Ok(Items::default())
    }
}

/// A type that an output can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of an output",
    label = "an output is a `String`, `bool`, number, `WorkPath`, `Vec<T>`, `BTreeMap<String, T>`, `serde_json::Value`, \
             `Json<T>`, or an `Option` or `Sensitive` of these",
    note = "derive `stepwell_sdk::Value` for a struct or enum of your own",
    note = "a type that implements serde's `Serialize` is given as `Json<Type>`"
)]
pub trait IntoValue {
    /// The declared type: `string`, `number`, `boolean`, `array` or `struct`.
    const TYPE: &'static str;

    /// Whether the output is sensitive by its type.
    const SENSITIVE: bool = false;

    /// Converts to a value; null means that the output is left out.
    ///
    /// # Errors
    ///
    /// What is wrong, as a fragment that follows the output's name.
    fn into_value(self) -> Result<Value, String>;
}

/// The named values a step hands over, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items(Vec<(String, Value)>);

impl Items {
    /// Adds an output, unless its value is null.
    ///
    /// # Errors
    ///
    /// A failure of kind internal that names the output, if its value cannot cross the boundary.
    pub fn put(&mut self, name: &str, value: impl IntoValue) -> Result<(), Failure> {
        match value.into_value() {
            Ok(Value::Null) => Ok(()),
            Ok(value) => {
                self.0.push((name.to_owned(), value));
                Ok(())
            }
            Err(problem) => Err(Failure::internal(format!("output `{name}` {problem}"))),
        }
    }

    /// Returns names and values in the order they were put.
    pub fn into_vec(self) -> Vec<(String, Value)> {
        self.0
    }
}

/// Goes over as it is, unchecked: for tests of a host. A null leaves the output out.
#[doc(hidden)]
impl IntoValue for Value {
    const TYPE: &'static str = "struct";

    fn into_value(self) -> Result<Value, String> {
        Ok(self)
    }
}

impl IntoValue for String {
    const TYPE: &'static str = "string";

    fn into_value(self) -> Result<Value, String> {
        if self.contains('\0') { Err("holds a NUL character".to_owned()) } else { Ok(Value::Text(self)) }
    }
}

impl IntoValue for &str {
    const TYPE: &'static str = "string";

    fn into_value(self) -> Result<Value, String> {
        self.to_owned().into_value()
    }
}

impl IntoValue for bool {
    const TYPE: &'static str = "boolean";

    fn into_value(self) -> Result<Value, String> {
        Ok(Value::Boolean(self))
    }
}

impl IntoValue for f64 {
    const TYPE: &'static str = "number";

    fn into_value(self) -> Result<Value, String> {
        if self.is_finite() { Ok(Value::Number(self)) } else { Err(format!("is {self}, not a finite number")) }
    }
}

macro_rules! whole_numbers {
    ($($type:ty)*) => {$(
        impl IntoValue for $type {
            const TYPE: &'static str = "number";

            fn into_value(self) -> Result<Value, String> {
                let number = self as f64;
                if number.abs() > EXACT {
                    return Err(format!("is {self}, beyond 2^53 and so not exact; return it as a string"));
                }
                Ok(Value::Number(number))
            }
        }
    )*};
}

whole_numbers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

pub(crate) fn to_json<T: Serialize>(kind: &str, start: char, value: &T) -> Result<Value, String> {
    let text = serde_json::to_string(value).map_err(|error| format!("cannot be written as JSON: {error}"))?;
    if text.starts_with(start) {
        Ok(Value::Json(text))
    } else {
        Err(format!("is written as {text:.40}, not as {kind}"))
    }
}

/// The items are written by serde.
impl<T: Serialize> IntoValue for Vec<T> {
    const TYPE: &'static str = "array";

    fn into_value(self) -> Result<Value, String> {
        to_json("an array", '[', &self)
    }
}

/// The values are written by serde.
impl<T: Serialize> IntoValue for BTreeMap<String, T> {
    const TYPE: &'static str = "struct";

    fn into_value(self) -> Result<Value, String> {
        to_json("a struct", '{', &self)
    }
}

/// Must be an object; for an array of anything return `Vec<serde_json::Value>`.
impl IntoValue for serde_json::Value {
    const TYPE: &'static str = "struct";

    fn into_value(self) -> Result<Value, String> {
        to_json("a struct", '{', &self)
    }
}

impl IntoValue for serde_json::Map<String, serde_json::Value> {
    const TYPE: &'static str = "struct";

    fn into_value(self) -> Result<Value, String> {
        to_json("a struct", '{', &self)
    }
}

impl<T: Serialize> IntoValue for Json<T> {
    const TYPE: &'static str = "struct";

    fn into_value(self) -> Result<Value, String> {
        to_json("a struct", '{', &self.0)
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const SENSITIVE: bool = T::SENSITIVE;

    fn into_value(self) -> Result<Value, String> {
        self.map_or(Ok(Value::Null), T::into_value)
    }
}
