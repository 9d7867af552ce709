//! What the macros expand to: the bindings on WebAssembly, and the text of the `step-spec` section everywhere.

#[cfg(target_family = "wasm")]
pub use crate::wasm::{bindings, run};

use crate::{Failure, Input, Output};

/// The result of an author's function, taken apart for the section.
pub trait Ends {
    /// What it succeeds with.
    type Output: Output;
}

impl<O: Output, E: Into<Failure>> Ends for Result<O, E> {
    type Output = O;
}

/// The pieces of the section's text before the inputs, the inputs, and so on, for a function from `I` to `O`.
pub const fn parts<I: Input, O: Output>(head: &'static [&'static str]) -> [&'static [&'static str]; 5] {
    [head, I::SPEC, &["},\"outputs\":{"], O::SPEC, &["}}"]]
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

/// The piece that says whether an input may be left out.
pub const fn optional(optional: bool) -> &'static str {
    if optional { ",\"optional\":true" } else { "" }
}
