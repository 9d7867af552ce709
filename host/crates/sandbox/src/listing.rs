//! The names in a folder, told one at a time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;

use rustix::fs::{AtFlags, Dir, FileType};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};
use wasmtime_wasi::p2::{FsError, FsResult};

/// A folder that a guest lists. wasmtime's own holds all names at once, and a guest may hold as many of those as it may
/// hold handles; this one holds what the system tells in one call.
pub(crate) struct Listing {
    names: Dir,
    sorted: Option<Sorted>,
}

/// Names that a sorted listing holds at once; the folder is read anew for the next ones. A guest may hold as many listings as
/// handles, so they are few.
const MAX_HELD_NAMES: usize = 256;

/// The next names of a sorted listing.
#[derive(Default)]
struct Sorted {
    /// In reverse order.
    held: Vec<Named>,
    last: Option<String>,
    is_over: bool,
}

struct Named(DirectoryEntry);

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Named {}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name.cmp(&other.0.name)
    }
}

impl Listing {
    /// Starts to list a folder. Nothing is read yet.
    pub(crate) fn open(folder: &std::fs::File) -> io::Result<Self> {
        Ok(Self { names: Dir::read_from(folder)?, sorted: None })
    }

    /// As [`Listing::open`], with the names in the order of their bytes.
    pub(crate) fn open_sorted(folder: &std::fs::File) -> io::Result<Self> {
        Ok(Self { sorted: Some(Sorted::default()), ..Self::open(folder)? })
    }

    /// Returns the next name and what it names, links as links; none at the end.
    ///
    /// # Errors
    /// The file system's; a name that is not UTF-8.
    pub(crate) fn next(&mut self) -> FsResult<Option<DirectoryEntry>> {
        let Some(sorted) = &mut self.sorted else { return self.next_of_folder() };
        if let Some(Named(next)) = sorted.held.pop() {
            return Ok(Some(next));
        }
        if sorted.is_over {
            return Ok(None);
        }
        let last = sorted.last.take();
        let held = self.smallest_after(last.as_deref())?;
        let is_over = held.len() < MAX_HELD_NAMES;
        let last = held.first().map(|named| named.0.name.clone());
        let sorted = self.sorted.insert(Sorted { held, last, is_over });
        Ok(sorted.held.pop().map(|Named(next)| next))
    }

    /// Reads the whole folder and returns the first names after the last one that was told, in reverse order.
    fn smallest_after(&mut self, last: Option<&str>) -> FsResult<Vec<Named>> {
        let mut smallest = BinaryHeap::with_capacity(MAX_HELD_NAMES + 1);
        self.names.rewind();
        while let Some(entry) = self.next_of_folder()? {
            if last.is_none_or(|last| entry.name.as_str() > last) {
                smallest.push(Named(entry));
                if smallest.len() > MAX_HELD_NAMES {
                    smallest.pop();
                }
            }
        }
        let mut smallest = smallest.into_sorted_vec();
        smallest.reverse();
        Ok(smallest)
    }

    fn next_of_folder(&mut self) -> FsResult<Option<DirectoryEntry>> {
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
    fn sorted_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut expected: Vec<String> = (0..MAX_HELD_NAMES * 2 + 10).map(|number| format!("file-{number}")).collect();
        expected.iter().for_each(|name| std::fs::write(folder.path().join(name), "").unwrap());
        expected.sort();
        let mut listing = Listing::open_sorted(&std::fs::File::open(folder.path()).unwrap()).unwrap();
        let mut found = Vec::new();
        while let Some(entry) = listing.next().unwrap() {
            found.push(entry.name);
        }
        assert_eq!(found, expected);
        assert!(listing.next().unwrap().is_none());
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
