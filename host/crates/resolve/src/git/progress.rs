//! How far a fetch has come.

use std::sync::Arc;

/// Called with what is known, at most about ten times a second for each fetch, and once at its end. Calls come from
/// threads of the fetches, several at a time, and hold the fetch up while they last.
pub type ProgressSink = Arc<dyn Fn(&FetchProgress) + Send + Sync>;

/// How far a fetch has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchProgress {
    /// The address of the repository, without credentials.
    pub repository: String,
    /// Bytes that have come over the network for this fetch, headers not counted.
    pub received_bytes: u64,
    /// Objects that have come.
    pub received_objects: u64,
    /// Objects that will come; none before the server has said it.
    pub total_objects: Option<u64>,
    /// Whether this is the end, good or bad: nothing more is said of this fetch.
    pub finished: bool,
}
