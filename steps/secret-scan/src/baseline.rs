//! The baseline: fingerprints of findings that are known, one a line, each followed by rule and place for readers.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use stepwell_sdk::{Access, Failure, Step, path};

use crate::finding::{Finding, is_fingerprint};

/// Largest baseline: some hundred thousand lines.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Returns the fingerprints of a baseline; none where no file is named.
///
/// # Errors
///
/// A failure that names the file and the first line that is none of a baseline.
pub(crate) fn read(step: &Step, source: &str, name: &str) -> Result<BTreeSet<String>, Failure> {
    if name.is_empty() {
        return Ok(BTreeSet::new());
    }
    if !path::stays_inside(name) {
        return Err(Failure::invalid_input(format!("input `baseline` is `{name}`, no path in the source")));
    }
    let path = path::join(source, name);
    let file = BufReader::new(step.open(&path)?.take(MAX_BYTES));
    let mut known = BTreeSet::new();
    for (number, line) in file.lines().enumerate() {
        let line = line.map_err(|error| Failure::of_file(Access::Read, &path, &error))?;
        match line.split_whitespace().next() {
            None => {}
            Some(word) if word.starts_with('#') => {}
            Some(word) if is_fingerprint(word) => {
                known.insert(word.to_owned());
            }
            Some(_) => {
                let problem = format!("{path}, line {}: it does not begin with a fingerprint", number + 1);
                return Err(Failure::failed(problem)
                    .hint("a baseline is a copy of the `secrets.baseline` that this function writes"));
            }
        }
    }
    Ok(known)
}

/// Returns the text of a baseline with the given findings.
pub(crate) fn text<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let mut lines: Vec<_> = findings
        .map(|finding| {
            let path: String = finding.path.chars().filter(|character| !character.is_control()).collect();
            format!("{} {} {path}\n", finding.fingerprint, finding.rule_id)
        })
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.concat()
}
