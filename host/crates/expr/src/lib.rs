//! The `${{ }}` expression language: Moa, widened so that every expression of the older dotted dialect keeps its value.
//!
//! **In:** the text of a template and a read-only [`Scope`]. **Out:** a typed value that knows whether it came from
//! something sensitive ([`Marked`]), or an error with the range in the text. **Refuses to know:** where values come
//! from and what becomes of them. Pure and total: no files, no clock, no environment; depth and size are bounded.
//!
//! May use: schema.

#![forbid(unsafe_code)]

mod marked;
mod scope;

pub use marked::Marked;
pub use scope::{Scope, StepOutputs, Values};
