//! The function `sbom`: a CycloneDX bill of materials from lock files.
//!
//! In go the lock files of Cargo, npm, Yarn 1, pip, Poetry, uv and Go; out comes one bill with each component once: name,
//! version, package URL, digests, and what depends on what. The same files give the same bytes: serial number and time are
//! in it only as they are asked for. The crate refuses to ask registries, and to guess what a lock file does not say.

#![forbid(unsafe_code)]

mod bill;
mod component;
mod formats;
mod purl;

use sha2::{Digest, Sha256};
use stepwell_sdk::{Failure, Input, Level, Output, Step, path, step};
use stepwell_step_parts::files;

use crate::bill::Subject;
use crate::component::Components;
use crate::formats::Format;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = ".")]
    source: String,
    #[input(default = [])]
    files: Vec<String>,
    name: String,
    #[input(default = "")]
    version: String,
    #[input(default = "dist")]
    destination: String,
    #[input(default = "bom.json")]
    file: String,
    #[input(default = "")]
    serial: String,
    #[input(default = "")]
    time: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Path of the bill, relative to the work dir.
    file: String,
    /// Components in it.
    components: usize,
    /// Digest of the bill, in hexadecimal.
    sha256: String,
}

/// Writes a CycloneDX bill of materials from lock files.
///
/// # Errors
///
/// A failure that names the input, or the lock file and the place in it.
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let subject = Subject::new(&request.name, &request.version, &request.serial, &request.time)?;
    if !path::stays_inside(&request.file) {
        return Err(Failure::invalid_input(format!("input `file` is `{}`, no path in the destination", request.file)));
    }
    let mut components = Components::default();
    for (path, format) in lock_files(&request, step)? {
        let before = components.len();
        format.read(step, &path, &mut components)?;
        step.log(Level::Info, &path, &[("components", &(components.len() - before))]);
        step.check_cancelled()?;
    }
    let text = bill::text(&subject, &components);
    let file = path::join(&request.destination, &request.file);
    step.write(&file, &text)?;
    let sha256 = hexadecimal(&Sha256::digest(&text));
    step.log(Level::Info, &file, &[("components", &components.len()), ("sha256", &sha256)]);
    Ok(Response { file, components: components.len(), sha256 })
}

/// Returns the lock files with their formats.
fn lock_files(request: &Request, step: &Step) -> Result<Vec<(String, Format)>, Failure> {
    let paths = if request.files.is_empty() {
        let names = step.list(&request.source)?;
        names.iter().filter(|name| Format::of(name).is_some()).map(|name| path::join(&request.source, name)).collect()
    } else {
        files::choose(step, "files", &request.source, &request.files)?
    };
    let known = || format!("known are {}", formats::NAMES);
    if paths.is_empty() {
        return Err(Failure::failed(format!("there is no lock file in `{}`", request.source)).hint(known()));
    }
    let format = |path: String| match Format::of(&path) {
        Some(format) => Ok((path, format)),
        None => Err(Failure::invalid_input(format!("input `files` names `{path}`, no known lock file")).hint(known())),
    };
    paths.into_iter().map(format).collect()
}

/// Returns bytes in lower-case hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
