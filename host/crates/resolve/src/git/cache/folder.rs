//! A private folder with a secret in it.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{CacheError, at};

pub(super) const KEY_BYTES: usize = 32;
const KEY: &str = "key";
const OTHERS: u32 = 0o077;

/// Makes a folder that nobody else can look into, unless it is there.
pub(super) fn make(folder: &Path) -> Result<(), CacheError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))
}

/// Opens a folder, which is made if it is missing, and returns its secret.
pub(super) fn open(folder: &Path) -> Result<[u8; KEY_BYTES], CacheError> {
    make(folder)?;
    check_private(folder, &std::fs::symlink_metadata(folder).map_err(at(folder))?)?;
    let path = folder.join(KEY);
    let key = match open_key(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(folder, &path).and_then(|()| open_key(&path)),
        other => other,
    };
    let key = key.map_err(at(&path))?;
    check_private(&path, &key.metadata().map_err(at(&path))?)?;
    let mut bytes = Vec::new();
    key.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(at(&path))?;
    bytes.try_into().map_err(|_| CacheError::DamagedKey { path })
}

fn open_key(path: &Path) -> io::Result<File> {
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

fn check_private(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if owner != rustix::process::geteuid().as_raw() || mode & OTHERS != 0 {
        return Err(CacheError::NotPrivate { path: path.to_owned(), owner, mode });
    }
    Ok(())
}
