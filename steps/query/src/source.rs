//! Where values come from, one after the other.

use std::io::{BufRead, BufReader};

use bytes::Bytes;
use jaq_json::{Val, read};
use stepwell_sdk::{Access, Failure, Step, path, serde_json};

use crate::format::Format;
use crate::{Request, json, toml_text, value, yaml};

/// How much is read at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// What a value is handed to, with the name of its place for messages.
type Found<'f> = dyn FnMut(&str, Val) -> Result<(), Failure> + 'f;

/// Where the values come from.
pub(crate) enum Source<'r> {
    /// Files by path, relative to the work dir, each with its format.
    Files(Vec<(String, Format)>),
    /// A text of the job.
    Text(&'r str, Format),
    /// Values of the job.
    Values(&'r [serde_json::Value]),
    /// None is given: the program runs once, on null.
    Nothing,
}

impl<'r> Source<'r> {
    /// Returns the source that the inputs give.
    pub(crate) fn choose(request: &'r Request) -> Result<Self, Failure> {
        let format = Format::parse(&request.format)?;
        match (request.files.as_slice(), request.text.as_str(), request.values.as_slice()) {
            ([], "", []) => Ok(Self::Nothing),
            ([], "", values) => Ok(Self::Values(values)),
            ([], text, []) => Ok(Self::Text(text, format.unwrap_or(Format::Json))),
            (files, "", []) => files.iter().map(|file| choose_file(request, file, format)).collect(),
            _ => Err(Failure::invalid_input("more than one of the inputs `files`, `text` and `values` is given")),
        }
    }

    /// Hands on each value.
    pub(crate) fn each(&self, step: &Step, found: &mut Found<'_>) -> Result<(), Failure> {
        match self {
            Self::Files(files) => files.iter().try_for_each(|(path, format)| read_file(step, path, *format, found)),
            Self::Text(text, format) => read_text(text.as_bytes().to_vec(), "input `text`", *format, found),
            Self::Values(values) => values
                .iter()
                .enumerate()
                .try_for_each(|(place, value)| found(&format!("input `values`, value {}", place + 1), of_json(value)?)),
            Self::Nothing => found("null", Val::Null),
        }
    }
}

impl FromIterator<(String, Format)> for Source<'_> {
    fn from_iter<I: IntoIterator<Item = (String, Format)>>(files: I) -> Self {
        Self::Files(files.into_iter().collect())
    }
}

fn choose_file(request: &Request, file: &str, format: Option<Format>) -> Result<(String, Format), Failure> {
    if request.source.is_empty() {
        return Err(Failure::invalid_input(format!("input `source` is missing: the folder of `{file}`"))
            .hint("a function can be granted folders only"));
    }
    if !path::stays_inside(file) {
        return Err(Failure::invalid_input(format!("input `files` has `{file}`, no path in the source")));
    }
    let path = path::join(&request.source, file);
    let format = format.map_or_else(|| Format::of_path(&path), Ok)?;
    Ok((path, format))
}

/// Returns a value that came as JSON.
pub(crate) fn of_json(value: &serde_json::Value) -> Result<Val, Failure> {
    read::parse_single(value.to_string().as_bytes())
        .map_err(|error| Failure::internal("a value did not survive its way as JSON").caused_by(&error))
}

fn read_file(step: &Step, path: &str, format: Format, found: &mut Found<'_>) -> Result<(), Failure> {
    let place = format!("`{path}`");
    match format {
        Format::JsonLines | Format::Lines => {
            each_line(&mut BufReader::with_capacity(BUFFER_BYTES, step.open(path)?), &place, format, found, path)
        }
        Format::Json | Format::Yaml | Format::Toml => read_text(step.read(path)?, &place, format, found),
    }
}

fn read_text(text: Vec<u8>, place: &str, format: Format, found: &mut Found<'_>) -> Result<(), Failure> {
    match format {
        Format::Json => json::read(&Bytes::from(text), place, 1, &mut |value| found(place, value)),
        Format::JsonLines | Format::Lines => each_line(&mut text.as_slice(), place, format, found, place),
        Format::Yaml => yaml::read(utf8(&text, place)?, place, &mut |value| found(place, value)),
        Format::Toml => found(place, toml_text::read(utf8(&text, place)?, place)?),
    }
}

fn utf8<'t>(text: &'t [u8], place: &str) -> Result<&'t str, Failure> {
    str::from_utf8(text).map_err(|error| {
        let line = value::line(text, error.valid_up_to());
        Failure::failed(format!("{place}, line {line}: this is not UTF-8"))
    })
}

/// Reads line by line, so that only one is held.
fn each_line(
    reader: &mut dyn BufRead,
    place: &str,
    format: Format,
    found: &mut Found<'_>,
    path: &str,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    let mut number = 0;
    while reader.read_until(b'\n', &mut line).map_err(|error| Failure::of_file(Access::Read, path, &error))? > 0 {
        number += 1;
        if format == Format::Lines {
            let end =
                line.strip_suffix(b"\n").map_or(line.len(), |line| line.strip_suffix(b"\r").unwrap_or(line).len());
            line.truncate(end);
            let text = String::from_utf8(std::mem::take(&mut line))
                .map_err(|_| Failure::failed(format!("{place}, line {number}: this is not UTF-8")))?;
            found(&format!("{place}, line {number}"), Val::from(text))?;
        } else {
            json::read(&Bytes::from(std::mem::take(&mut line)), place, number, &mut |value| found(place, value))?;
        }
        line.clear();
    }
    Ok(())
}
