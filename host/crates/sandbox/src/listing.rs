//! The names in a folder, told one at a time.

use std::io;

use rustix::fs::{AtFlags, Dir, FileType};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};
use wasmtime_wasi::p2::{FsError, FsResult};

/// A folder that a guest lists. wasmtime's own holds all names at once, and a guest may hold as many of those as it may
/// hold handles; this one holds what the system tells in one call.
pub(crate) struct Listing {
    names: Dir,
}

impl Listing {
    /// Starts to list a folder. Nothing is read yet.
    pub(crate) fn open(folder: &std::fs::File) -> io::Result<Self> {
        Ok(Self { names: Dir::read_from(folder)? })
    }

    /// Returns the next name and what it names, links as links; none at the end.
    ///
    /// # Errors
    /// The file system's; a name that is not UTF-8.
    pub(crate) fn next(&mut self) -> FsResult<Option<DirectoryEntry>> {
        while let Some(entry) = self.names.next() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let type_ = match entry.file_type() {
                FileType::Unknown => {
                    let folder = self.names.fd().map_err(failed)?;
                    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
                    kind(FileType::from_raw_mode(stat.st_mode))
                }
                known => kind(known),
            };
            let name = name.to_str().map_err(|_| ErrorCode::IllegalByteSequence)?.to_owned();
            return Ok(Some(DirectoryEntry { type_, name }));
        }
        Ok(None)
    }
}

fn failed(errno: rustix::io::Errno) -> FsError {
    io::Error::from(errno).into()
}

fn kind(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn names_and_kinds() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        let mut listing = Listing::open(&std::fs::File::open(folder.path()).unwrap()).unwrap();
        let mut found = Vec::new();
        while let Some(entry) = listing.next().unwrap() {
            found.push((entry.name, entry.type_));
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let kinds = [DescriptorType::RegularFile, DescriptorType::Directory, DescriptorType::SymbolicLink];
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["file", "folder", "link"]);
        assert_eq!(found.iter().map(|(_, kind)| *kind).collect::<Vec<_>>(), kinds);
    }

    #[test]
    fn a_name_that_is_no_text_is_skipped_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
        let mut listing = Listing::open(&std::fs::File::open(folder.path()).unwrap()).unwrap();
        assert!(listing.next().is_err_and(|error| error.downcast_ref() == Some(&ErrorCode::IllegalByteSequence)));
        assert!(listing.next().unwrap().is_none());
    }
}
