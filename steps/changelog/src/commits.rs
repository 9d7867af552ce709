//! Where the commits come from, one after the other.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use stepwell_sdk::{Access, Failure, Step, path};

use crate::Request;

/// How much is read at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest message, in bytes: more is no log of git, or one without NUL between the commits.
const MAX_MESSAGE_BYTES: u64 = 1 << 20;

/// How to write a log that can be read.
const HINT: &str = "the log is what `git log -z --format=%H%n%B` writes";

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
            Commit::Struct { message, id } if id.is_empty() || is_id(id) => found(id, message),
            Commit::Struct { id, .. } => {
                let problem = format!("input `commits`, commit {}: `{id:.80}` is no commit id", place + 1);
                Err(Failure::invalid_input(problem))
            }
        }),
        ([], log) => each_of_log(request, step, log, found),
        _ => Err(Failure::invalid_input("inputs `commits` and `log` are both given")),
    }
}

fn is_id(id: &str) -> bool {
    (7..=64).contains(&id.len()) && id.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Reads a log commit by commit: lines of id and message, with NUL behind each.
fn each_of_log(request: &Request, step: &Step, log: &str, found: &mut Found<'_>) -> Result<(), Failure> {
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
            let problem = format!("commit {number} of `{path}` has more than {MAX_MESSAGE_BYTES} bytes");
            return Err(Failure::failed(problem).hint(HINT));
        }
        let text = String::from_utf8_lossy(commit.strip_suffix(&[0]).unwrap_or(&commit));
        let Some((id, message)) = text.trim_start().split_once('\n') else { continue };
        if !is_id(id) {
            let problem = format!("commit {number} of `{path}` begins with `{id:.80}`, no commit id");
            return Err(Failure::failed(problem).hint(HINT));
        }
        found(id, message)?;
    }
}
