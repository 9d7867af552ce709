//! WebAssembly steps under wasmtime, with capabilities by grant alone.
//!
//! **In:** one invocation of a module, with its inputs and its grants. **Out:** how it ended, with what it handed over;
//! log and notices on the way. **Refuses to know:** who decided the grants, where modules come from, and what becomes
//! of outputs. A guest is given what its call grants and nothing else, each call has a fresh instance, and everything a
//! guest can make the host allocate, wait for or write has a named limit. The only crate that names wasmtime; none of
//! wasmtime's types leaves it.
//!
//! May use: schema, policy, private, run, http, confine; the WIT package from guest-sdk.

// Compiled code is loaded in one place, which says why that is sound.
#![deny(unsafe_code)]

mod admission;
mod bindings;
mod check;
mod clocks;
mod code_cache;
mod command;
mod context;
mod describe;
mod drive;
mod ending;
mod engine;
mod file_stream;
mod files;
mod form;
mod http;
mod imports;
mod inspect;
mod instance;
mod json;
mod lifetime;
mod limits;
mod linker;
mod links;
mod listing;
mod listing_p1;
mod log;
mod log_sink;
mod modules;
mod preopens;
mod private_folder;
mod quota;
mod quota_fs;
mod quota_p1;
mod random;
mod sandbox;
mod secrets;
mod setup;
mod size;
mod slots;
mod spec_section;
mod state;
mod stdio;
mod stopwatch;
mod tenant;
mod turns;
mod typed;
mod values;
mod worker;

pub use admission::Place;
pub use code_cache::CacheUnusable;
pub use describe::describe;
pub use form::Form;
pub use inspect::{Inspection, inspect};
pub use sandbox::{Sandbox, SandboxBuilder, SandboxError};
// What a machine can do of the wall around workers.
pub use stepwell_confine::{Support, support};
pub use stepwell_http::{Client as HttpClient, ClientError as HttpClientError, Resolver, Settings as HttpSettings};
pub use tenant::{CPU_WINDOW, Caller, Quotas, Tenant};
pub use worker::{Isolation, ServeError, WorkerCommand, serve};
