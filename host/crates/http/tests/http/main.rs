//! Requests to servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod allowed;
mod limits;
mod refused;
mod secrets;
mod server;
mod support;
