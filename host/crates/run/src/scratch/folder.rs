//! A folder that is locked while its job lives, and the removal of those whose jobs do not.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::TempDir;

/// What the name of each folder begins with.
const PREFIX: &str = "stepwell-job-";

/// Most entries of the parent that are looked at for folders of dead engines, so that a full one holds no job up: some
/// milliseconds.
const MAX_LOOKED_AT: usize = 10_000;

/// A folder of mode 0700 under a name that cannot collide; removed when it is dropped.
///
/// Who holds it has it locked (`flock`, on the folder itself), and the kernel gives the lock back with the process. So a
/// folder that can be locked belongs to nobody who lives.
#[derive(Debug)]
pub(super) struct Folder {
    folder: TempDir,
    lock: File,
}

impl Folder {
    /// Makes an empty folder in `parent`, and removes what engines of this user that were killed left there.
    ///
    /// # Errors
    /// It cannot be made. What cannot be removed stays.
    pub(super) fn new_in(parent: &Path) -> io::Result<Self> {
        let folder = Self::make(parent)?;
        sweep(parent, &folder);
        Ok(folder)
    }

    fn make(parent: &Path) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new()
                .prefix(PREFIX)
                .rand_bytes(16)
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(parent)?;
            // Another engine that sweeps may come between two of our steps and take the folder for a dead one.
            let lock = match open(folder.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => {}
                Ok(()) if !folder.path().exists() => {}
                // Where nobody can lock nobody sweeps either.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self { folder, lock }),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes everything, also folders that a step made and locked.
    ///
    /// # Errors
    /// Something cannot be removed, such as a folder of another user.
    pub(super) fn close(self) -> io::Result<()> {
        remove(self.folder.path())
    }
}

/// Removes the folders of engines that live no more, as far as they are this user's.
fn sweep(parent: &Path, own: &Folder) {
    let Ok(user) = own.lock.metadata().map(|metadata| metadata.uid()) else { return };
    let entries = fs::read_dir(parent).into_iter().flatten().take(MAX_LOOKED_AT).flatten();
    for entry in entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())) {
        if let Ok(dead) = open(&entry.path())
            && dead.metadata().is_ok_and(|metadata| metadata.uid() == user)
            && dead.try_lock().is_ok()
        {
            // What cannot be removed is left to the next one.
            let _ = remove(&entry.path());
        }
    }
}

/// Opens a folder without following a link.
fn open(folder: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    #[expect(clippy::cast_possible_wrap, reason = "the bits of these flags are far below the sign bit")]
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(folder)
}

fn remove(folder: &Path) -> io::Result<()> {
    fs::remove_dir_all(folder).or_else(|_| {
        unlock(folder.to_owned());
        fs::remove_dir_all(folder)
    })
}

/// Gives the owner all rights to a folder and the folders below it. What cannot be changed is found when it is removed.
fn unlock(folder: PathBuf) {
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        // The type is that of the entry itself: links are not followed.
        folders.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
}
