//! References to git repositories: a name or commit to a checked tree on disk.
//!
//! The way of a reference: an address is read from its url, and a revision looked up among what the repository has; the
//! commit's tree is fetched, checked entry by entry, and put into the cache, whence function files are read like any
//! other file, but never outside the tree.

pub mod checkout;
mod progress;
mod settings;

pub use progress::{FetchProgress, ProgressSink};
pub use settings::{GitSettings, Proxies};
