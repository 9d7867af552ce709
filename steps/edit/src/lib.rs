//! The function `edit`: sets, deletes and merges values in JSON, YAML and TOML files.
//!
//! In go a file and what is to be different; out comes whether it was changed. What is asked is done to the file's values
//! first; only the differences are then made in its text, so that comments, order and indentation stay. The new text is
//! read again and must hold exactly those values, or the file stays as it is. It is replaced as a whole.

#![forbid(unsafe_code)]

mod change;
mod difference;
mod format;
mod json;
mod toml;
mod value_path;
mod yaml;

use stepwell_sdk::{Failure, Input, Kind, Level, Output, Step, path, serde_json, step};

use crate::format::Format;

/// Largest file, in bytes. A text with all its blanks as a tree takes many times its size.
const MAX_FILE_BYTES: u64 = 8 << 20;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    root: String,
    file: String,
    #[input(default = "")]
    format: String,
    #[input(default = [])]
    delete: Vec<String>,
    #[input(default = {})]
    merge: serde_json::Map<String, serde_json::Value>,
    #[input(default = {})]
    set: serde_json::Map<String, serde_json::Value>,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Path of the file, relative to the work dir.
    file: String,
    /// Whether the file was changed.
    changed: bool,
    /// Values that were set, added or deleted.
    edits: usize,
}

/// Sets, deletes and merges values in a file.
///
/// # Errors
///
/// A failure that names the input and the path in it, or file and line.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    if !path::stays_inside(&request.file) {
        return Err(Failure::invalid_input(format!("input `file` is `{}`, no path in the root", request.file)));
    }
    let file = path::join(&request.root, &request.file);
    let format = Format::choose(&request.format, &file)?;
    let text = read(step, &file)?;
    let before = format.read(&text, &file)?;
    let after = change::apply(&request, before.clone())?;
    let edits = difference::between(&before, &after);
    if !edits.is_empty() {
        let edited = format.edit(&text, &file, &edits)?;
        check(format, &edited, &file, &after)?;
        replace(step, &file, &edited)?;
        step.log(Level::Info, &file, &[("edits", &edits.len())]);
    }
    Ok(Response { file, changed: !edits.is_empty(), edits: edits.len() })
}

fn read(step: &Step, file: &str) -> Result<String, Failure> {
    match step.entry(file)?.kind {
        Kind::File(bytes) if bytes <= MAX_FILE_BYTES => step.read_to_string(file),
        Kind::File(bytes) => {
            Err(Failure::failed(format!("`{file}` has {bytes} bytes; at most {MAX_FILE_BYTES} are edited")))
        }
        Kind::Folder | Kind::Link | Kind::Other => Err(Failure::failed(format!("`{file}` is not a file"))),
    }
}

/// Refuses an edited text that does not hold what was asked for: no library knows all that a file may look like.
fn check(format: Format, edited: &str, file: &str, after: &serde_json::Value) -> Result<(), Failure> {
    let unfit = || {
        Failure::failed(format!("`{file}` has a form that cannot be edited in this place"))
            .hint("the file is as it was; write the value on a line of its own, or edit it by hand")
    };
    match format.read(edited, file) {
        Ok(found) if found == *after => Ok(()),
        Ok(_) => Err(unfit().cause("the edited text would hold other values than asked for")),
        Err(failure) => Err(unfit().cause(failure)),
    }
}

/// Replaces the file as a whole, so that nobody sees half of it.
fn replace(step: &Step, file: &str, text: &str) -> Result<(), Failure> {
    let part = format!("{file}.part");
    step.write(&part, text).and_then(|()| step.rename(&part, file)).inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = step.remove_file(&part);
    })
}

#[cfg(test)]
mod tests;
