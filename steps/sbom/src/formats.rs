//! The lock files that are known, told by their names.

mod cargo;
mod go;
mod npm;
mod pip;
mod poetry;
mod uv;
mod yarn;

use std::io::Read;

use stepwell_sdk::{Access, Failure, Step};
use toml::Table;

use crate::component::Components;

/// The names, for hints.
pub(crate) const NAMES: &str = "`Cargo.lock`, `go.mod`, `package-lock.json`, `npm-shrinkwrap.json`, `poetry.lock`, \
                                `requirements*.txt`, `uv.lock` and `yarn.lock`";

/// Largest lock file; the largest known have some ten MiB.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A format of lock files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Cargo,
    Go,
    Npm,
    Pip,
    Poetry,
    Uv,
    Yarn,
}

impl Format {
    /// Returns the format of a file's name.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next().unwrap_or(path) {
            "Cargo.lock" => Some(Self::Cargo),
            "go.mod" => Some(Self::Go),
            "package-lock.json" | "npm-shrinkwrap.json" => Some(Self::Npm),
            "poetry.lock" => Some(Self::Poetry),
            "uv.lock" => Some(Self::Uv),
            "yarn.lock" => Some(Self::Yarn),
            name if name.starts_with("requirements") && name.ends_with(".txt") => Some(Self::Pip),
            _ => None,
        }
    }

    /// Reads a lock file into the components.
    ///
    /// # Errors
    ///
    /// A failure that names the file and the place in it.
    pub(crate) fn read(self, step: &Step, path: &str, components: &mut Components) -> Result<(), Failure> {
        let text = text(step, path)?;
        match self {
            Self::Cargo => cargo::read(&table(path, &text)?, components).map_err(|problem| failure(path, problem)),
            Self::Go => go::read(step, path, &text, components),
            Self::Npm => npm::read(path, &text, components),
            Self::Pip => pip::read(step, path, &text, components),
            Self::Poetry => poetry::read(&table(path, &text)?, components).map_err(|problem| failure(path, problem)),
            Self::Uv => uv::read(&table(path, &text)?, components).map_err(|problem| failure(path, problem)),
            Self::Yarn => yarn::read(path, &text, components),
        }
    }
}

/// Returns the text of a file.
fn text(step: &Step, path: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = step.open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::of_file(Access::Read, path, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failure(path, format!("it has more than {} MiB", MAX_BYTES / 1024 / 1024)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        at(path, line, "it is not UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn table(path: &str, text: &str) -> Result<Table, Failure> {
    text.parse().map_err(|error: toml::de::Error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
        at(path, line, format!("not well-formed TOML: {:.200}", error.message()))
    })
}

fn failure(path: &str, problem: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{path}: {problem}"))
}

fn at(path: &str, line: usize, problem: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{path}, line {line}: {problem}"))
}

/// Returns the packages of a TOML lock file.
fn packages(table: &Table) -> Result<Vec<&Table>, String> {
    let packages = match table.get("package") {
        // A lock file of a project that needs nothing has none.
        None => return Ok(Vec::new()),
        Some(packages) => packages.as_array(),
    };
    let packages: Option<Vec<_>> = packages.and_then(|packages| packages.iter().map(toml::Value::as_table).collect());
    packages.ok_or_else(|| "`package` is no array of tables".to_owned())
}

/// Returns a text that a package must have.
fn required<'a>(package: &'a Table, key: &str, number: usize) -> Result<&'a str, String> {
    let text = package.get(key).and_then(toml::Value::as_str);
    text.ok_or_else(|| format!("package {} has no text `{key}`", number + 1))
}
