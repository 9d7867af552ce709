//! Reading regular files, and nothing but regular files, up to a limit.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What a file was when it was read. Two equal stamps of one path mean that nobody has written to it in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is longer than the limit: its length.
    TooLarge(u64),
    /// It cannot be read.
    Failed(io::Error),
}

/// Returns the flag that keeps the opening of a FIFO from waiting for a writer. Regular files know nothing of it.
pub(crate) fn open_flags() -> i32 {
    // Open flags are small positive numbers on every system.
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default()
}

/// Opens a file, following links.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Opening a device can have effects, so it is looked at first; what is opened is looked at again.
    check_regular(&std::fs::metadata(path)?)?;
    OpenOptions::new().read(true).custom_flags(open_flags()).open(path)
}

/// Reads an open file whose length is at most `limit_bytes`.
pub(crate) fn read(file: File, limit_bytes: u64) -> Result<(Vec<u8>, Stamp), Refused> {
    let metadata = file.metadata()?;
    check_regular(&metadata)?;
    if metadata.len() > limit_bytes {
        return Err(Refused::TooLarge(metadata.len()));
    }
    // The file may be growing: one byte over the limit is enough to know.
    let mut bytes = Vec::new();
    file.take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    let length = bytes.len() as u64;
    if length > limit_bytes { Err(Refused::TooLarge(length)) } else { Ok((bytes, Stamp::of(&metadata))) }
}

pub(crate) fn check_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")) }
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
