//! Git repositories and servers on loopback, for tests.
//!
//! [`Repository`] makes repositories with the `git` program, in an environment of its own. [`Server`] serves them as
//! `git http-backend` does, over HTTP or HTTPS, counts what is asked, and fails in the ways in which servers do.
//! [`Proxy`] is a forward proxy that tells what went through it. Everything ends, and is removed, when it is dropped.
//!
//! Mistakes of a test panic, with what the program said.

mod fault;
mod http;
mod listener;
mod program;
mod proxy;
mod repository;
mod server;
mod tls;

pub use fault::{Fault, Stage};
pub use proxy::Proxy;
pub use repository::Repository;
pub use server::{Request, Server, ServerBuilder};
