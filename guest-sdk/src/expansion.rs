//! What the macros expand to: the bindings on WebAssembly, and the text of the `step-spec` section everywhere.

#[cfg(target_family = "wasm")]
pub use crate::wasm::{bindings, run};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, FromValue, Input, Output, Value};

/// Largest `step-spec` section, in bytes. From the step ABI, section 4.
pub const MAX_SECTION_BYTES: usize = 64 << 10;

/// The result of an author's function, taken apart for the section.
pub trait Ends {
    /// What it succeeds with.
    type Output: Output;
}

impl<O: Output, E: Into<Failure>> Ends for Result<O, E> {
    type Output = O;
}

/// The pieces of the section's text before the inputs, the inputs, and so on, for a function from `I` to `O`. The tail
/// follows the last output.
pub const fn parts<I: Input, O: Output>(
    head: &'static [&'static str],
    tail: &'static [&'static str],
) -> [&'static [&'static str]; 5] {
    [head, I::SPEC, &["},\"outputs\":{"], O::SPEC, tail]
}

/// Returns the number of bytes that [`join`] gives.
pub const fn length(parts: &[&[&str]]) -> usize {
    let mut length = 0;
    let mut part = 0;
    while part < parts.len() {
        let mut piece = 0;
        while piece < parts[part].len() {
            length += parts[part][piece].len();
            piece += 1;
        }
        part += 1;
    }
    length
}

/// Joins the pieces. `N` is their [`length`]. A `const fn`, so that the text can be the content of a static.
pub const fn join<const N: usize>(parts: &[&[&str]]) -> [u8; N] {
    let mut text = [0; N];
    let mut end = 0;
    let mut part = 0;
    while part < parts.len() {
        let mut piece = 0;
        while piece < parts[part].len() {
            let bytes = parts[part][piece].as_bytes();
            let mut at = 0;
            while at < bytes.len() {
                text[end] = bytes[at];
                end += 1;
                at += 1;
            }
            piece += 1;
        }
        part += 1;
    }
    text
}

/// The piece that says whether a value is sensitive, by its attribute or by its type.
pub const fn sensitive(sensitive: bool) -> &'static str {
    if sensitive { ",\"sensitive\":true" } else { "" }
}

/// Returns whether there is an input of a name.
pub const fn has_input<I: Input>(name: &str) -> bool {
    let mut place = 0;
    while place < I::NAMES.len() {
        if same(I::NAMES[place], name) {
            return true;
        }
        place += 1;
    }
    false
}

/// Returns whether a text is one that the type takes, where it takes only some.
pub const fn has_variant<T: FromValue>(text: &str) -> bool {
    let mut place = 0;
    while place < T::VARIANTS.len() {
        if same(T::VARIANTS[place], text) {
            return true;
        }
        place += 1;
    }
    T::VARIANTS.is_empty()
}

/// Returns whether two texts are the same. A `const fn`, unlike `==`.
pub const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Reads a struct of the author's.
pub fn from_struct<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    crate::input::from_json("a struct", value)
}

/// Writes a struct of the author's.
pub fn into_struct<T: Serialize>(value: &T) -> Result<Value, String> {
    crate::output::to_json("a struct", '{', value)
}

/// What is wrong with a text that names no variant.
pub fn no_variant(text: &str, variants: &[&str]) -> String {
    let known: Vec<_> = variants.iter().map(|variant| format!("`{variant}`")).collect();
    match known.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("is `{text}`, not {} or {last}", rest.join(", ")),
        known => format!("is `{text}`, not {}", known.concat()),
    }
}

/// The piece that says whether an input may be left out.
pub const fn optional(optional: bool) -> &'static str {
    if optional { ",\"optional\":true" } else { "" }
}
