//! References to pinned content.
//!
//! **In:** a reference as written, and where relative ones start. **Out:** the function file behind it with its digest,
//! and on demand the files beside it. One file per protocol: [`fs`] reads the file system, [`builtin`] serves what the
//! engine ships, [`git`] fetches repositories. **Refuses to know:** what a function file means beyond that it is one, and what becomes of it.
//!
//! May use: schema, plan.

#![forbid(unsafe_code)]

pub mod builtin;
pub mod fs;
pub mod git;
mod job;
mod path;
mod regular_file;
mod resolve;

pub use builtin::{BuiltInFunction, BuiltInTable, InvalidBuiltIn};
pub use fs::{DEFAULT_FILES, FileResolver, MAX_FUNCTION_FILE_BYTES};
pub use git::{FetchProgress, GitSettings, ProgressSink, Proxies};
pub use job::JobResolver;
pub use resolve::StandardResolver;
