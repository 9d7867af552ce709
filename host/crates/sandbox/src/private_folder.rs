//! A folder of one call, gone after it whatever the guest made of it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// An empty folder that nobody but this user can enter. It is removed when this is dropped; by then nothing of the call
/// may run any more.
pub(crate) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Makes a folder below the scratch folder, with a name of its own.
    pub(crate) fn make(scratch: &Path, prefix: &str) -> io::Result<Self> {
        let private = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(prefix).permissions(private).tempdir_in(scratch)?;
        Ok(Self(folder.keep()))
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What cannot be removed is in the scratch folder, which goes with the job.
        let _ = remove(&self.0);
    }
}

/// Removes a folder and all in it. The library's own keeps a file open for each level, and a guest makes more levels
/// than a process may have open files; here each folder is moved up before it is emptied.
fn remove(top: &Path) -> io::Result<()> {
    let mut moved = 0;
    loop {
        let mut was_flat = true;
        for entry in fs::read_dir(top)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                was_flat = false;
                empty(top, &entry.path(), &mut moved)?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        if was_flat {
            return fs::remove_dir(top);
        }
    }
}

/// Removes a folder right below the top, moving the folders in it to the top.
fn empty(top: &Path, folder: &Path, moved: &mut u64) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::rename(entry.path(), free_name(top, moved))?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

fn free_name(top: &Path, moved: &mut u64) -> PathBuf {
    loop {
        *moved += 1;
        let path = top.join(format!("moved-{moved}"));
        if fs::symlink_metadata(&path).is_err() {
            return path;
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, OFlags};

    use super::*;

    #[test]
    fn everything_goes_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let outside = scratch.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        let folder = PrivateFolder::make(scratch.path(), "t-").unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir_all(folder.path().join("a/b/c")).unwrap();
        fs::create_dir_all(folder.path().join("moved-1/moved-2/moved-1")).unwrap();
        fs::write(folder.path().join("a/moved-2"), "").unwrap();
        fs::write(folder.path().join("moved-3"), "").unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join("a/link")).unwrap();
        drop(folder);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        assert!(outside.join("kept").exists());
    }

    #[test]
    fn any_depth() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::make(scratch.path(), "t-").unwrap();
        let name = "n".repeat(200);
        let mut level = rustix::fs::open(folder.path(), OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
        for _ in 0..2_000 {
            rustix::fs::mkdirat(&level, &name, Mode::RWXU).unwrap();
            level = rustix::fs::openat(&level, &name, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
        }
        drop((level, folder));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
