//! Readers of what happens in a job.
//!
//! **In:** the events of a job and its result. **Out:** views of them, a file each: console, JSON lines, result file,
//! summary. Sensitive values are masked before anything is formatted: [`MaskedEvents`] stands in front of all other
//! readers. **Refuses to know:** what makes events happen, arguments and environment, and which file or terminal it
//! writes to.
//!
//! May use: schema, run (event types).

#![forbid(unsafe_code)]

mod compiled;
mod console;
mod forms;
mod json_lines;
mod mask;
mod mask_stream;
mod masked;
mod members;
mod output;
mod patterns;
mod results;
#[cfg(test)]
mod script;
mod summary;
mod terminal_text;

pub use console::{Console, ConsoleSettings, RunnerLog, Verbosity};
pub use json_lines::{JSON_LINES_VERSION, JsonLines};
pub use mask::{MASKED, MAX_ENCODED_BYTES, Masker};
pub use masked::MaskedEvents;
pub use results::{Secrets, WriteResultsError, write_results};
