//! Commands and scripts run as real processes.

#[path = "../support/mod.rs"]
mod support;

mod background;
mod cancel;
mod log;
mod refuse;
mod side_by_side;
mod start;
