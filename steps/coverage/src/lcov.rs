//! LCOV: lines of a key and values, a section for each file.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read};

use stepwell_sdk::{Access, Failure, Step};

use crate::record::{Record, failure};

/// How much is read at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest line. The longest hold a path or the name of a function.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Reads a report into the record.
pub(crate) fn read(step: &Step, report: &str, record: &mut Record) -> Result<(), Failure> {
    let mut lines = Lines { report, file: BufReader::with_capacity(BUFFER_BYTES, step.open(report)?), number: 0 };
    let mut file: Option<String> = None;
    let mut buffer = Vec::new();
    while let Some(line) = lines.next(&mut buffer)? {
        let taken = take(line, &mut file, record);
        taken.map_err(|problem| failure(report, lines.number, problem))?;
        if lines.number.is_multiple_of(1024) {
            step.check_cancelled()?;
        }
    }
    match file {
        None if lines.number > 0 => Ok(()),
        None => Err(failure(report, 1, "the report is empty")),
        Some(file) => {
            let problem = format!("the report ends within the section of `{file:.200}`");
            Err(failure(report, lines.number, problem).hint("what wrote it was probably interrupted"))
        }
    }
}

/// Takes one line. Sums, such as `LH`, and functions are not read.
fn take(line: &str, file: &mut Option<String>, record: &mut Record) -> Result<(), String> {
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    match (key, &file) {
        ("", _) => Ok(()),
        ("SF", None) => {
            record.file(value)?;
            *file = Some(value.to_owned());
            Ok(())
        }
        ("SF", Some(open)) => Err(format!("the section of `{open:.200}` has no `end_of_record`")),
        ("DA", Some(name)) => {
            let (number, covered) = hits(value)?;
            record.file(name)?.line(number, covered)
        }
        ("BRDA", Some(name)) => {
            let (branch, covered) = branch(value)?;
            record.file(name)?.branch(branch, covered)
        }
        ("DA" | "BRDA" | "end_of_record", None) => {
            Err(format!("`{key}` stands outside of a section, which begins with `SF`"))
        }
        ("end_of_record", Some(_)) => {
            *file = None;
            Ok(())
        }
        (key, _) if key.starts_with('#') || is_key(key) => Ok(()),
        (_, _) => Err("this is no line of an LCOV report".to_owned()),
    }
}

/// Returns whether a text is a key of a line that is passed by: `TN`, `LF`, `FNDA`, `MCDC`, `VER`, and those to come.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Returns line and whether it was run, of `12,3` or `12,3,checksum`.
fn hits(value: &str) -> Result<(u32, bool), String> {
    let wrong = || format!("`DA:{value:.40}` is not one of a line and its hits");
    let mut parts = value.split(',');
    let (line, hits) = parts.next().zip(parts.next()).ok_or_else(wrong)?;
    let line = line.trim().parse().map_err(|_| wrong())?;
    // Negative and broken numbers are known from compilers that run into overflow.
    let hits: f64 = hits.trim().parse().map_err(|_| wrong())?;
    Ok((line, hits > 0.0))
}

/// Returns a branch and whether it was taken, of `12,0,1,3`. The number of hits is `-` where the line was not reached.
fn branch(value: &str) -> Result<((u32, u64), bool), String> {
    let wrong = || format!("`BRDA:{value:.40}` is not one of a line, a block, a branch and its hits");
    let (line, rest) = value.split_once(',').ok_or_else(wrong)?;
    // Since version 2 the branch may be an expression with commas in it.
    let (branch, hits) = rest.rsplit_once(',').filter(|(branch, _)| branch.contains(',')).ok_or_else(wrong)?;
    let line = line.trim().parse().map_err(|_| wrong())?;
    let covered = match hits.trim() {
        "-" => false,
        hits => hits.parse::<f64>().map_err(|_| wrong())? > 0.0,
    };
    // Block and branch are texts; their hash takes less room, and is the same every time.
    let mut hasher = DefaultHasher::new();
    branch.hash(&mut hasher);
    Ok(((line, hasher.finish()), covered))
}

/// The lines of a report, one at a time.
struct Lines<'a> {
    report: &'a str,
    file: BufReader<File>,
    number: u64,
}

impl Lines<'_> {
    /// Returns the next line without its end and without blanks around it; none at the end.
    fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<Option<&'b str>, Failure> {
        buffer.clear();
        let mut limited = (&mut self.file).take(MAX_LINE_BYTES as u64 + 1);
        let read =
            limited.read_until(b'\n', buffer).map_err(|error| Failure::of_file(Access::Read, self.report, &error))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read > MAX_LINE_BYTES {
            return Err(failure(
                self.report,
                self.number,
                format!("the line is longer than {} KiB", MAX_LINE_BYTES / 1024),
            ));
        }
        let text = buffer.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.number == 1).unwrap_or(buffer);
        match str::from_utf8(text) {
            Ok(text) => Ok(Some(text.trim())),
            Err(_) => Err(failure(self.report, self.number, "the line is not UTF-8")),
        }
    }
}
