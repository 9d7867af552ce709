//! Steps under the sandbox, run for real: each end, each limit, each capability with a guest that has it, one that has
//! it not, and one that tries to get round it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod attacks;
mod cache;
mod commands;
mod ends;
mod environment;
mod files;
mod forms;
mod generated;
mod http;
mod limits;
mod paths;
mod support;
mod tenants;
mod values;
