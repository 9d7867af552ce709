//! Folders for what is being made or removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::{Cache, TEMPORARIES, if_there};
use crate::git::manifest::hex;

const LOCK_ENDING: &str = ".lock";

/// An empty folder of our own, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: Lock,
}

impl Cache {
    pub(crate) fn temporary(&self) -> io::Result<Temporary> {
        loop {
            let mut name = [0; 8];
            getrandom::fill(&mut name).map_err(io::Error::other)?;
            let folder = self.root.join(TEMPORARIES).join(hex(&name));
            let lock_path = lock_path(&folder);
            // Between being made and being locked, the file looks like one that was left behind.
            if let Some(lock) = Lock::new_alone(&lock_path)? {
                fs::create_dir(&folder)?;
                return Ok(Temporary { folder, lock_path, _lock: lock });
            }
        }
    }

    /// Removes what killed processes have left. What cannot be removed is left for another time.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join(TEMPORARIES))?.flatten() {
            let path = entry.path();
            match path.to_str().and_then(|path| path.strip_suffix(LOCK_ENDING)) {
                Some(folder) => {
                    if let Some(lock) = Lock::alone(&path)? {
                        remove(Path::new(folder), &path);
                        drop(lock);
                    }
                }
                // The lock is made before the folder and removed after it.
                None if !lock_path(&path).exists() => remove(&path, &lock_path(&path)),
                None => {}
            }
        }
        Ok(())
    }
}

impl Temporary {
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.folder, &self.lock_path);
    }
}

fn lock_path(folder: &Path) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(LOCK_ENDING);
    path.into()
}

fn remove(folder: &Path, lock_path: &Path) {
    let gone = if_there(remove_all(folder)).is_ok();
    if gone {
        // A lock without a folder is swept away by the next fetch.
        let _ = fs::remove_file(lock_path);
    }
}

/// Removes a file, a link, or a folder with all that is in it.
pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
