//! What an author of a typed WebAssembly function sees.
//!
//! In go the named values of a step; out come the author's own structs, filled and checked. The author's function turns
//! one into the other, with a [`Step`] at hand for everything it may ask of the host. Its end, an [`Output`] struct or a
//! [`Failure`], goes back over the boundary. The interface itself, `wit/<version>/step.wit`, is told to the host twice:
//! by the imports of the finished component and by its `step-spec` section, which the [`step`] attribute writes.
//!
//! The crate refuses to know how the host works, and what the job or the function file say. On other targets than
//! WebAssembly the host is a [`fake`], so that the logic of a step is tested by plain `cargo test`.
//!
//! The feature `http`, which is off unless it is asked for, adds `Step::http` and the module `http`: outgoing requests.
//!
//! ```
//! use stepwell_sdk::{Failure, Input, Output, Step, step};
//!
//! #[derive(Input)]
//! struct Request {
//!     /// Who is greeted.
//!     who: String,
//!     #[input(default = 1)]
//!     times: u32,
//! }
//!
//! #[derive(Output)]
//! struct Response {
//!     greeting: String,
//! }
//!
//! /// Greets somebody.
//! #[step]
//! fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
//!     step.info("greeting");
//!     Ok(Response { greeting: format!("hello {}", request.who).repeat(request.times as usize) })
//! }
//! ```

// On WebAssembly the bindings generated from the interface are the only exception.
#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]
#![cfg_attr(target_family = "wasm", deny(unsafe_code))]

mod failure;
#[cfg(not(target_family = "wasm"))]
pub mod fake;
mod file;
mod host;
#[cfg(feature = "http")]
pub mod http;
mod input;
mod output;
pub mod path;
mod secret;
mod sensitive;
mod step;
mod value;
mod walk;
#[cfg(target_family = "wasm")]
mod wasm;
mod work_path;

pub use failure::{Failure, FailureKind};
pub use file::Access;
pub use host::{Info, Level};
pub use input::{FromValue, Input, Items};
pub use output::{IntoValue, Items as OutputItems, Output};
pub use secret::Secret;
pub use sensitive::Sensitive;
pub use step::{Group, Step};
pub use stepwell_sdk_macros::{Input, Output, Value, step};
pub use value::{Json, Value};
pub use walk::{Entry, Kind};
pub use work_path::WorkPath;

/// What most steps use.
pub mod prelude {
    pub use crate::{Failure, Input, Json, Output, Secret, Sensitive, Step, Value, WorkPath, step};
}

/// The JSON library whose types the SDK takes and gives, in the version it uses.
pub use serde_json;

/// The library behind nested values; the derive of [`Value`](derive@Value) uses it.
#[doc(hidden)]
pub use serde;

/// The version of the step ABI that this SDK is built against, as in the `step-spec` section.
pub const ABI: &str = "stepwell:step@0.1.0";

/// What the macros expand to. Not for authors, and free to change.
#[doc(hidden)]
pub mod expansion;

/// The readme's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
