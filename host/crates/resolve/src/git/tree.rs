//! The tree of a commit: what is in it, whether all of it may be written to disk, and writing it.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository, Tree};
use stepwell_plan::{FetchError, FetchLimit};

use super::excerpt::excerpt_of_bytes;
use super::failure::Failure;
use super::links;
use super::manifest::{self, Manifest};
use super::settings::GitSettings;
use super::watch::Watch;

/// Longest path from the root of a tree, in bytes: half of what a system call takes (`PATH_MAX`), so that there is room
/// for the cache folder in front of it.
const MAX_PATH_BYTES: usize = 2_048;
/// Longest name, in bytes, on all usual file systems (`NAME_MAX`).
const MAX_NAME_BYTES: usize = 255;
/// Longest target of a link, in bytes (`PATH_MAX`, less the NUL at its end).
const MAX_TARGET_BYTES: u64 = 4_095;

/// Largest commit or list of one folder that is read, in bytes: a folder with a million files. Such objects are held in
/// memory, and their length comes from whoever made them.
const MAX_OBJECT_BYTES: usize = 64 << 20;

const KIND_BITS: i32 = 0o170_000;
const FOLDER: i32 = 0o040_000;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;
const FILE: i32 = 0o100_000;
const EXECUTABLE_BIT: i32 = 0o100;

/// All entries of a tree by their paths from the root, with slashes.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) entries: BTreeMap<Vec<u8>, Entry>,
}

/// One entry of a tree.
#[derive(Debug)]
pub(crate) enum Entry {
    Folder,
    File { blob: Oid, executable: bool },
    Link { target: Vec<u8> },
    Submodule,
}

impl Listing {
    /// Lists the tree of a commit and checks all of it: names, links, and the limits.
    pub(crate) fn read(
        repository: &Repository,
        commit: Oid,
        settings: &GitSettings,
        watch: &Watch,
    ) -> Result<Self, Failure> {
        check_length(repository, commit)?;
        let tree = find_tree(repository, repository.find_commit(commit)?.tree_id())?;
        let mut reader = Reader { repository, settings, listing: Self::default(), bytes: 0 };
        let mut open = vec![(Vec::new(), 0, tree)];
        while let Some((path, depth, tree)) = open.pop() {
            watch.check()?;
            reader.folder(&path, depth, &tree, &mut open)?;
        }
        links::check(&reader.listing).map_err(|(path, why)| unsafe_entry(&path, why))?;
        Ok(reader.listing)
    }

    /// Writes the tree into a new folder, links last, so that nothing is ever written through one.
    pub(crate) fn write(&self, repository: &Repository, root: &Path, watch: &Watch) -> Result<Manifest, Failure> {
        let mut manifest = Manifest::default();
        make_folder(root)?;
        for (path, entry) in &self.entries {
            watch.check()?;
            let on_disk = on_disk(root, path);
            match entry {
                Entry::Folder => {}
                Entry::Submodule => {
                    make_parents(root, &on_disk)?;
                    make_folder(&on_disk)?;
                    manifest.entries.insert(path.clone(), manifest::Entry::Submodule);
                }
                Entry::File { blob, executable } => {
                    make_parents(root, &on_disk)?;
                    // Raw: no filter and no conversion of line ends.
                    let blob = repository.find_blob(*blob)?;
                    write_file(&on_disk, blob.content(), *executable)
                        .map_err(|cause| Failure::storage(&on_disk, &cause))?;
                    let entry = manifest::Entry::file(blob.content(), *executable);
                    manifest.entries.insert(path.clone(), entry);
                }
                Entry::Link { target } => {
                    manifest.entries.insert(path.clone(), manifest::Entry::Link { target: target.clone() });
                }
            }
        }
        for (path, entry) in &self.entries {
            if let Entry::Link { target } = entry {
                let on_disk = on_disk(root, path);
                make_parents(root, &on_disk)?;
                symlink(Path::new(std::ffi::OsStr::from_bytes(target)), &on_disk)
                    .map_err(|cause| Failure::storage(&on_disk, &cause))?;
            }
        }
        Ok(manifest)
    }
}

struct Reader<'r> {
    repository: &'r Repository,
    settings: &'r GitSettings,
    listing: Listing,
    bytes: u64,
}

impl<'r> Reader<'r> {
    fn folder(
        &mut self,
        path: &[u8],
        depth: u64,
        tree: &Tree<'r>,
        open: &mut Vec<(Vec<u8>, u64, Tree<'r>)>,
    ) -> Result<(), Failure> {
        for entry in tree {
            let mut path = path.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.name_bytes());
            if let Some(why) = refused_name(entry.name_bytes(), &path) {
                return Err(unsafe_entry(&path, why));
            }
            let mode = entry.filemode_raw();
            let listed = match mode & KIND_BITS {
                FOLDER if depth >= self.settings.folder_depth => {
                    return Err(Failure::over(FetchLimit::Depth, self.settings.folder_depth));
                }
                FOLDER => {
                    open.push((path.clone(), depth + 1, find_tree(self.repository, entry.id())?));
                    Entry::Folder
                }
                FILE => {
                    self.count_bytes(entry.id())?;
                    Entry::File { blob: entry.id(), executable: mode & EXECUTABLE_BIT != 0 }
                }
                LINK if self.count_bytes(entry.id())? > MAX_TARGET_BYTES => {
                    return Err(unsafe_entry(&path, "is a link without a valid target"));
                }
                LINK => Entry::Link { target: self.repository.find_blob(entry.id())?.content().to_vec() },
                SUBMODULE => Entry::Submodule,
                _ => return Err(unsafe_entry(&path, "is of an unknown kind")),
            };
            if self.listing.entries.len() as u64 >= self.settings.files {
                return Err(Failure::over(FetchLimit::Files, self.settings.files));
            }
            if self.listing.entries.insert(path.clone(), listed).is_some() {
                return Err(unsafe_entry(&path, "stands there twice"));
            }
        }
        Ok(())
    }

    /// Counts the length of a blob, before any of it is read, and returns it.
    fn count_bytes(&mut self, blob: Oid) -> Result<u64, Failure> {
        let (bytes, kind) = self.repository.odb()?.read_header(blob)?;
        if kind != ObjectType::Blob {
            return Err(FetchError::Repository("a file of the tree is no file".to_owned()).into());
        }
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.settings.tree_bytes {
            return Err(Failure::over(FetchLimit::TreeBytes, self.settings.tree_bytes));
        }
        Ok(bytes as u64)
    }
}

fn find_tree(repository: &Repository, id: Oid) -> Result<Tree<'_>, Failure> {
    check_length(repository, id)?;
    Ok(repository.find_tree(id)?)
}

fn check_length(repository: &Repository, id: Oid) -> Result<(), Failure> {
    match repository.odb()?.read_header(id)? {
        (bytes, _) if bytes > MAX_OBJECT_BYTES => {
            Err(FetchError::Repository(format!("object {id} is too long")).into())
        }
        _ => Ok(()),
    }
}

/// Says what is wrong with a name. git itself never makes such names; a tree that is made by hand can hold them.
fn refused_name(name: &[u8], path: &[u8]) -> Option<&'static str> {
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        Some("has a name that no file can have")
    } else if name == b"." || name == b".." || name.eq_ignore_ascii_case(b".git") {
        Some("has a name that no file of a repository may have")
    } else if name.len() > MAX_NAME_BYTES || path.len() > MAX_PATH_BYTES {
        Some("has a name that is too long")
    } else {
        None
    }
}

fn unsafe_entry(path: &[u8], why: &'static str) -> Failure {
    FetchError::UnsafeEntry { path: excerpt_of_bytes(path), why }.into()
}

/// Returns where an entry of a tree is on disk.
pub(crate) fn on_disk(root: &Path, path: &[u8]) -> PathBuf {
    root.join(Path::new(std::ffi::OsStr::from_bytes(path)))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|cause| Failure::storage(path, &cause))
}

fn make_parents(root: &Path, path: &Path) -> Result<(), Failure> {
    match path.parent() {
        Some(folder) if folder != root && !folder.is_dir() => make_folder(folder),
        Some(_) | None => Ok(()),
    }
}

fn write_file(path: &Path, content: &[u8], executable: bool) -> io::Result<()> {
    let mode = if executable { 0o755 } else { 0o644 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(content)
}
