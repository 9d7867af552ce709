//! Paths inside the job's work dir.

use std::fmt;
use std::path::Path;

use serde::Serialize;

/// Longest path, in bytes: as long as the system takes. Policies look at every folder on the way to it.
pub const MAX_PATH_BYTES: usize = 4_096;

/// A path inside the job's work dir, normalised by its text alone: relative, forward slashes, no empty part, no `.` or
/// `..`. The work dir itself is the empty list of parts, written `.`.
///
/// That no link leads out of the work dir is for whoever opens the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct WorkPath(String);

/// Why a text is no path inside the work dir.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWorkPath {
    /// It leaves the work dir.
    #[error("`{0}` lies outside the job's work dir")]
    Outside(String),
    /// It holds a NUL.
    #[error("`{0}` holds a NUL character")]
    Nul(String),
    /// It is longer than [`MAX_PATH_BYTES`].
    #[error("a path of {0} bytes is longer than the limit of {MAX_PATH_BYTES}")]
    TooLong(usize),
}

impl WorkPath {
    /// Normalises a path. A relative path starts at the work dir; an absolute one must lie inside it.
    ///
    /// # Errors
    /// See [`InvalidWorkPath`].
    pub fn parse(text: &str, work_dir: &Path) -> Result<Self, InvalidWorkPath> {
        if text.contains('\0') {
            return Err(InvalidWorkPath::Nul(text.to_owned()));
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(InvalidWorkPath::TooLong(text.len()));
        }
        let outside = || InvalidWorkPath::Outside(text.to_owned());
        let relative = match text.strip_prefix('/') {
            None => text,
            Some(_) => {
                let inside = Path::new(text).strip_prefix(work_dir).map_err(|_| outside())?;
                inside.to_str().ok_or_else(outside)?
            }
        };
        let mut parts = Vec::new();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(outside)?;
                }
                name => parts.push(name),
            }
        }
        Ok(Self(if parts.is_empty() { ".".to_owned() } else { parts.join("/") }))
    }

    /// Returns the path with forward slashes; the work dir itself is `.`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether this is the work dir itself.
    pub fn is_work_dir(&self) -> bool {
        self.0 == "."
    }

    /// Tells whether `other` is this folder or lies inside it, by text.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_work_dir() || other.0.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for WorkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORK_DIR: &str = "/job/work";

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let parsed = WorkPath::parse(text, Path::new(WORK_DIR)).ok();
        assert_eq!(parsed.as_ref().map(WorkPath::as_str), expected, "{text:?}");
    }

    #[test]
    fn normal_form() {
        check("", Some("."));
        check(".", Some("."));
        check("./", Some("."));
        check("src", Some("src"));
        check("./src//lib/", Some("src/lib"));
        check("a/../b/./c", Some("b/c"));
        check("a/..", Some("."));
        check("/job/work", Some("."));
        check("/job/work/", Some("."));
        check("/job/work/a/../b", Some("b"));
        check("/job//work/a", Some("a"));
        check("...", Some("..."));
        check("a b/ü", Some("a b/ü"));
    }

    #[test]
    fn outside() {
        check("..", None);
        check("../work", None);
        check("a/../..", None);
        check("/", None);
        check("/job", None);
        check("/job/workshop", None);
        check("/job/work/../work", None);
        check("/job/other/../work", None);
        check("a\0b", None);
    }

    #[test]
    fn length_has_a_limit() {
        check(&"a".repeat(MAX_PATH_BYTES), Some(&"a".repeat(MAX_PATH_BYTES)));
        check(&"a".repeat(MAX_PATH_BYTES + 1), None);
    }

    #[test]
    fn containment_is_by_whole_parts() {
        let path = |text: &str| WorkPath::parse(text, Path::new(WORK_DIR)).unwrap();
        assert!(path("a").contains(&path("a")));
        assert!(path("a").contains(&path("a/b")));
        assert!(path(".").contains(&path("a")));
        assert!(!path("a").contains(&path("ab")));
        assert!(!path("a/b").contains(&path("a")));
        assert!(!path("a").contains(&path(".")));
    }

    /// Folders `a` and `b` in each other, as deep as the paths below go.
    fn tree(folder: &Path, depth: usize) {
        for name in ["a", "b"] {
            let inner = folder.join(name);
            std::fs::create_dir_all(&inner).unwrap();
            if depth > 1 {
                tree(&inner, depth - 1);
            }
        }
    }

    /// The file system is the model: a path leads where the system finds it, and what the system finds outside is no path.
    #[test]
    fn the_system_finds_the_same() {
        let outside = tempfile::tempdir().unwrap();
        let work = outside.path().canonicalize().unwrap().join("work");
        tree(&work, 6);
        proptest!(|(parts in proptest::collection::vec(prop_oneof!["a", "b", "[.]", "[.][.]", ""], 0..6))| {
            let text = parts.join("/");
            // A path that starts at the root is another test's.
            let text = text.trim_start_matches('/');
            match WorkPath::parse(text, &work) {
                Ok(path) => {
                    let found = work.join(text).canonicalize().unwrap();
                    prop_assert_eq!(&work.join(path.as_str()).canonicalize().unwrap(), &found);
                    prop_assert!(found.starts_with(&work));
                }
                // It was outside on the way, wherever it ended.
                Err(_) => prop_assert!(parts.iter().any(|part| part == "..")),
            }
        });
    }

    proptest! {
        #[test]
        fn normal_form_is_stable(text in "[a./]{0,12}") {
            if let Ok(path) = WorkPath::parse(&text, Path::new(WORK_DIR)) {
                prop_assert_eq!(WorkPath::parse(path.as_str(), Path::new(WORK_DIR)), Ok(path.clone()));
                prop_assert!(path.is_work_dir() || path.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
