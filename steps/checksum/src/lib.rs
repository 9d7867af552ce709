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

use stepwell_sdk::{Failure, Input, Level, Output, Step, path, step};

use crate::algorithm::Algorithm;

/// What is asked. `func.yml` describes each input.
#[derive(Input)]
pub struct Request {
    #[input(default = "create")]
    action: String,
    #[input(default = ".")]
    root: String,
    #[input(default = [])]
    paths: Vec<String>,
    #[input(default = "")]
    manifest: String,
    #[input(default = "sha256")]
    algorithm: String,
}

/// What came of it.
#[derive(Debug, Output)]
pub struct Response {
    /// Path of the manifest, relative to the work dir.
    manifest: String,
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
#[step]
pub fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
    let algorithm = Algorithm::parse(&request.algorithm)?;
    let manifest = manifest_path(&request, algorithm)?;
    let lines = match request.action.as_str() {
        "create" => create::create(&request, step, algorithm, &manifest)?,
        "verify" => verify::verify(&request, step, algorithm, &manifest)?,
        other => {
            let problem = format!("input `action` is `{other}`");
            return Err(Failure::invalid_input(problem).hint("it is `create` or `verify`"));
        }
    };
    let digest = match lines.as_slice() {
        [only] => only.digest.clone(),
        _ => algorithm.of_file(step, &manifest)?,
    };
    step.log(Level::Info, &manifest, &[("files", &lines.len())]);
    Ok(Response { manifest, digest, files: lines.len() })
}

fn manifest_path(request: &Request, algorithm: Algorithm) -> Result<String, Failure> {
    let given = match request.manifest.as_str() {
        "" => path::join(&request.root, algorithm.manifest_name()),
        given => path::tidy(given),
    };
    check_inside(request, "manifest", &given)?;
    Ok(given)
}

/// Refuses a path that does not lie in the root, which is all that this function asks for.
fn check_inside(request: &Request, input: &str, path: &str) -> Result<(), Failure> {
    let inside = path::below(&request.root, path).is_some_and(|below| below.is_empty() || path::stays_inside(&below));
    if inside {
        return Ok(());
    }
    let problem = format!("input `{input}` names `{path}`, which does not lie in the root `{}`", request.root);
    Err(Failure::invalid_input(problem)
        .hint("paths are relative to the work dir; input `root` is the folder they lie in"))
}

#[cfg(test)]
mod tests;
