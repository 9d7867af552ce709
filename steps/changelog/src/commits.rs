//! Where the commits come from, one after the other.

use serde::Deserialize;
use stepwell_sdk::{Failure, Step};
use stepwell_step_parts::git_log::{each_commit, is_commit_id};

use crate::Request;

/// A commit of the job: its message, or a struct that has it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Commit {
    /// The message.
    Message(String),
    /// The message, and the id if it is known.
    Struct {
        /// The message.
        message: String,
        /// In hexadecimal.
        #[serde(default)]
        id: String,
    },
}

/// What a commit is handed to: its id, empty where it is not known, and its message.
type Found<'f> = dyn FnMut(&str, &str) -> Result<(), Failure> + 'f;

/// Hands on each commit.
pub(crate) fn each(request: &Request, step: &Step, found: &mut Found<'_>) -> Result<(), Failure> {
    match (request.commits.as_slice(), request.log.as_str()) {
        (commits, "") => commits.iter().enumerate().try_for_each(|(place, commit)| match commit {
            Commit::Message(message) => found("", message),
            Commit::Struct { message, id } if id.is_empty() || is_commit_id(id) => found(id, message),
            Commit::Struct { id, .. } => {
                let problem = format!("input `commits`, commit {}: `{id:.80}` is no commit id", place + 1);
                Err(Failure::invalid_input(problem))
            }
        }),
        ([], log) => each_commit(step, &request.source, log, found),
        _ => Err(Failure::invalid_input("inputs `commits` and `log` are both given")),
    }
}
