//! Folders that are one user's alone, and the secret in them.
//!
//! **In:** a path. **Out:** a folder that nobody else can look into, with a secret that was made when it was; or why it
//! cannot be trusted. What lies in such a folder was put there by this user's processes, and with the secret it can be
//! told whether by our own. **Refuses to know:** what is kept there.
//!
//! May use: none of our crates.

#![forbid(unsafe_code)]

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Length of the secret.
pub const KEY_BYTES: usize = 32;

/// Name of the file with the secret.
const KEY_FILE: &str = "key";

/// Permissions of group and others.
const OTHERS: u32 = 0o077;

/// A folder that is this user's alone.
pub struct PrivateFolder {
    key: [u8; KEY_BYTES],
}

/// Why a folder cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum NotUsable {
    /// It, or the secret in it, cannot be made or read.
    #[error("`{}` cannot be used: {cause}", .path.display())]
    Inaccessible {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It belongs to somebody else, others may read or write it, or it is something else than a folder or file.
    #[error("`{}` is not private to this user (owner {owner}, mode {mode:03o})", .path.display())]
    NotPrivate {
        /// The folder or file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// The secret has the wrong length.
    #[error("the key `{}` is damaged; remove its folder", .path.display())]
    DamagedKey {
        /// The file.
        path: PathBuf,
    },
}

impl PrivateFolder {
    /// Opens a folder; it is made with mode 0700, and the secret in it with mode 0600, where they are missing. Of several
    /// processes that come first all get the same secret.
    ///
    /// # Errors
    /// See [`NotUsable`].
    pub fn open(folder: &Path) -> Result<Self, NotUsable> {
        make(folder).map_err(at(folder))?;
        check(folder, &std::fs::symlink_metadata(folder).map_err(at(folder))?, Metadata::is_dir)?;
        let path = folder.join(KEY_FILE);
        let key = match open_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_key(folder, &path).and_then(|()| open_file(&path))
            }
            other => other,
        };
        let key = key.map_err(at(&path))?;
        check(&path, &key.metadata().map_err(at(&path))?, Metadata::is_file)?;
        let mut bytes = Vec::new();
        key.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(at(&path))?;
        let key = bytes.try_into().map_err(|_| NotUsable::DamagedKey { path })?;
        Ok(Self { key })
    }

    /// Returns the secret.
    pub fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }
}

impl std::fmt::Debug for PrivateFolder {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateFolder").finish_non_exhaustive()
    }
}

/// Makes a folder that nobody else can look into, with those above it, unless it is there.
///
/// # Errors
/// The file system's.
pub fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Opens a file for reading, without following a link and without waiting for the other end of a pipe.
///
/// # Errors
/// The file system's.
pub fn open_file(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(path)
}

/// Makes the secret, unless another process was faster.
fn make_key(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Temporary files are made with mode 0600. One that a killed process leaves is as short as a key and stays.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn check(path: &Path, metadata: &Metadata, is_right_kind: fn(&Metadata) -> bool) -> Result<(), NotUsable> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if is_right_kind(metadata) && owner == rustix::process::geteuid().as_raw() && mode & OTHERS == 0 {
        return Ok(());
    }
    Err(NotUsable::NotPrivate { path: path.to_owned(), owner, mode })
}

fn at(path: &Path) -> impl Fn(io::Error) -> NotUsable {
    let path = path.to_owned();
    move |cause| NotUsable::Inaccessible { path: path.clone(), cause }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        (parent, folder)
    }

    #[test]
    fn the_secret_stays_and_nobody_else_can_read_it() {
        let (_parent, folder) = folder();
        let first = *PrivateFolder::open(&folder).unwrap().key();
        assert_eq!(&first, PrivateFolder::open(&folder).unwrap().key());
        assert_ne!(first, [0; KEY_BYTES]);
        for (path, mode) in [(folder.clone(), 0o700), (folder.join("key"), 0o600)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn what_others_can_reach_is_not_used() {
        let (_parent, folder) = folder();
        PrivateFolder::open(&folder).unwrap();
        fs::set_permissions(folder.join("key"), Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(PrivateFolder::open(&folder), Err(NotUsable::NotPrivate { mode: 0o640, .. })));
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(PrivateFolder::open(&folder), Err(NotUsable::NotPrivate { mode: 0o755, .. })));
    }

    #[test]
    fn links_and_short_secrets_are_not_used() {
        let (parent, folder) = folder();
        PrivateFolder::open(&folder).unwrap();
        let link = parent.path().join("link");
        symlink(&folder, &link).unwrap();
        assert!(matches!(PrivateFolder::open(&link), Err(NotUsable::NotPrivate { .. })));
        fs::write(folder.join("key"), "short").unwrap();
        assert!(matches!(PrivateFolder::open(&folder), Err(NotUsable::DamagedKey { .. })));
        fs::remove_file(folder.join("key")).unwrap();
        symlink("/dev/null", folder.join("key")).unwrap();
        assert!(matches!(PrivateFolder::open(&folder), Err(NotUsable::Inaccessible { .. })));
    }
}
