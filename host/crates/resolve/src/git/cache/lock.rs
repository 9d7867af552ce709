//! Locks on files that may be removed while somebody waits for them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

/// A lock, held until it is dropped. The system gives it up for a process that is killed.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes a lock that others may take as well, making its file if it is missing. Whoever holds it alone does so for
    /// the moment of moving a tree away.
    pub(super) fn shared(path: &Path) -> io::Result<Self> {
        loop {
            let file = open(path, true)?;
            file.lock_shared()?;
            if is_still_there(&file, path)? {
                return Ok(Self(file));
            }
        }
    }

    /// Takes a lock alone; none if somebody else has it, or if there is no file.
    pub(super) fn alone(path: &Path) -> io::Result<Option<Self>> {
        let Some(file) = super::if_there(open(path, false))? else { return Ok(None) };
        Self::try_alone(file, path)
    }

    /// Makes the file of a lock and takes it alone; none if somebody was faster.
    pub(super) fn new_alone(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Self::try_alone(file, path)
    }

    fn try_alone(file: File, path: &Path) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) if is_still_there(&file, path)? => Ok(Some(Self(file))),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Sets the time of the last use to now.
    pub(super) fn touch(&self) -> io::Result<()> {
        self.0.set_modified(SystemTime::now())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just starting has a copy of the file until it executes
        // its program. Where this fails, the copy keeps the lock for that moment.
        let _ = self.0.unlock();
    }
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create(create).truncate(false).mode(0o600).open(path)
}

/// Tells whether a path still leads to an open file: a lock on one that was removed locks nothing.
fn is_still_there(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    let now = super::if_there(std::fs::symlink_metadata(path))?;
    Ok(now.is_some_and(|now| (now.dev(), now.ino()) == (opened.dev(), opened.ino())))
}
