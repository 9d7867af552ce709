//! The files that an `include: local` means.

use std::path::{Component, Path};

use glob::{MatchOptions, Pattern};
use stepwell_schema::pipeline::Included;

use crate::request;

/// As GitLab has it: `*` stays within a folder, and hidden files are not found by it.
const MATCHES: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Reads the files of a path from the root of the project, which may hold `*` and `**`; in the order of their names.
/// Messages show them from where the user stands, `current`.
pub(super) fn files(root: &Path, current: &Path, written: &str) -> Included {
    let below = written.trim_start_matches('/');
    if Path::new(below).components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err("it leads out of the project".to_owned());
    }
    let pattern = format!("{}/{below}", Pattern::escape(&root.to_string_lossy()));
    let found = glob::glob_with(&pattern, MATCHES).map_err(|error| error.msg.to_owned())?;
    let mut sources = Vec::new();
    for path in found {
        let path = path.map_err(|error| error.to_string())?;
        let real = path.canonicalize().map_err(|error| error.to_string())?;
        if !real.starts_with(root) {
            return Err("a link leads out of the project".to_owned());
        }
        if real.is_file() {
            let shown = path.strip_prefix(current).unwrap_or(&path);
            sources.push(request::read_as(&path, shown).map_err(|problems| problems.to_string())?);
        }
    }
    if sources.is_empty() { Err(format!("there is no file `{below}` in the project")) } else { Ok(sources) }
}
