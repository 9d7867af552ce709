//! The results: kept as outputs within what the host takes, or written into a file as they come.

use std::fs::File;
use std::io::{BufWriter, Write};

use jaq_json::{Val, write};
use stepwell_sdk::{Access, Failure, IntoValue, Step, Value, path};

use crate::depth::MAX_DEPTH;
use crate::{Request, Response, value};

/// How much is written at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Most bytes of one output: those of the step ABI.
const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// How deep an output may be nested by the step ABI, less the array that all results stand in.
const MAX_OUTPUT_DEPTH: usize = 31;

/// Most blanks that a level is indented by.
const MAX_INDENT: u8 = 16;

/// A JSON array, as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List(pub(crate) String);

impl IntoValue for List {
    const TYPE: &'static str = "array";

    fn into_value(self) -> Result<Value, String> {
        Ok(Value::Json(self.0))
    }
}

/// What becomes of the results.
pub(crate) struct Results {
    count: u64,
    holds: bool,
    raw: bool,
    style: write::Pp,
    target: Target,
}

enum Target {
    /// The items of the array so far, and the text so far.
    Outputs { items: Vec<u8>, text: Vec<u8> },
    /// A file, and its path when it is whole.
    File { out: BufWriter<File>, path: String },
}

impl Results {
    /// Begins with none. A file gets its name only when it is whole.
    pub(crate) fn open(request: &Request, step: &Step) -> Result<Self, Failure> {
        if request.indent > MAX_INDENT {
            return Err(Failure::invalid_input(format!("input `indent` is {}; at most {MAX_INDENT}", request.indent)));
        }
        let indent = (request.indent > 0).then(|| " ".repeat(request.indent.into()));
        let target = match file(request)? {
            None => Target::Outputs { items: Vec::new(), text: Vec::new() },
            Some(path) => Target::File { out: BufWriter::with_capacity(BUFFER_BYTES, step.create(part(&path))?), path },
        };
        let style = write::Pp { sep_space: indent.is_some(), indent, ..write::Pp::default() };
        Ok(Self { count: 0, holds: false, raw: request.raw, style, target })
    }

    /// Adds a result.
    pub(crate) fn add(&mut self, result: Val) -> Result<(), Failure> {
        self.count += 1;
        self.holds = !matches!(result, Val::Null | Val::Bool(false));
        let max_depth = match self.target {
            Target::Outputs { .. } => MAX_OUTPUT_DEPTH,
            Target::File { .. } => MAX_DEPTH,
        };
        if let Some(problem) = value::problem(&result, max_depth) {
            // Dropping it calls itself for each level, and the step ends here anyway.
            std::mem::forget(result);
            return Err(Failure::failed(format!("result {} {problem}", self.count)));
        }
        match &mut self.target {
            Target::File { out, path } => {
                line(out, &self.style, self.raw, &result).map_err(|error| Failure::of_file(Access::Write, path, &error))
            }
            Target::Outputs { items, text } => {
                if !items.is_empty() {
                    items.push(b',');
                }
                // Writing into memory does not fail.
                let wrote = write::write(items, &write::Pp::default(), 0, &result)
                    .and_then(|()| line(text, &self.style, self.raw, &result));
                wrote.map_err(|error| Failure::internal("cannot write a result").caused_by(&error))?;
                check_outputs(self.count, items, text)
            }
        }
    }

    /// Fails unless there is a result and the last one holds.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match (self.count, self.holds) {
            (0, _) => Err(Failure::failed("there is no result, and `check` asks for one")),
            (_, false) => Err(Failure::failed("the last result is false or null, and `check` asks that it is not")),
            (_, true) => Ok(()),
        }
    }

    /// Ends with what came of the program.
    pub(crate) fn finish(self, step: &Step, ran: Result<(), Failure>) -> Result<Response, Failure> {
        let (list, text, file) = match self.target {
            Target::Outputs { items, text } => {
                ran?;
                let text = text.strip_suffix(b"\n").unwrap_or(&text);
                let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
                (utf8(&items)?, utf8(text)?, String::new())
            }
            Target::File { out, path } => {
                let whole = ran.and_then(|()| {
                    out.into_inner().map_err(|error| Failure::of_file(Access::Write, &path, error.error()))
                });
                whole.inspect_err(|_| {
                    // The first failure is the one to tell.
                    let _ = step.remove_file(part(&path));
                })?;
                step.rename(part(&path), &path)?;
                (String::new(), String::new(), path)
            }
        };
        Ok(Response { results: List(format!("[{list}]")), text, count: self.count, file })
    }
}

/// Writes a result and a line feed.
fn line(out: &mut dyn Write, style: &write::Pp, raw: bool, result: &Val) -> std::io::Result<()> {
    match result {
        Val::TStr(text) if raw => out.write_all(text)?,
        other => write::write(out, style, 0, other)?,
    }
    out.write_all(b"\n")
}

fn check_outputs(count: u64, items: &[u8], text: &[u8]) -> Result<(), Failure> {
    // The two brackets of the array count as well.
    if items.len() + 2 > MAX_OUTPUT_BYTES || text.len() > MAX_OUTPUT_BYTES {
        let problem =
            format!("{count} results have more than {MAX_OUTPUT_BYTES} bytes, which is all that an output takes");
        return Err(Failure::failed(problem).hint("give `destination` and `name`, and they go into a file"));
    }
    if text.contains(&0) {
        return Err(Failure::failed(format!("result {count} holds a NUL character, which an output cannot"))
            .hint("give `raw: false`, or `destination` and `name`"));
    }
    Ok(())
}

/// Returns the path of the file to write; none if none is asked for.
fn file(request: &Request) -> Result<Option<String>, Failure> {
    match (request.destination.as_str(), request.name.as_str()) {
        ("", "") => Ok(None),
        ("", _) => Err(Failure::invalid_input("input `name` is given, but no `destination` to put the file into")),
        (_, "") => Err(Failure::invalid_input("input `name` is missing: the name of the file to write")),
        (folder, name) if path::stays_inside(name) => Ok(Some(path::join(folder, name))),
        (_, name) => Err(Failure::invalid_input(format!("input `name` is `{name}`, no path in the destination"))),
    }
}

/// Returns the path under which a file is written before it is renamed.
fn part(path: &str) -> String {
    format!("{path}.part")
}
