//! The commits of a log that git wrote, one after the other.

use std::io::{BufRead, BufReader, Read};

use stepwell_sdk::{Access, Failure, Step, path};

/// How much is read at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest commit, in bytes: more is no log of git, or one without NUL between the commits.
const MAX_COMMIT_BYTES: u64 = 1 << 20;

/// How to write a log that can be read.
const HINT: &str = "the log is what `git log -z --format=%H%n%B` writes";

/// Reads the log `log` in the folder `source`, of which one commit is in memory at a time, and hands on the id and the
/// message of each. A commit without a message is left out.
///
/// # Errors
/// The folder is not named or the path leads out of it, the file cannot be read or is no such log; what `found` returns.
pub fn each_commit(
    step: &Step,
    source: &str,
    log: &str,
    mut found: impl FnMut(&str, &str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if source.is_empty() {
        return Err(Failure::invalid_input(format!("input `source` is missing: the folder of `{log}`"))
            .hint("a function can be granted folders only"));
    }
    if !path::stays_inside(log) {
        return Err(Failure::invalid_input(format!("input `log` is `{log}`, no path in the source")));
    }
    let path = path::join(source, log);
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, step.open(&path)?);
    let mut commit = Vec::new();
    let mut number = 0_u64;
    loop {
        step.check_cancelled()?;
        commit.clear();
        let mut limited = reader.by_ref().take(MAX_COMMIT_BYTES + 1);
        let length =
            limited.read_until(0, &mut commit).map_err(|error| Failure::of_file(Access::Read, &path, &error))?;
        if length == 0 {
            return Ok(());
        }
        number += 1;
        if length as u64 > MAX_COMMIT_BYTES {
            let problem = format!("commit {number} of `{path}` has more than {MAX_COMMIT_BYTES} bytes");
            return Err(Failure::failed(problem).hint(HINT));
        }
        let text = String::from_utf8_lossy(commit.strip_suffix(&[0]).unwrap_or(&commit));
        let Some((id, message)) = text.trim_start().split_once('\n') else { continue };
        if !is_commit_id(id) {
            let problem = format!("commit {number} of `{path}` begins with `{id:.80}`, no commit id");
            return Err(Failure::failed(problem).hint(HINT));
        }
        found(id, message)?;
    }
}

/// Tells whether a text is the id of a commit, or its first digits as git shortens it.
pub fn is_commit_id(id: &str) -> bool {
    (7..=64).contains(&id.len()) && id.bytes().all(|digit| digit.is_ascii_hexdigit())
}
