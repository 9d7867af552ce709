//! The function `changelog`: writes release notes from conventional commits.
//!
//! In go commits, from the job or from a log of git; out come notes in Markdown, grouped by what they change, and a new
//! section in a changelog if one is asked for. A log is read commit by commit, and only what is listed is kept. The crate
//! refuses to know git and the time.

#![forbid(unsafe_code)]

mod commits;
mod file;
mod links;
mod notes;

use std::collections::BTreeMap;

use stepwell_sdk::{Failure, Input, Level, Output, Step, step};

use crate::commits::Commit;
use crate::links::Links;
use crate::notes::Notes;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = [])]
    commits: Vec<Commit>,
    #[input(default = "")]
    source: String,
    #[input(default = "")]
    log: String,
    #[input(default = "")]
    version: String,
    #[input(default = "")]
    date: String,
    #[input(default = "")]
    url: String,
    #[input(default = "gitlab")]
    forge: String,
    #[input(default = {})]
    kinds: BTreeMap<String, String>,
    #[input(default = false)]
    others: bool,
    #[input(default = "")]
    destination: String,
    #[input(default = "CHANGELOG.md")]
    name: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// The notes in Markdown, without a heading of their own.
    text: String,
    /// The same below the heading of the version.
    section: String,
    /// Commits that are listed.
    commits: usize,
    /// Those of them that break something.
    breaking: usize,
    /// Path of the changelog, relative to the work dir; empty if none is asked for.
    file: String,
    /// Whether the changelog was changed.
    changed: bool,
}

/// Writes release notes from conventional commits.
///
/// # Errors
///
/// A failure that names the input, or the commit at fault.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    check_line("version", &request.version)?;
    check_line("date", &request.date)?;
    let links = Links::parse(&request.url, &request.forge)?;
    let path = file::path(&request)?;
    let mut notes = Notes::new(&request.kinds, request.others)?;
    commits::each(&request, step, &mut |id, message| notes.add(&links, id, message))?;
    let text = notes.text();
    let section = format!("{}\n\n{text}", heading(&request));
    let changed = match &path {
        None => false,
        Some(path) => file::add(step, path, &heading(&request), &section)?,
    };
    if changed {
        step.log(Level::Info, path.as_deref().unwrap_or_default(), &[("commits", &notes.commits())]);
    }
    Ok(Response {
        text,
        section,
        commits: notes.commits(),
        breaking: notes.breaking(),
        file: path.unwrap_or_default(),
        changed,
    })
}

/// Returns the heading of the section, as Keep a Changelog has it.
fn heading(request: &Request) -> String {
    match (request.version.as_str(), request.date.as_str()) {
        ("", _) => "## [Unreleased]".to_owned(),
        (version, "") => format!("## [{version}]"),
        (version, date) => format!("## [{version}] - {date}"),
    }
}

fn check_line(input: &str, text: &str) -> Result<(), Failure> {
    if text.contains(|character: char| character.is_control() || matches!(character, '[' | ']')) {
        return Err(Failure::invalid_input(format!("input `{input}` is {text:?}, which cannot stand in a heading")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
