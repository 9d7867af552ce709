//! Readers of what happens in a job.
//!
//! **In:** the events of a job and its result. **Out:** views of them, a file each: console, JSON lines, result file,
//! summary. Sensitive values are masked before anything is formatted: [`MaskedEvents`] stands in front of all other
//! readers. **Refuses to know:** what makes events happen, arguments and environment, and which file or terminal it
//! writes to.
//!
//! May use: schema, run (event types), and of expr, policy and plan the types that those hold.

#![forbid(unsafe_code)]

mod forms;
mod mask;
mod masked;
mod patterns;
#[cfg(test)]
mod script;

pub use mask::{MASKED, MAX_ENCODED_BYTES, MaskStream, Masker};
pub use masked::MaskedEvents;
