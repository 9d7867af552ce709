//! The macros of `stepwell-sdk`: the attribute that makes a function the entry of a step, and the derives that tie its
//! structs to named values.
//!
//! In go items of Rust; out come the same items, with implementations of the SDK's traits and, on WebAssembly, the
//! component's export and its `step-spec` section. The crate knows names, attributes and doc comments; types it leaves
//! to the traits. Use it through `stepwell_sdk`, whose documentation says what the macros mean.

#![forbid(unsafe_code)]

mod attribute;
mod field;
mod needs;
mod quantity;
mod record;
mod text;
mod value;

use proc_macro::TokenStream;

/// Makes a function the entry of a step.
///
/// The function takes the inputs and `&mut Step`, and returns `Result<Outputs, Failure>`. Its doc comment is the
/// description of the step. There is one such function in a crate.
///
/// `#[step(needs(…))]` says what the function asks for, in the words of `spec.needs` of the function file, which says the
/// same:
///
/// | need | takes |
/// | --- | --- |
/// | `read("PATH")`, `write("PATH")` | `reason = "…"`, `optional`; `write` also `bytes = "64MiB"`, `files = 100` |
/// | `env("NAME")` | |
/// | `http("HOST")` | `port = 443`, `methods = [GET]`, `paths = ["/v1/*"]`, `reason = "…"`, `optional` |
/// | `secret("NAME", header, host = "HOST")`, `secret("NAME", reveal)` | `reason = "…"`, `optional` |
/// | `clock(none)` | or `frozen`, `coarse`, `real` |
/// | `random(none)` | or `seeded`, `secure` |
/// | `limits(memory = "64MiB")` | `cpu = "5m"`, `wall = "15m"`, `log = "1MiB"` |
///
/// Paths and hosts may hold expressions over the inputs of the function: `read("${{ inputs.source }}")`.
#[proc_macro_attribute]
pub fn step(arguments: TokenStream, item: TokenStream) -> TokenStream {
    give(attribute::expand(arguments.into(), item.into()))
}

/// Derives `stepwell_sdk::Input` for a struct with named fields.
#[proc_macro_derive(Input, attributes(input))]
pub fn input(item: TokenStream) -> TokenStream {
    give(record::expand_input(item.into()))
}

/// Derives `stepwell_sdk::Output` for a struct with named fields.
#[proc_macro_derive(Output, attributes(output))]
pub fn output(item: TokenStream) -> TokenStream {
    give(record::expand_output(item.into()))
}

/// Derives `stepwell_sdk::FromValue` and `stepwell_sdk::IntoValue`, with serde's traits, for a struct with named fields
/// or an enum, so that it can be an input or output, or stand in one.
///
/// - A struct is of the declared type `struct`; a member without a field is an error. `#[value(name = "other")]` renames a
///   field, `#[value(default)]` takes the default of its type where it is missing, `Option<T>` none.
/// - An enum whose variants hold nothing is of the type `string`: the name of the variant in snake case, or that of
///   `#[value(name = "tar.gz")]`.
/// - An enum of which every variant holds one value or named fields is of the type `struct`, with one member: the name of
///   the variant.
#[proc_macro_derive(Value, attributes(value))]
pub fn value(item: TokenStream) -> TokenStream {
    give(value::expand(item.into()))
}

fn give(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.to_compile_error()).into()
}

#[cfg(test)]
mod tests;
