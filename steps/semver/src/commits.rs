//! What the messages of commits raise, by Conventional Commits 1.0.0.

use semver::Version;
use serde::Deserialize;
use stepwell_sdk::{Failure, Step};
use stepwell_step_parts::git_log::each_commit;

use crate::Request;
use crate::bump::Bump;

/// A commit of the job: its message, or a struct that has it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Commit {
    /// The message.
    Message(String),
    /// The message among other things.
    Struct {
        /// The message.
        message: String,
    },
}

/// Returns what all commits together raise of a version. Below 1.0.0 a breaking change raises the second part, and what
/// adds or mends the third, as ranges read such versions.
pub(crate) fn bump(request: &Request, step: &Step, version: &Version) -> Result<Bump, Failure> {
    let mut most = Bump::None;
    match (request.commits.as_slice(), request.log.as_str()) {
        ([], "") => {
            return Err(Failure::invalid_input("input `bump` is `auto`, but neither `commits` nor `log` is given"));
        }
        (commits, "") => {
            for commit in commits {
                let (Commit::Message(message) | Commit::Struct { message }) = commit;
                most = most.max(of_message(message));
            }
        }
        ([], log) => each_commit(step, &request.source, log, |_, message| {
            most = most.max(of_message(message));
            Ok(())
        })?,
        _ => return Err(Failure::invalid_input("inputs `commits` and `log` are both given")),
    }
    Ok(match (version.major, most) {
        (0, Bump::Major) => Bump::Minor,
        (0, Bump::Minor) => Bump::Patch,
        (_, most) => most,
    })
}

/// Returns what a message raises; nothing, where it is no conventional one.
fn of_message(message: &str) -> Bump {
    let Ok(commit) = git_conventional::Commit::parse(message.trim()) else { return Bump::None };
    match commit.type_().as_str().to_ascii_lowercase().as_str() {
        _ if commit.breaking() => Bump::Major,
        "feat" => Bump::Minor,
        "fix" | "perf" | "revert" | "security" => Bump::Patch,
        _ => Bump::None,
    }
}
