//! The function `archive`: packs a folder into one file, and unpacks one.
//!
//! In go a folder and a name; out come one file of the same bytes for the same content, or the files of an archive, none
//! of them outside of the destination. Formats are tar.gz and zip. The crate refuses to know times, owners and modes:
//! WebAssembly shows none of them, and two runs are to give the same file.

#![forbid(unsafe_code)]

mod content;
mod create;
mod digest;
mod entry;
mod extract;
mod format;
mod tar_gz;
mod zip_file;

use stepwell_sdk::{Failure, Input, Kind, Level, Output, Step, Value, WorkPath, step};

use crate::format::Format;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = "create")]
    action: Action,
    source: WorkPath,
    #[input(default = "dist")]
    destination: WorkPath,
    #[input(default = "")]
    name: String,
    #[input(default = "")]
    format: String,
    #[input(default = [])]
    include: Vec<String>,
    #[input(default = "")]
    prefix: String,
    #[input(default = [])]
    executable: Vec<String>,
}

/// What is done.
#[derive(Clone, Copy, Debug, Value)]
enum Action {
    Create,
    Extract,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Path of the archive, relative to the work dir.
    archive: String,
    /// Size of the archive.
    bytes: u64,
    /// Files and links packed or unpacked.
    files: u64,
    /// Digest of the archive, in hexadecimal.
    sha256: String,
}

/// Packs a folder into one file, or unpacks one.
///
/// # Errors
///
/// A failure that names the input, the file or the entry at fault.
#[step(needs(
    read("${{ inputs.source }}", reason = "reads what is packed or the archive"),
    write(
        "${{ inputs.destination }}",
        bytes = "8GiB",
        files = 200_000,
        reason = "writes the archive or what is unpacked"
    ),
    clock(none),
    random(none),
    limits(cpu = "5m", wall = "15m"),
))]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let (archive, files) = match request.action {
        Action::Create => create::create(&request, step)?,
        Action::Extract => extract::extract(&request, step)?,
    };
    let bytes = match step.entry(&archive)?.kind {
        Kind::File(bytes) => bytes,
        Kind::Folder | Kind::Link | Kind::Other => return Err(Failure::failed(format!("`{archive}` is not a file"))),
    };
    let sha256 = digest::sha256(step, &archive)?;
    step.log(Level::Info, &archive, &[("files", &files), ("bytes", &bytes)]);
    Ok(Response { archive, bytes, files, sha256 })
}

#[cfg(test)]
mod tests;
