//! Telling a pipeline from a job list and from a function file.

use crate::source::Source;

/// How the names of pipeline files end.
const FILE_NAMES: [&str; 2] = [".gitlab-ci.yml", ".gitlab-ci.yaml"];

/// Keywords at the top level of a pipeline, which cannot be the name of a job, and which no other document has.
pub(crate) const PIPELINE_KEYS: [&str; 10] = [
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "stages",
    "variables",
    "workflow",
];

/// Keys at the top level of job lists and function files.
const OTHER_KEYS: [&str; 4] = ["exec", "run", "steps", "wasm"];

/// Keys of a job of a pipeline that say what it does.
const JOB_KEYS: [&str; 4] = ["extends", "run", "script", "trigger"];

/// Tells whether a document is a pipeline rather than a job list or a function file.
///
/// Looks at the name, which decides where it ends with `.gitlab-ci.yml`, then at the keys in the first columns of the
/// lines, without reading YAML. A text that could be several is taken for a job list or function, as is one that begins
/// with a bracket: no pipeline is written in that way.
pub fn is_pipeline(source: &Source) -> bool {
    if FILE_NAMES.iter().any(|name| source.name().ends_with(name)) {
        return true;
    }
    let mut found = false;
    let mut in_key = false;
    for line in source.text().lines() {
        let indented = line.starts_with(' ');
        match key(line) {
            Some(key) if !indented && OTHER_KEYS.contains(&key) => return false,
            Some(key) if !indented => {
                found |= PIPELINE_KEYS.contains(&key);
                in_key = true;
            }
            Some(key) => found |= in_key && JOB_KEYS.contains(&key),
            // A list or bracket in the first column.
            None if line.starts_with(['-', '[', '{']) && !line.starts_with("---") => return false,
            None => {}
        }
    }
    found
}

/// Returns the key that a line begins with behind its indentation.
fn key(line: &str) -> Option<&str> {
    let (key, rest) = line.trim_start_matches(' ').split_once(':')?;
    let plain = !key.is_empty() && !key.starts_with(['#', '-', '[', '{']);
    (plain && (rest.is_empty() || rest.starts_with([' ', '\t']))).then(|| key.trim_matches(['"', '\'']))
}
