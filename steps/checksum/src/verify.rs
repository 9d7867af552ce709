//! Verifying a manifest.

use stepwell_sdk::{Failure, FailureKind, Kind, Step};

use crate::Request;
use crate::algorithm::Algorithm;
use crate::manifest::{self, Line};

/// Most mismatches that a failure lists; the host keeps 32 causes. All of them are in the log.
const MAX_LISTED: usize = 31;

/// Compares each file of the manifest, and returns the lines if all match.
pub(crate) fn verify(
    request: &Request,
    step: &Step,
    algorithm: Algorithm,
    manifest: &str,
) -> Result<Vec<Line>, Failure> {
    if !request.paths.is_empty() {
        return Err(Failure::invalid_input("input `paths` is for `create`; to verify, the manifest names the files"));
    }
    let lines = manifest::parse(&step.read_to_string(manifest)?, algorithm, manifest)?;
    if lines.is_empty() {
        return Err(Failure::failed(format!("`{manifest}` names no file")));
    }
    let mut mismatches = Vec::new();
    for line in &lines {
        if let Some(mismatch) = compare(step, algorithm, line)? {
            step.error(&mismatch);
            mismatches.push(mismatch);
        }
    }
    if mismatches.is_empty() { Ok(lines) } else { Err(failure(manifest, lines.len(), &mismatches)) }
}

/// Returns what is wrong with a file, if anything. What the host denies is no mismatch.
fn compare(step: &Step, algorithm: Algorithm, line: &Line) -> Result<Option<String>, Failure> {
    let path = &line.path;
    match step.entry(path).map(|entry| entry.kind) {
        Ok(Kind::File(_)) => {
            let found = algorithm.of_file(step, path)?;
            Ok((found != line.digest).then(|| format!("`{path}` has the digest {found}, not {}", line.digest)))
        }
        Ok(Kind::Folder | Kind::Link | Kind::Other) => Ok(Some(format!("`{path}` is not a file"))),
        Err(failure) if failure.kind() == FailureKind::Denied => Err(failure),
        Err(_) => Ok(Some(format!("`{path}` is missing"))),
    }
}

fn failure(manifest: &str, files: usize, mismatches: &[String]) -> Failure {
    let count = mismatches.len();
    let failure = Failure::failed(format!("{count} of {files} files do not match `{manifest}`"));
    let failure = mismatches.iter().take(MAX_LISTED).fold(failure, |failure, mismatch| failure.cause(mismatch));
    match count.saturating_sub(MAX_LISTED) {
        0 => failure,
        more => failure.cause(format!("and {more} more, listed in the log")),
    }
}
