//! What the messages of commits raise, by Conventional Commits 1.0.0.

use std::io::{BufRead, BufReader, Read};

use semver::Version;
use serde::Deserialize;
use stepwell_sdk::{Access, Failure, Step, path};

use crate::Request;
use crate::bump::Bump;

/// How much is read at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest message, in bytes: more is no log of git, or one without NUL between the commits.
const MAX_MESSAGE_BYTES: u64 = 1 << 20;

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
        ([], log) => each_message(request, step, log, &mut |message| most = most.max(of_message(message)))?,
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

/// Reads a log commit by commit: lines of id and message, with NUL behind each.
fn each_message(request: &Request, step: &Step, log: &str, found: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    if request.source.is_empty() {
        return Err(Failure::invalid_input(format!("input `source` is missing: the folder of `{log}`"))
            .hint("a function can be granted folders only"));
    }
    if !path::stays_inside(log) {
        return Err(Failure::invalid_input(format!("input `log` is `{log}`, no path in the source")));
    }
    let path = path::join(&request.source, log);
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, step.open(&path)?);
    let mut commit = Vec::new();
    let mut number = 0_u64;
    loop {
        step.check_cancelled()?;
        commit.clear();
        let mut limited = reader.by_ref().take(MAX_MESSAGE_BYTES + 1);
        let length =
            limited.read_until(0, &mut commit).map_err(|error| Failure::of_file(Access::Read, &path, &error))?;
        if length == 0 {
            return Ok(());
        }
        number += 1;
        if length as u64 > MAX_MESSAGE_BYTES {
            return Err(Failure::failed(format!(
                "commit {number} of `{path}` has more than {MAX_MESSAGE_BYTES} bytes"
            ))
            .hint("the log is what `git log -z --format=%H%n%B` writes"));
        }
        let text = String::from_utf8_lossy(commit.strip_suffix(&[0]).unwrap_or(&commit));
        let Some((id, message)) = text.trim_start().split_once('\n') else { continue };
        if id.len() < 40 || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Failure::failed(format!("commit {number} of `{path}` begins with `{id:.40}`, no commit id"))
                .hint("the log is what `git log -z --format=%H%n%B` writes"));
        }
        found(message);
    }
}
