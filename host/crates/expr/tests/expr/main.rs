//! The expression language as its users see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod bounds; // what is too deep, too long or too large is an error, never an overflow
mod dialects; // texts of the older dialect keep their value
mod errors; // what each mistake is called, and where it is
mod marks; // sensitive marks spread, and no further than they must
mod page; // the examples of docs/expressions.md
mod properties; // what holds for any text
mod static_view; // contexts, faults and warnings, which need no evaluation
mod support; // a scope and the check functions
mod values; // operators, literals, access, functions, text form
mod yaml_values; // expressions inside YAML values
