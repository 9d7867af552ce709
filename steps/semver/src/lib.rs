//! The function `semver`: reads, compares and raises versions.
//!
//! In go a version, or the tags of a repository, and what is asked about it; out come its parts, how it compares, whether
//! it satisfies a range, and the next version, by name or by conventional commits. The rules are those of Semantic
//! Versioning 2.0.0. The crate refuses to know git: it reads the messages that it is given.

#![forbid(unsafe_code)]

mod bump;
mod commits;
mod version;

use stepwell_sdk::{Failure, Input, Output, Step, step};

use crate::bump::Bump;
use crate::commits::Commit;
use crate::version::{Range, Tag};

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = "")]
    version: String,
    #[input(default = [])]
    versions: Vec<String>,
    #[input(default = "")]
    other: String,
    #[input(default = "")]
    range: String,
    #[input(default = false)]
    check: bool,
    #[input(default = "")]
    bump: String,
    #[input(default = "")]
    prerelease: String,
    #[input(default = "")]
    build: String,
    #[input(default = [])]
    commits: Vec<Commit>,
    #[input(default = "")]
    source: String,
    #[input(default = "")]
    log: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// The version without v before it.
    version: String,
    /// Its first part.
    major: u64,
    /// Its second part.
    minor: u64,
    /// Its third part.
    patch: u64,
    /// What follows its hyphen; empty for a release.
    prerelease: String,
    /// What follows its plus sign.
    build: String,
    /// Versions as they were written, the smallest first.
    sorted: Vec<String>,
    /// -1 where the version is less than the other, 1 where it is greater, else 0.
    order: i8,
    /// Whether it satisfies the range; without a range true.
    satisfies: bool,
    /// What was raised: major, minor, patch, prerelease, release or none.
    bump: String,
    /// The next version, with v where the version has it; empty if none is asked for.
    next: String,
}

/// Reads, compares and raises versions.
///
/// # Errors
///
/// A failure that names the input, or the commit of the log, at fault.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let sorted = version::sorted(&request.versions);
    let range = Range::parse(&request.range)?;
    let tag = choose(&request, &sorted, &range)?;
    let satisfies = range.matches(&tag.version);
    if request.check && !satisfies {
        return Err(Failure::failed(format!("`{}` does not satisfy `{}`", tag.version, request.range)));
    }
    let order = match request.other.as_str() {
        "" => 0,
        other => tag.version.cmp_precedence(&Tag::parse("other", other)?.version) as i8,
    };
    let (bump, next) = next(&request, step, &tag)?;
    Ok(Response {
        version: tag.version.to_string(),
        major: tag.version.major,
        minor: tag.version.minor,
        patch: tag.version.patch,
        prerelease: tag.version.pre.to_string(),
        build: tag.version.build.to_string(),
        sorted: sorted.iter().map(ToString::to_string).collect(),
        order,
        satisfies,
        bump: bump.name().to_owned(),
        next,
    })
}

/// Returns the version given, else the greatest of those that satisfy the range.
fn choose(request: &Request, sorted: &[Tag], range: &Range) -> Result<Tag, Failure> {
    match (request.version.as_str(), request.versions.as_slice()) {
        ("", []) => Err(Failure::invalid_input("input `version` is missing")
            .hint("give a version, or the input `versions` to take the greatest of them")),
        ("", versions) => {
            let found = sorted.iter().rev().find(|tag| range.matches(&tag.version));
            found.cloned().ok_or_else(|| {
                let problem = format!("none of {} in input `versions` is a version that is asked for", versions.len());
                Failure::failed(problem).hint("versions are `1.2.3` or `v1.2.3`, and the input `range` has to match")
            })
        }
        (version, _) => Tag::parse("version", version),
    }
}

/// Returns what is raised, and the next version as text.
fn next(request: &Request, step: &Step, tag: &Tag) -> Result<(Bump, String), Failure> {
    let unused =
        |input: &str, of: &str| Failure::invalid_input(format!("input `{input}` is given, but `bump` is not {of}"));
    let bump = match request.bump.as_str() {
        "auto" => commits::bump(request, step, &tag.version)?,
        _ if !request.commits.is_empty() => return Err(unused("commits", "`auto`")),
        _ if !request.log.is_empty() => return Err(unused("log", "`auto`")),
        "" if !request.prerelease.is_empty() => return Err(unused("prerelease", "given")),
        "" if !request.build.is_empty() => return Err(unused("build", "given")),
        "" => return Ok((Bump::None, String::new())),
        name => Bump::parse(name)?,
    };
    let next = bump.next(&tag.version, &request.prerelease, &request.build)?;
    Ok((bump, format!("{}{next}", tag.prefix)))
}

#[cfg(test)]
mod tests;
