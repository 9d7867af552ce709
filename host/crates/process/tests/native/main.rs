//! Commands and scripts run as real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod background;
mod cancel;
mod log;
mod pipelines;
mod refuse;
mod side_by_side;
mod start;
