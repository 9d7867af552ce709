//! Guests in processes of their own, behind a wall.
//!
//! `workers` and `process` are the host's side: which process runs a call, and the talk with it. `serve` is the other
//! side: the process itself. `wire` is what they say to each other, `lane` how, and `requests` what becomes of a guest's
//! requests; `code` is compiled code on its way from `compile`, another process, to the workers. See docs/design/workers.md.

mod code;
mod command;
mod company;
mod compile;
mod descriptors;
mod hello;
mod lane;
mod line;
mod process;
mod requests;
mod serve;
mod wire;
mod words;
mod workers;

pub use command::{Isolation, WorkerCommand};
pub use serve::{ServeError, serve};
pub(crate) use workers::Workers;
