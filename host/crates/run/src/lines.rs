//! The files in which steps write outputs and exports: JSON lines, by section 5.7 of the contract.
//!
//! **Trust:** path and content are under the control of the step that has just run.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use stepwell_schema::Value;

pub use crate::json::MAX_VALUE_BYTES;
use crate::json::{JsonError, Room};

/// Longest line, in bytes without its line feed: what the contract asks for at least.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// Longest file, in bytes: four of the longest lines. What its values take is bounded by [`MAX_VALUE_BYTES`].
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Most bytes of a line that a message quotes: the end of a job's log is what people read first.
pub const MAX_QUOTED_BYTES: usize = 4096;

/// A line that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to unmarshal JSON at line {line}: {kind}")]
pub struct LineError {
    /// Which line, counted from 1, empty ones included.
    pub line: usize,
    /// What is wrong with it.
    pub kind: LineErrorKind,
}

impl LineError {
    /// Returns the message with the line that it is about: for a job that is to show such lines, secret or not. Of a long
    /// line the first [`MAX_QUOTED_BYTES`] are shown.
    pub fn quoting(&self, bytes: &[u8]) -> String {
        let line = bytes.split(|byte| *byte == b'\n').nth(self.line - 1).unwrap_or_default();
        let shown = String::from_utf8_lossy(&line[..line.len().min(MAX_QUOTED_BYTES)]);
        format!("{self}, line: {}", shown.trim_end_matches('\r'))
    }
}

/// What is wrong with a line. None of these holds the content of the line, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineErrorKind {
    /// Not JSON, or not UTF-8, or a number that no 64-bit float can hold.
    #[error("{0}")]
    Syntax(String),
    /// JSON, but no object.
    #[error("expected an object with \"name\" and \"value\"")]
    NotAnObject,
    /// The name is neither text nor null.
    #[error("\"name\" field must be string")]
    NameNotText,
    /// One of the two fields is not there.
    #[error("\"{0}\" field is missing")]
    Missing(&'static str),
    /// One of the two fields is null.
    #[error("\"{0}\" field value is null")]
    Null(&'static str),
    /// The name is the empty text.
    #[error("\"name\" field value is empty")]
    EmptyName,
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("the line is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// Its values, with those of the lines before, need more than [`MAX_VALUE_BYTES`].
    #[error("the values of the file need more than {MAX_VALUE_BYTES} bytes of memory")]
    TooMuch,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened: deleted, replaced by a link, or unreadable.
    #[error("opening file \"{}\": {cause}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Something else stands in its place.
    #[error("\"{}\" was replaced by something that is not a file", .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It is longer than [`MAX_FILE_BYTES`].
    #[error("\"{}\" is longer than {MAX_FILE_BYTES} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Reading it failed.
    #[error("reading file \"{}\": {cause}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Opens and reads a file that a step wrote: without following a link in its last part, and only a regular file.
///
/// # Errors
/// See [`ReadError`].
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    // Without NONBLOCK a FIFO in the file's place would hold the engine up.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    #[expect(clippy::cast_possible_wrap, reason = "the bits of these flags are far below the sign bit")]
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .map_err(|cause| ReadError::Open { path: path.to_owned(), cause })?;
    read_open(file, path)
}

/// Reads a file that is already open. For whoever opens it in another way, through a folder of its own. `path` is for
/// messages.
///
/// # Errors
/// See [`ReadError`].
pub fn read_open(file: File, path: &Path) -> Result<Vec<u8>, ReadError> {
    let path = path.to_owned();
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(cause) => return Err(ReadError::Read { path, cause }),
    };
    if !metadata.is_file() {
        return Err(ReadError::NotAFile { path });
    }
    let mut bytes = Vec::new();
    // Something may still write to it, so its length beforehand says nothing.
    if let Err(cause) = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes) {
        return Err(ReadError::Read { path, cause });
    }
    if bytes.len() as u64 > MAX_FILE_BYTES { Err(ReadError::TooLarge { path }) } else { Ok(bytes) }
}

/// Parses names and values, in the order of the lines; names may repeat and are never empty, values are never null.
/// Nothing is trimmed, no expression is evaluated. The last line need not end with a line feed.
///
/// # Errors
/// The first line that is not as it must be.
pub fn parse(bytes: &[u8]) -> Result<Vec<(String, Value)>, LineError> {
    let mut entries = Vec::new();
    let room = Room::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let entry = parse_line(line, &room).map_err(|kind| LineError { line: index + 1, kind })?;
        entries.extend(entry);
    }
    Ok(entries)
}

/// Parses one line; a blank one gives nothing.
fn parse_line(line: &[u8], room: &Room) -> Result<Option<(String, Value)>, LineErrorKind> {
    if line.len() > MAX_LINE_BYTES {
        return Err(LineErrorKind::TooLong);
    }
    if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
        return Ok(None);
    }
    let Value::Struct(mut fields) = room.read(line).map_err(refused)? else {
        return Err(LineErrorKind::NotAnObject);
    };
    let name = match field(&mut fields, "name")? {
        Value::String(name) if name.is_empty() => return Err(LineErrorKind::EmptyName),
        Value::String(name) => name,
        _ => return Err(LineErrorKind::NameNotText),
    };
    let value = field(&mut fields, "value")?;
    Ok(Some((name, value)))
}

fn field(fields: &mut BTreeMap<String, Value>, name: &'static str) -> Result<Value, LineErrorKind> {
    match fields.remove(name) {
        None => Err(LineErrorKind::Missing(name)),
        Some(Value::Null) => Err(LineErrorKind::Null(name)),
        Some(value) => Ok(value),
    }
}

/// The parser sees one line at a time, so its own line number would only confuse.
fn refused(error: JsonError) -> LineErrorKind {
    match error {
        JsonError::Syntax(text) => LineErrorKind::Syntax(text.replacen(" at line 1 column ", " at column ", 1)),
        JsonError::TooMuch => LineErrorKind::TooMuch,
    }
}

#[cfg(test)]
mod tests;
