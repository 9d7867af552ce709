//! Named values in, an author's struct out; all problems at once.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::{Failure, Json, Value};

/// The inputs of a step. Derive it: each field is an input of its own name.
///
/// - `Option<T>` is an optional input, none where it was left out.
/// - `#[input(default = LITERAL)]` is used where the input was left out; the function file states the same default.
/// - `#[input(sensitive)]` marks the input so in the `step-spec` section.
/// - `#[input(name = "other")]` is for names that are no Rust identifiers of good style.
/// - A doc comment is the description.
///
/// What no function file can say does not compile. A default is of the type of its input:
///
/// ```compile_fail
/// use stepwell_sdk::Input;
///
/// #[derive(Input)]
/// struct Request {
///     #[input(default = "one")]
///     times: u32,
/// }
/// ```
///
/// And where only some texts will do, it is one of them:
///
/// ```compile_fail
/// use stepwell_sdk::{Input, Value};
///
/// #[derive(Value)]
/// enum Format { Tar, Zip }
///
/// #[derive(Input)]
/// struct Request {
///     #[input(default = "rar")]
///     format: Format,
/// }
/// ```
///
/// With `default = 1` and `default = "zip"` both do:
///
/// ```
/// use stepwell_sdk::{Input, Value};
///
/// #[derive(Value)]
/// enum Format { Tar, Zip }
///
/// #[derive(Input)]
/// struct Request {
///     #[input(default = 1)]
///     times: u32,
///     #[input(default = "zip")]
///     format: Format,
/// }
/// ```
pub trait Input: Sized {
    /// The value of `inputs` in the `step-spec` section, in pieces.
    #[doc(hidden)]
    const SPEC: &'static [&'static str];

    /// The names of the inputs.
    #[doc(hidden)]
    const NAMES: &'static [&'static str];

    /// Fills the struct.
    ///
    /// # Errors
    ///
    /// A failure of kind invalid-input that names each input that is missing, unknown or of another type.
    fn from_items(items: Items) -> Result<Self, Failure>;
}

/// A step without inputs.
impl Input for () {
    const SPEC: &'static [&'static str] = &[];
    const NAMES: &'static [&'static str] = &[];

    fn from_items(items: Items) -> Result<Self, Failure> {
        items.finish()
    }
}

/// A type that an input can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of an input",
    label = "an input is a `String`, `bool`, number, `WorkPath`, `Vec<T>`, `BTreeMap<String, T>`, `serde_json::Value`, \
             `Json<T>`, or an `Option` or `Sensitive` of these",
    note = "derive `stepwell_sdk::Value` for a struct or enum of your own",
    note = "a type that implements serde's `Deserialize` is taken as `Json<Type>`"
)]
pub trait FromValue: Sized {
    /// The declared type: `string`, `number`, `boolean`, `array` or `struct`.
    const TYPE: &'static str;

    /// Whether the input may be left out.
    const OPTIONAL: bool = false;

    /// Whether the input is sensitive by its type.
    const SENSITIVE: bool = false;

    /// The texts that it may be; empty where any will do.
    #[doc(hidden)]
    const VARIANTS: &'static [&'static str] = &[];

    /// Converts a value.
    ///
    /// # Errors
    ///
    /// What is wrong, as a fragment that follows the input's name: `is not a whole number`.
    fn from_value(value: Value) -> Result<Self, String>;

    /// Returns what stands for an input that was left out; none if it must not be.
    fn absent() -> Option<Self> {
        None
    }

    /// Returns whether a value stands for nothing, so that an `Option` of this type is none.
    #[doc(hidden)]
    fn is_nothing(_value: &Value) -> bool {
        false
    }
}

/// The named values a step was given, taken out one by one. Problems are kept until [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct Items {
    left: Vec<(String, Value)>,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl Items {
    /// Returns the items given, each name at most once.
    pub fn new(items: Vec<(String, Value)>) -> Self {
        Self { left: items, known: Vec::new(), problems: Vec::new() }
    }

    /// Takes out one input. None means that a problem was noted, and [`finish`](Self::finish) will fail.
    pub fn take<T: FromValue>(&mut self, name: &'static str) -> Option<T> {
        match self.remove(name) {
            Some(value) => self.convert(name, value),
            None => T::absent().or_else(|| self.note(format!("input `{name}` is missing"))),
        }
    }

    /// Takes out one input that has a default.
    pub fn take_or<T: FromValue>(&mut self, name: &'static str, default: impl FnOnce() -> Value) -> Option<T> {
        let value = self.remove(name).unwrap_or_else(default);
        self.convert(name, value)
    }

    /// Ends the taking.
    ///
    /// # Errors
    ///
    /// A failure of kind invalid-input, if there was a problem or an item is left over. One problem is the message,
    /// several are its causes.
    pub fn finish(mut self) -> Result<(), Failure> {
        let unknown: Vec<_> = self.left.drain(..).map(|(name, _)| name).collect();
        for name in &unknown {
            self.problems.push(format!("unknown input `{name}`"));
        }
        let failure = match self.problems.as_slice() {
            [] => return Ok(()),
            [problem] => Failure::invalid_input(problem),
            problems => problems
                .iter()
                .fold(Failure::invalid_input(format!("{} inputs are wrong", problems.len())), |failure, problem| {
                    failure.cause(problem)
                }),
        };
        Err(if unknown.is_empty() { failure } else { failure.hint(known(&self.known)) })
    }

    fn remove(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        let place = self.left.iter().position(|(left, _)| left == name)?;
        match self.left.swap_remove(place).1 {
            Value::Null => None,
            value => Some(value),
        }
    }

    fn convert<T: FromValue>(&mut self, name: &str, value: Value) -> Option<T> {
        T::from_value(value).map_or_else(|problem| self.note(format!("input `{name}` {problem}")), Some)
    }

    fn note<T>(&mut self, problem: String) -> Option<T> {
        self.problems.push(problem);
        None
    }
}

fn known(names: &[&str]) -> String {
    match names {
        [] => "the step takes no inputs".to_owned(),
        names => format!("the step takes `{}`", names.join("`, `")),
    }
}

fn expected<T>(expected: &str, value: &Value) -> Result<T, String> {
    Err(format!("is {} where {expected} is expected", value.describe()))
}

impl FromValue for String {
    const TYPE: &'static str = "string";

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Text(text) => Ok(text),
            other => expected("a string", &other),
        }
    }
}

impl FromValue for bool {
    const TYPE: &'static str = "boolean";

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Boolean(boolean) => Ok(boolean),
            other => expected("a boolean", &other),
        }
    }
}

impl FromValue for f64 {
    const TYPE: &'static str = "number";

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Number(number) => Ok(number),
            other => expected("a number", &other),
        }
    }
}

/// The largest whole number up to which all are exact in a 64-bit float: 2^53.
pub(crate) const EXACT: f64 = 9_007_199_254_740_992.0;

macro_rules! whole_numbers {
    ($($type:ty)*) => {$(
        impl FromValue for $type {
            const TYPE: &'static str = "number";

            fn from_value(value: Value) -> Result<Self, String> {
                let number = f64::from_value(value)?;
                if number.fract() != 0.0 {
                    return Err(format!("is {number}, not a whole number"));
                }
                if number.abs() > EXACT {
                    return Err(format!("is {number:?}, beyond 2^53 and so not exact; pass it as a string"));
                }
                // Whole and within 2^53, so the conversion is exact; only the range of the narrower type is left.
                <$type>::try_from(number as i64)
                    .map_err(|_| format!("is {number}, not between {} and {}", <$type>::MIN, <$type>::MAX))
            }
        }
    )*};
}

whole_numbers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

pub(crate) fn from_json<T: DeserializeOwned>(kind: &str, value: Value) -> Result<T, String> {
    match value {
        Value::Json(text) if value_is(kind, &text) => {
            serde_json::from_str(&text).map_err(|error| format!("does not fit: {error}"))
        }
        other => expected(kind, &other),
    }
}

fn value_is(kind: &str, json: &str) -> bool {
    json.trim_start().starts_with(if kind == "an array" { '[' } else { '{' })
}

/// The items are read by serde.
impl<T: DeserializeOwned> FromValue for Vec<T> {
    const TYPE: &'static str = "array";

    fn from_value(value: Value) -> Result<Self, String> {
        from_json("an array", value)
    }
}

/// The values are read by serde.
impl<T: DeserializeOwned> FromValue for BTreeMap<String, T> {
    const TYPE: &'static str = "struct";

    fn from_value(value: Value) -> Result<Self, String> {
        from_json("a struct", value)
    }
}

/// Always an object; for an array of anything take `Vec<serde_json::Value>`.
impl FromValue for serde_json::Value {
    const TYPE: &'static str = "struct";

    fn from_value(value: Value) -> Result<Self, String> {
        from_json("a struct", value)
    }
}

impl FromValue for serde_json::Map<String, serde_json::Value> {
    const TYPE: &'static str = "struct";

    fn from_value(value: Value) -> Result<Self, String> {
        from_json("a struct", value)
    }
}

impl<T: DeserializeOwned> FromValue for Json<T> {
    const TYPE: &'static str = "struct";

    fn from_value(value: Value) -> Result<Self, String> {
        from_json("a struct", value).map(Json)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const OPTIONAL: bool = true;
    const SENSITIVE: bool = T::SENSITIVE;
    const VARIANTS: &'static [&'static str] = T::VARIANTS;

    fn from_value(value: Value) -> Result<Self, String> {
        if T::is_nothing(&value) { Ok(None) } else { T::from_value(value).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}
