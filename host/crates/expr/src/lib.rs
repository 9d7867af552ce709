//! The `${{ }}` expression language: Moa, widened so that every expression of the older dotted dialect keeps its value.
//!
//! **In:** the text of a template and a read-only [`Scope`]. **Out:** a typed value that knows whether it came from
//! something sensitive ([`Marked`]), or an error with the range in the text. **Refuses to know:** where values come
//! from and what becomes of them. Pure and total: no files, no clock, no environment; depth and size are bounded.
//!
//! The way of a text: `template` finds the expressions in it, `dialect` decides which dialect each one is of, `parse`
//! reads it into the tree of `syntax`, and `evaluate` walks that tree. The language as users see it is described in
//! `docs/expressions.md`, whose examples are tests of this crate.
//!
//! May use: schema.

#![forbid(unsafe_code)]

mod context;
mod dialect;
mod error;
mod evaluate;
mod function;
mod known;
mod limit;
mod marked;
mod operand;
mod operator;
mod parse;
mod scope;
mod syntax;
mod template;
mod value_template;

pub use context::{Context, ContextUse};
pub use error::{ExprError, ExprErrorKind, ExprWarning, ExprWarningKind, LocatedExprError, MASKED};
pub use limit::{MAX_COMPARED_BYTES, MAX_DEPTH, MAX_PRODUCED_BYTES, MAX_TEMPLATE_BYTES, MAX_VALUE_DEPTH};
pub use marked::Marked;
pub use scope::{Scope, StepOutputs, Values};
pub use template::Template;
pub use value_template::ValueTemplate;
