//! Fetched trees on disk, shared by processes of the same user.
//!
//! ```text
//! git/key                        secret that keys of repositories are made with; mode 0600
//! git/trees/DIGEST/manifest      list of everything in the tree; its SHA-256 is DIGEST
//! git/trees/DIGEST/tree/         the tree
//! git/trees/DIGEST.lock          locked while it is used (shared) or removed (alone); its time is that of the last use
//! git/index/REPOSITORY/COMMIT    which tree a commit of a repository has
//! git/index/REPOSITORY/names     tags that were seen, for times when the repository cannot be reached
//! git/tmp/RANDOM, RANDOM.lock    what is being made or removed; without a lock on it, left by a killed process
//! ```
//!
//! `REPOSITORY` is a keyed hash over address and credentials. So no credential is on disk, nor anything that one could be
//! guessed from, and what was fetched with a token is found with that token only. Everything is made below `tmp` and
//! moved into place, so a process may be killed at any moment: there is a whole entry or none. Every file is verified
//! against the manifest before a job uses a tree, since steps run as the same user and can write anywhere.

mod entry;
mod evict;
mod index;
mod lease;
mod lock;
pub(crate) mod store;
mod temporary;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use stepwell_private::{KEY_BYTES, PrivateFolder};
use tempfile::TempDir;

pub use entry::{Entry, Prune, Pruned};
pub use stepwell_private::NotUsable as CacheError;
pub use verify::Damage;

pub(crate) use index::RepositoryKey;
pub(crate) use lease::{Lease, Leased};
pub(crate) use temporary::Temporary;

use super::failure::Failure;

const TREES: &str = "trees";
const INDEX: &str = "index";
const TEMPORARIES: &str = "tmp";
const MANIFEST: &str = "manifest";
const TREE: &str = "tree";

/// A folder with fetched trees.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    key: [u8; KEY_BYTES],
    /// Removes the folder where it is that of one job alone.
    _scratch: Option<TempDir>,
}

impl Cache {
    /// Opens the part for git of a cache folder, `git` in it. What is missing is made, folders with mode 0700.
    ///
    /// # Errors
    /// See [`CacheError`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, CacheError> {
        let folder = folder.as_ref();
        let root = std::path::absolute(folder).map_err(at(folder))?.join("git");
        let key = *PrivateFolder::open(&root)?.key();
        for part in [TREES, INDEX, TEMPORARIES] {
            let part = root.join(part);
            stepwell_private::make(&part).map_err(at(&part))?;
        }
        Ok(Self { root, key, _scratch: None })
    }

    /// Makes a cache for one job, which is removed with the last that uses it.
    pub(crate) fn scratch(folder: &Path) -> Result<Self, CacheError> {
        stepwell_private::make(folder).map_err(at(folder))?;
        let scratch = tempfile::Builder::new().prefix("stepwell-git-").tempdir_in(folder);
        let scratch = scratch.map_err(|cause| CacheError::Inaccessible { path: folder.to_owned(), cause })?;
        let cache = Self::open(scratch.path())?;
        Ok(Self { _scratch: Some(scratch), ..cache })
    }

    fn trees(&self) -> PathBuf {
        self.root.join(TREES)
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        let (path, cause) = match error {
            CacheError::Inaccessible { path, cause } => (path, cause.to_string()),
            CacheError::NotPrivate { path, .. } => (path, "it is not private to this user".to_owned()),
            CacheError::DamagedKey { path } => (path, "the key is damaged; remove its folder".to_owned()),
        };
        stepwell_plan::FetchError::Storage { path, cause }.into()
    }
}

/// Puts the path to an error of the file system.
fn at(path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    |cause| CacheError::Inaccessible { path, cause }
}

/// Takes the absence of a file as an answer.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
