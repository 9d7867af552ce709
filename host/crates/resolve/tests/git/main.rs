//! Git references, against real repositories and servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cache;
mod checkout;
mod faults;
mod jobs;
mod limits;
mod local;
mod relative;
mod revisions;
mod secrets;
mod support;
mod transport;
mod trees;
