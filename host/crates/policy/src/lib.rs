//! "May this be done?": what a function asks for, what it is given, and why.
//!
//! **In:** requests, gathered from function files, their paths evaluated. **Out:** a [`Decision`] for each, with the
//! rule that decided and what would change it, and the [`Grants`] that follow. **Refuses to know:** how a grant is
//! enforced, and anything that is not in its arguments: deciding is a pure function. Whatever no rule mentions is denied.
//!
//! May use: schema.

#![forbid(unsafe_code)]

mod amount;
mod capability;
mod ceiling;
mod decide;
mod decision;
mod grants;
mod work_path;

pub use capability::{Capability, Request};
pub use ceiling::{MAX_CPU, MAX_LOG_BYTES, MAX_MEMORY_BYTES, MAX_WALL, MAX_WRITE_BYTES, MAX_WRITE_FILES};
pub use decide::decide;
pub use decision::{Decision, Decisions, Verdict};
pub use grants::{Access, Grants, Limits, Root};
pub use work_path::{InvalidWorkPath, WorkPath};
