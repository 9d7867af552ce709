//! Copies of the program under another name.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::error::CommandError;
use super::surroundings;

/// Copies this program to `folder` under `name`, mode 0755, in place of what was there; the folder is made where it is
/// missing. Nobody ever sees half of it, so it may be repeated while the old one runs.
///
/// # Errors
/// The folder or the file cannot be made.
pub(super) fn install(folder: &Path, name: &str) -> Result<PathBuf, CommandError> {
    let target = folder.join(name);
    copy(folder, &target).map_err(|cause| CommandError::file("cannot install", &target, cause))?;
    Ok(target)
}

fn copy(folder: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut program = fs::File::open(surroundings::program()?)?;
    let mut copy = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempfile_in(folder)?;
    io::copy(&mut program, &mut copy)?;
    // The mode of a new file is less the umask.
    copy.as_file().set_permissions(Permissions::from_mode(0o755))?;
    copy.persist(target)?;
    Ok(())
}
