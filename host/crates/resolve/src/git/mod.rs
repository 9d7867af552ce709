//! References to git repositories: a name or commit to a checked tree on disk.
//!
//! The way of a reference: an address is read from its url, and a revision looked up among what the repository has; the
//! commit's tree is fetched, checked entry by entry, and put into the cache, whence function files are read like any
//! other file, but never outside the tree.

mod address;
mod advertisement;
pub mod cache;
pub mod checkout;
mod excerpt;
mod failure;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod links;
mod local;
mod manifest;
mod online;
mod packets;
mod progress;
mod remote;
mod revision;
mod session;
mod settings;
mod tls;
mod tree;
mod upload_pack;
mod watch;

pub use progress::{FetchProgress, ProgressSink};
pub use settings::{GitSettings, Proxies};

pub(crate) use files::{is_unchanged, read_beside, resolve_in_tree};
pub(crate) use session::{Git, Session};
