//! Paths of references, by their text alone.

use std::path::{Path, PathBuf};

/// The ending that makes the last part of a reference a file name. No other does, not even `.yaml`.
const FILE_ENDING: &str = ".yml";

/// A reference to a file, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilePath {
    /// The folder, absolute if `base` is; without `.`, `..` or empty parts.
    pub(crate) folder: PathBuf,
    /// The file, if one is named.
    pub(crate) file: Option<String>,
}

impl FilePath {
    /// Takes a path apart that starts at `base` unless it is absolute.
    pub(crate) fn parse(path: &str, base: &Path) -> Self {
        let (folder, file) = match path.rsplit_once('/') {
            Some((folder, last)) if last.ends_with(FILE_ENDING) => (format!("{folder}/"), Some(last.to_owned())),
            None if path.ends_with(FILE_ENDING) => (String::new(), Some(path.to_owned())),
            Some(_) | None => (path.to_owned(), None),
        };
        let mut whole = if folder.starts_with('/') { PathBuf::from("/") } else { base.to_owned() };
        for part in folder.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    whole.pop();
                }
                name => whole.push(name),
            }
        }
        Self { folder: whole, file }
    }
}

/// Returns the normal form of a path that stays beneath where it starts, by its text; none for one that does not, and
/// for one that names nothing.
pub(crate) fn beneath(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    if path.starts_with('/') || path.contains('\0') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, folder: &str, file: Option<&str>) {
        let expected = FilePath { folder: PathBuf::from(folder), file: file.map(str::to_owned) };
        assert_eq!(FilePath::parse(path, Path::new("/job")), expected, "{path:?}");
    }

    #[test]
    fn references() {
        check(".", "/job", None);
        check("./", "/job", None);
        check("./a/b", "/job/a/b", None);
        check("./a//b/", "/job/a/b", None);
        check("../x", "/x", None);
        check("../../../x", "/x", None);
        check("./a/../b", "/job/b", None);
        check("/opt/steps/x", "/opt/steps/x", None);
        check("/", "/", None);
        check("./funcs/release/dry-run.yml", "/job/funcs/release", Some("dry-run.yml"));
        check("./func.yml", "/job", Some("func.yml"));
        check("/func.yml", "/", Some("func.yml"));
        check("./a.yaml", "/job/a.yaml", None);
        check("./a.yml/", "/job/a.yml", None);
    }

    #[test]
    fn beneath_a_folder() {
        assert_eq!(beneath("a.wasm").as_deref(), Some("a.wasm"));
        assert_eq!(beneath("./b/../a.wasm").as_deref(), Some("a.wasm"));
        for path in ["", ".", "/a", "../a", "a/../../b", "a\0"] {
            assert_eq!(beneath(path), None, "{path:?}");
        }
    }
}
