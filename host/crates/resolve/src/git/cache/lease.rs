//! Trees in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::Oid;
use stepwell_schema::Digest;

use super::lock::Lock;
use super::temporary::remove_all;
use super::verify::{Damage, Verified, verify};
use super::{Cache, RepositoryKey, TREE};
use crate::git::excerpt::excerpt;
use crate::git::failure::Failure;

/// A verified tree, kept from eviction until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    digest: Digest,
    root: PathBuf,
    verified: Mutex<Verified>,
    _lock: Lock,
    /// A cache of one job is removed with the last lease.
    cache: Arc<Cache>,
}

/// What was found of a commit in the cache.
#[derive(Debug)]
pub(crate) enum Leased {
    /// Its tree, and what was odd with it.
    Tree(Lease, Vec<String>),
    /// Nothing.
    Missing,
    /// A tree that is not what it was, and so is no tree: a sentence that says so.
    Damaged(String),
}

impl Cache {
    /// Returns the tree of a commit, verified.
    pub(crate) fn lease(self: &Arc<Self>, key: &RepositoryKey, commit: Oid) -> Result<Leased, Failure> {
        let record = self.record(key, commit).map_err(|cause| Failure::storage(&self.root, &cause))?;
        let Some(record) = record else { return Ok(Leased::Missing) };
        let lock = self.lock_shared(&record.tree)?;
        self.lease_locked(record.tree, lock)
    }

    pub(super) fn lock_shared(&self, tree: &Digest) -> Result<Lock, Failure> {
        let path = self.lock_path(tree);
        let lock = Lock::shared(&path).and_then(|lock| lock.touch().map(|()| lock));
        lock.map_err(|cause| Failure::storage(&path, &cause))
    }

    pub(super) fn lease_locked(self: &Arc<Self>, digest: Digest, lock: Lock) -> Result<Leased, Failure> {
        let entry = self.entry_path(&digest);
        match verify_or_repair(&entry, &digest) {
            Ok((verified, notes)) => {
                let root = entry.join(TREE);
                let lease =
                    Lease { digest, root, verified: Mutex::new(verified), _lock: lock, cache: Arc::clone(self) };
                Ok(Leased::Tree(lease, notes))
            }
            Err(Damage::Gone) => Ok(Leased::Missing),
            Err(damage) => {
                Ok(Leased::Damaged(format!("a tree in the cache was damaged and fetched anew: {}", shown(&damage))))
            }
        }
    }

    pub(super) fn lock_path(&self, tree: &Digest) -> PathBuf {
        self.trees().join(format!("{}.lock", tree.hex()))
    }

    pub(super) fn entry_path(&self, tree: &Digest) -> PathBuf {
        self.trees().join(tree.hex())
    }
}

impl Lease {
    /// Returns the root of the tree, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the paths of the submodules, for people.
    pub(crate) fn submodules(&self) -> Vec<String> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.manifest.submodules().map(|path| excerpt(&String::from_utf8_lossy(path))).collect()
    }

    /// Tells, without reading any of it, whether nothing has been written to the tree since it was verified.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).is_unchanged()
    }

    /// Verifies the tree again if it may have changed. Returns what was odd; none if it is damaged.
    pub(crate) fn renew(&self) -> Option<Vec<String>> {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.is_unchanged() {
            return Some(Vec::new());
        }
        let (renewed, notes) = verify_or_repair(&self.cache.entry_path(&self.digest), &self.digest).ok()?;
        *verified = renewed;
        Some(notes)
    }
}

/// Verifies an entry. What was only added, as interpreters do that keep compiled files, is removed: the rest is what was
/// fetched.
fn verify_or_repair(entry: &Path, digest: &Digest) -> Result<(Verified, Vec<String>), Damage> {
    match verify(entry, digest) {
        Ok(verified) => Ok((verified, Vec::new())),
        Err(Damage::Added(paths)) => {
            for path in &paths {
                remove_added(&entry.join(TREE).join(path)).map_err(|cause| unreadable(path, cause))?;
            }
            let names: Vec<String> = paths.iter().take(5).map(|path| format!("`{}`", shown_path(path))).collect();
            let note =
                format!("a tree in the cache had more in it than was fetched, which was removed: {}", names.join(", "));
            Ok((verify(entry, digest)?, vec![note]))
        }
        Err(damage) => Err(damage),
    }
}

fn unreadable(path: &Path, cause: io::Error) -> Damage {
    Damage::Unreadable { path: path.to_owned(), cause }
}

/// Another job may remove it at the same time.
fn remove_added(path: &Path) -> io::Result<()> {
    super::if_there(fs::symlink_metadata(path))?;
    super::if_there(remove_all(path)).map(|_| ())
}

fn shown(damage: &Damage) -> String {
    excerpt(&damage.to_string())
}

fn shown_path(path: &Path) -> String {
    excerpt(&path.display().to_string())
}
