//! Requests to servers on loopback.

mod allowed;
mod limits;
mod refused;
mod secrets;
mod server;
mod support;
