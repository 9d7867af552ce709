//! Whether a tree on disk is still what was fetched.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use stepwell_schema::Digest;

use super::{MANIFEST, TREE};
use crate::git::manifest::{Entry, Manifest};
use crate::git::tree::on_disk;
use crate::regular_file::{self, Stamp};

/// Most bytes of a manifest that are read: 100,000 files with the longest paths.
const MAX_MANIFEST_BYTES: u64 = 1 << 30;
const OWNER_EXECUTES: u32 = 0o100;
/// How much of a file is hashed at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// What is wrong with a tree in the cache. Paths are from the root of the tree.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The tree is not there.
    #[error("it is not there")]
    Gone,
    /// The list of files is missing or is not that of this tree.
    #[error("its list of files is damaged")]
    Manifest,
    /// A file, link or folder is missing.
    #[error("`{}` is missing", .0.display())]
    Missing(PathBuf),
    /// A file, link or folder is not what it was.
    #[error("`{}` has been changed", .0.display())]
    Changed(PathBuf),
    /// There is more than there was; the paths that are too many, at least one.
    #[error("`{}` has been added", .0[0].display())]
    Added(Vec<PathBuf>),
    /// It cannot be read.
    #[error("`{}` cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// A tree that is what was fetched.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) manifest: Manifest,
    /// What everything in it was just before it was looked at, folders included.
    stamps: Vec<(PathBuf, Stamp)>,
}

/// Reads a whole entry of the cache and compares it with its manifest, and that with the digest.
pub(super) fn verify(entry: &Path, digest: &Digest) -> Result<Verified, Damage> {
    let manifest = read_manifest(entry, digest)?;
    let root = entry.join(TREE);
    let folders = manifest.folders();
    let mut walk = Walk::new(&root, &manifest, &folders);
    walk.run()?;
    let Walk { stamps, seen, added, .. } = walk;
    let all = manifest.entries.keys().map(Vec::as_slice).chain(folders.iter().copied());
    if let Some(missing) = all.into_iter().find(|path| !seen.contains(*path)) {
        return Err(Damage::Missing(on_disk(Path::new(""), missing)));
    }
    if added.is_empty() { Ok(Verified { manifest, stamps }) } else { Err(Damage::Added(added)) }
}

impl Verified {
    /// Tells, without reading any of it, whether nothing has been written to the tree since it was verified.
    pub(super) fn is_unchanged(&self) -> bool {
        let is_same = |(path, stamp): &(PathBuf, Stamp)| {
            fs::symlink_metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == *stamp)
        };
        self.stamps.iter().all(is_same)
    }
}

fn read_manifest(entry: &Path, digest: &Digest) -> Result<Manifest, Damage> {
    let file = regular_file::open(&entry.join(MANIFEST)).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound if !entry.exists() => Damage::Gone,
        _ => Damage::Manifest,
    })?;
    let (bytes, _) = regular_file::read(file, MAX_MANIFEST_BYTES).map_err(|_| Damage::Manifest)?;
    if Digest::of(&bytes) != *digest {
        return Err(Damage::Manifest);
    }
    std::str::from_utf8(&bytes).ok().and_then(Manifest::parse).ok_or(Damage::Manifest)
}

struct Walk<'v> {
    root: &'v Path,
    manifest: &'v Manifest,
    folders: &'v BTreeSet<&'v [u8]>,
    seen: BTreeSet<Vec<u8>>,
    stamps: Vec<(PathBuf, Stamp)>,
    added: Vec<PathBuf>,
}

impl<'v> Walk<'v> {
    fn new(root: &'v Path, manifest: &'v Manifest, folders: &'v BTreeSet<&'v [u8]>) -> Self {
        Self { root, manifest, folders, seen: BTreeSet::new(), stamps: Vec::new(), added: Vec::new() }
    }

    fn run(&mut self) -> Result<(), Damage> {
        let mut open = vec![Vec::new()];
        while let Some(folder) = open.pop() {
            let on_disk = on_disk(self.root, &folder);
            let metadata = fs::symlink_metadata(&on_disk).map_err(|cause| self.unreadable(&folder, cause))?;
            if !metadata.is_dir() {
                return Err(self.changed(&folder));
            }
            self.stamps.push((on_disk.clone(), Stamp::of(&metadata)));
            for entry in fs::read_dir(&on_disk).map_err(|cause| self.unreadable(&folder, cause))? {
                let entry = entry.map_err(|cause| self.unreadable(&folder, cause))?;
                let mut path = folder.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(entry.file_name().as_bytes());
                self.entry(path, &entry.path(), &mut open)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: Vec<u8>, on_disk: &Path, open: &mut Vec<Vec<u8>>) -> Result<(), Damage> {
        let metadata = fs::symlink_metadata(on_disk).map_err(|cause| self.unreadable(&path, cause))?;
        let is_same = match self.manifest.entries.get(&path) {
            Some(Entry::File { executable, bytes, sha256 }) => {
                is_file(&metadata, *executable, *bytes)
                    && hash(on_disk).map_err(|cause| self.unreadable(&path, cause))? == *sha256
            }
            Some(Entry::Link { target }) => {
                fs::read_link(on_disk).is_ok_and(|actual| actual.as_os_str().as_bytes() == target)
            }
            Some(Entry::Submodule) => metadata.is_dir(),
            None if self.folders.contains(path.as_slice()) => metadata.is_dir(),
            None => {
                self.added.push(relative(&path));
                return Ok(());
            }
        };
        if !is_same {
            return Err(self.changed(&path));
        }
        if metadata.is_dir() {
            open.push(path.clone());
        } else {
            self.stamps.push((on_disk.to_owned(), Stamp::of(&metadata)));
        }
        self.seen.insert(path);
        Ok(())
    }

    fn changed(&self, path: &[u8]) -> Damage {
        Damage::Changed(relative(path))
    }

    fn unreadable(&self, path: &[u8], cause: io::Error) -> Damage {
        Damage::Unreadable { path: relative(path), cause }
    }
}

fn relative(path: &[u8]) -> PathBuf {
    on_disk(Path::new(""), path)
}

fn is_file(metadata: &Metadata, executable: bool, bytes: u64) -> bool {
    metadata.is_file() && metadata.len() == bytes && (metadata.mode() & OWNER_EXECUTES != 0) == executable
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = fs::OpenOptions::new().read(true).custom_flags(regular_file::open_flags()).open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().into()),
            length => hash.update(&piece[..length]),
        }
    }
}
