//! The shell of scripts.

use std::path::{Path, PathBuf};

use crate::look_up::is_executable;
use crate::refusal::Refusal;

/// Where shells are looked for, in this order (section 6 of the contract); never in a `PATH`.
pub(crate) const SHELL_FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// The shells, the better one first.
const SHELL_NAMES: [&str; 2] = ["bash", "sh"];

/// Finds the shell: `bash` in any of the folders, then `sh` in any of them.
///
/// # Errors
/// [`Refusal::NoShell`] where there is none.
pub(crate) fn find_shell(folders: &[impl AsRef<Path>]) -> Result<PathBuf, Refusal> {
    SHELL_NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.as_ref().join(name)))
        .find(|file| is_executable(file))
        .ok_or(Refusal::NoShell)
}

#[cfg(test)]
mod tests {
    use super::find_shell;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[track_caller]
    fn check(shells: &[(&str, u32)], expected: Option<&str>) {
        let root = tempfile::tempdir().unwrap();
        let folders = ["a", "b"].map(|folder| root.path().join(folder));
        for folder in &folders {
            fs::create_dir(folder).unwrap();
        }
        for (name, mode) in shells {
            fs::write(root.path().join(name), "").unwrap();
            fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(*mode)).unwrap();
        }
        assert_eq!(find_shell(&folders).ok(), expected.map(|name| root.path().join(name)));
    }

    #[test]
    fn any_bash_comes_before_any_sh() {
        check(&[("a/sh", 0o755), ("b/bash", 0o755)], Some("b/bash"));
        check(&[("a/bash", 0o755), ("b/bash", 0o755)], Some("a/bash"));
        check(&[("a/bash", 0o644), ("b/sh", 0o755)], Some("b/sh"));
        check(&[], None);
    }
}
