//! Writing a manifest.

use stepwell_sdk::{Failure, Kind, Step};

use crate::algorithm::Algorithm;
use crate::manifest::{self, Line};
use crate::{Request, check_inside};

/// Writes the manifest and returns its lines, sorted by path. The manifest itself is not in it.
pub(crate) fn create(
    request: &Request,
    step: &Step,
    algorithm: Algorithm,
    manifest: &str,
) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for path in files(request, step)? {
        if path != manifest {
            lines.push(Line { digest: algorithm.of_file(step, &path)?, path });
        }
    }
    if lines.is_empty() {
        return Err(Failure::failed(format!("there is no file to put into `{manifest}`")));
    }
    step.write(manifest, manifest::text(&lines))?;
    Ok(lines)
}

fn files(request: &Request, step: &Step) -> Result<Vec<String>, Failure> {
    let roots = if request.paths.is_empty() { std::slice::from_ref(&request.root) } else { &request.paths };
    let mut files = Vec::new();
    for root in roots {
        check_inside(request, "paths", root)?;
        for entry in step.walk(root)? {
            match entry.kind {
                Kind::File(_) => files.push(entry.path),
                Kind::Folder => {}
                Kind::Link => step.warn(format!("`{}` is a link and is left out", entry.path)),
                Kind::Other => step.warn(format!("`{}` is neither file nor folder and is left out", entry.path)),
            }
        }
    }
    files.sort_unstable();
    files.dedup();
    Ok(files)
}
