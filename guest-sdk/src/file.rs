//! Files by the paths that job authors write, with errors that name the path.
//!
//! A guest has no working directory of its own. The granted parts of the job's work dir lie below [`WORK`], under the
//! path they have there; so `dist/x` is `/work/dist/x`.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::failure::is_denial;
use crate::{Failure, FailureKind};

/// The guest path of the job's work dir.
pub(crate) const WORK: &str = "/work";

/// The only roots that a host gives a guest.
#[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "the fake has one root, the work dir"))]
pub(crate) const ROOTS: [&str; 4] = [WORK, "/step", "/tmp", "/out"];

/// What is wanted of a path; decides the word in a message and the key in its hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look at it: a file's content, a folder's list.
    Read,
    /// To make, change or remove it.
    Write,
}

impl Access {
    /// Returns the verb, which is also the key below `spec.needs`.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl Failure {
    /// Returns the failure to reach a file, with the path in its message.
    ///
    /// The kind is denied if the host refused the path or no granted path covers it, and failed otherwise. The path is
    /// the one the job's author wrote.
    pub fn of_file(access: Access, path: impl AsRef<Path>, error: &(dyn std::error::Error + 'static)) -> Self {
        let path = path.as_ref();
        if is_denial(error) {
            return Self::denied_path(access, path).caused_by(error);
        }
        Self::failed(format!("cannot {} `{}`", access.verb(), path.display())).caused_by(error)
    }

    /// Returns the failure that no grant covers a path.
    pub fn denied_path(access: Access, path: impl AsRef<Path>) -> Self {
        let (verb, path) = (access.verb(), path.as_ref().display());
        Self::new(FailureKind::Denied, format!("no grant to {verb} `{path}`"))
            .hint(format!("add it under `spec.needs.{verb}` of the function file"))
    }
}

/// Returns the failure for a path that no function can be given.
pub(crate) fn outside(access: Access, path: &Path) -> Failure {
    Failure::denied_path(access, path)
        .hint("give a path relative to the job's work dir, which is all a function can see")
}

/// Returns `path` below `root`, without `.` parts. An absolute path stays what it is.
pub(crate) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path).components().filter(|part| *part != Component::CurDir).collect()
}

/// Returns the failure for an error of a helper, knowing the located path as well.
///
/// "Not found" below a root that was granted is just that. Where neither the path nor anything above it can be seen, no
/// preopen covers it, and the C library of WASI says "not found" all the same.
pub(crate) fn fail(access: Access, asked: &Path, located: &Path, error: &io::Error) -> Failure {
    let unseen = error.kind() == io::ErrorKind::NotFound && !is_covered(located);
    if unseen { Failure::denied_path(access, asked) } else { Failure::of_file(access, asked, error) }
}

fn is_covered(path: &Path) -> bool {
    path.ancestors().filter(|above| above.parent().is_some()).any(|above| fs::symlink_metadata(above).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_job_authors_lie_below_the_root() {
        #[track_caller]
        fn check(path: &str, expected: &str) {
            assert_eq!(below(Path::new(WORK), Path::new(path)), Path::new(expected));
        }
        check("dist/a.tar.gz", "/work/dist/a.tar.gz");
        check("./dist//a", "/work/dist/a");
        check(".", "/work");
        check("", "/work");
        check("a/../b", "/work/a/../b");
        check("/work/dist", "/work/dist");
        check("/etc/passwd", "/etc/passwd");
    }

    #[test]
    fn a_refusal_says_which_need_to_add() {
        let error: io::Error = io::ErrorKind::PermissionDenied.into();
        let failure = Failure::of_file(Access::Write, "dist/x", &error);
        assert_eq!(failure.kind(), FailureKind::Denied);
        assert_eq!(failure.message(), "no grant to write `dist/x`");
        assert_eq!(failure.hint_text(), Some("add it under `spec.needs.write` of the function file"));
    }

    #[test]
    fn another_error_is_a_plain_failure() {
        let failure = Failure::of_file(Access::Read, "dist/x", &io::Error::other("input/output error"));
        assert_eq!(failure.kind(), FailureKind::Failed);
        assert_eq!(failure.to_string(), "cannot read `dist/x`: input/output error");
    }

    #[test]
    fn nothing_visible_above_means_no_grant() {
        let error: io::Error = io::ErrorKind::NotFound.into();
        let failure = fail(Access::Read, Path::new("src"), Path::new("/no-such-root/src"), &error);
        assert_eq!(failure.kind(), FailureKind::Denied);
        let folder = tempfile::tempdir().expect("a folder for the test");
        let failure = fail(Access::Read, Path::new("src"), &folder.path().join("src"), &error);
        assert_eq!(failure.kind(), FailureKind::Failed);
    }
}
