//! Finding the file of a program.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::refusal::Refusal;

/// Finds the file of a program as section 5.6 of the contract says. `path` is the step's `PATH`, none where it has
/// none. The file has a slash and is relative to `directory` unless absolute.
///
/// A name with a slash is the file, whether it is there or not. Any other name is looked for in each folder of `path`;
/// an empty folder is the working directory, as in a shell. Without a `PATH` nothing is found.
///
/// # Errors
/// [`Refusal::NotInPath`] where no folder has an executable file of that name.
pub(crate) fn look_up(name: &str, path: Option<&str>, directory: &Path) -> Result<PathBuf, Refusal> {
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let candidates: Vec<PathBuf> = folders(name, path).map(|folder| folder.join(name)).collect();
    let in_directory = |file: &PathBuf| directory.join(file);
    match candidates.iter().find(|file| is_executable(&in_directory(file))) {
        Some(file) => Ok(file.clone()),
        None => Err(Refusal::NotInPath {
            program: name.to_owned(),
            path: path.map(str::to_owned),
            not_executable: candidates.iter().map(in_directory).find(|file| file.is_file()),
        }),
    }
}

/// Returns the folders to search; none for an empty name, which would find the folders themselves.
fn folders<'a>(name: &str, path: Option<&'a str>) -> impl Iterator<Item = &'a Path> {
    let path = path.filter(|path| !path.is_empty() && !name.is_empty());
    path.into_iter()
        .flat_map(|path| path.split(':'))
        .map(|folder| Path::new(if folder.is_empty() { "." } else { folder }))
}

/// Tells whether a file, links followed, may be executed by this process.
pub(crate) fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::look_up;
    use crate::refusal::Refusal;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    /// `first/plain` is not executable, `first/folder` is a folder, `first/tool` and `second/tool` are programs, so is
    /// `second/folder`, and `here`.
    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, mode) in [
            ("first/plain", 0o644),
            ("first/tool", 0o755),
            ("second/tool", 0o755),
            ("second/folder", 0o755),
            ("here", 0o755),
        ] {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(root.path().join("first/folder")).unwrap();
        root
    }

    #[track_caller]
    fn check(root: &Path, name: &str, path: Option<&str>, expected: Option<&str>) {
        assert_eq!(look_up(name, path, root).ok(), expected.map(PathBuf::from), "{name} in {path:?}");
    }

    #[test]
    fn the_first_executable_file_is_found() {
        let root = folder();
        let root = root.path();
        check(root, "tool", Some("first:second"), Some("first/tool"));
        check(root, "tool", Some("second:first"), Some("second/tool"));
        check(root, "tool", Some("missing:second"), Some("second/tool"));
        check(root, "folder", Some("first:second"), Some("second/folder"));
        check(root, "plain", Some("first:second"), None);
        check(root, "here", Some("first:"), Some("./here"));
        check(root, "here", Some("first"), None);
        check(root, "tool", None, None);
        check(root, "here", Some(""), None);
        check(root, "", Some("first"), None);
        let absolute = root.join("first");
        check(root, "tool", absolute.to_str(), absolute.join("tool").to_str());
    }

    #[test]
    fn a_name_with_a_slash_is_the_file() {
        let nowhere = Path::new("/nowhere");
        check(nowhere, "./tool", Some("first"), Some("./tool"));
        check(nowhere, "a/b", None, Some("a/b"));
        check(nowhere, "/bin/sh", None, Some("/bin/sh"));
    }

    #[test]
    fn a_near_miss_is_told() {
        let root = folder();
        let Err(Refusal::NotInPath { not_executable, .. }) = look_up("plain", Some("first"), root.path()) else {
            panic!("it is not executable");
        };
        assert_eq!(not_executable, Some(root.path().join("first/plain")));
    }
}
