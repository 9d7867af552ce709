//! The function `checksum`: writes and verifies manifests of digests, in the form of `sha256sum`.
//!
//! In go files and folders; out come a manifest with one line for each file, sorted by path, and a digest to pass on. All
//! paths, those in the manifest too, are relative to the job's work dir, so that `sha256sum --check` run there agrees. The
//! crate refuses to follow links.

#![forbid(unsafe_code)]

mod algorithm;
mod create;
mod manifest;
mod verify;

use stepwell_sdk::{Failure, Input, Level, Output, Step, Value, WorkPath, step};

use crate::algorithm::Algorithm;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = "create")]
    action: Action,
    #[input(default = ".")]
    root: WorkPath,
    #[input(default = [])]
    paths: Vec<WorkPath>,
    #[input(default = "")]
    manifest: Option<WorkPath>,
    #[input(default = "sha256")]
    algorithm: Algorithm,
}

/// What is done with a manifest.
#[derive(Clone, Copy, Debug, Value)]
enum Action {
    Create,
    Verify,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Path of the manifest, relative to the work dir.
    manifest: WorkPath,
    /// Digest of the file, if there is one; of the manifest, if there are several.
    digest: String,
    /// Files in the manifest.
    files: usize,
}

/// Writes a manifest of digests, or verifies one.
///
/// # Errors
///
/// A failure that names the input, the line or each file at fault.
#[step(needs(
    write(
        "${{ inputs.root }}",
        bytes = "64MiB",
        files = 2,
        reason = "reads the files and writes the manifest beside them"
    ),
    clock(none),
    random(none),
    limits(cpu = "5m", wall = "15m"),
))]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let algorithm = request.algorithm;
    let manifest = manifest_path(&request)?;
    let lines = match request.action {
        Action::Create => create::create(&request, step, algorithm, manifest.as_str())?,
        Action::Verify => verify::verify(&request, step, algorithm, manifest.as_str())?,
    };
    let digest = match lines.as_slice() {
        [only] => only.digest.clone(),
        _ => algorithm.of_file(step, manifest.as_str())?,
    };
    step.log(Level::Info, &manifest, &[("files", &lines.len())]);
    Ok(Response { manifest, digest, files: lines.len() })
}

fn manifest_path(request: &Request) -> Result<WorkPath, Failure> {
    let Some(given) = &request.manifest else { return request.root.join(request.algorithm.manifest_name()) };
    check_inside(request, "manifest", given)?;
    Ok(given.clone())
}

/// Refuses a path that does not lie in the root, which is all that this function asks for.
fn check_inside(request: &Request, input: &str, path: &WorkPath) -> Result<(), Failure> {
    if request.root.holds(path) {
        return Ok(());
    }
    let problem = format!("input `{input}` names `{path}`, which does not lie in the root `{}`", request.root);
    Err(Failure::invalid_input(problem)
        .hint("paths are relative to the work dir; input `root` is the folder they lie in"))
}

#[cfg(test)]
mod tests;
