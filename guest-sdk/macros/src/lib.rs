//! The macros of `stepwell-sdk`: the attribute that makes a function the entry of a step, and the derives that tie its
//! structs to named values.
//!
//! In go items of Rust; out come the same items, with implementations of the SDK's traits and, on WebAssembly, the
//! component's export and its `step-spec` section. The crate knows names, attributes and doc comments; types it leaves
//! to the traits. Use it through `stepwell_sdk`, whose documentation says what the macros mean.

#![forbid(unsafe_code)]

mod attribute;
mod field;
mod record;
mod text;

use proc_macro::TokenStream;

/// Makes a function the entry of a step.
///
/// The function takes the inputs and `&mut Step`, and returns `Result<Outputs, Failure>`. Its doc comment is the
/// description of the step. There is one such function in a crate.
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

fn give(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.to_compile_error()).into()
}

#[cfg(test)]
mod tests;
