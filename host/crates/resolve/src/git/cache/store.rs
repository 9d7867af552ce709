//! Putting a tree into the cache.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use git2::{Oid, Repository};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use stepwell_schema::Digest;

use super::index::Record;
use super::lease::{Lease, Leased};
use super::verify::verify;
use super::{Cache, MANIFEST, RepositoryKey, TREE, Temporary};
use crate::git::failure::Failure;
use crate::git::settings::GitSettings;
use crate::git::tree::Listing;
use crate::git::watch::Watch;

/// Where a tree comes from.
pub(crate) struct Origin<'o> {
    pub(crate) key: &'o RepositoryKey,
    /// The address without credentials.
    pub(crate) shown: &'o str,
    pub(crate) repository: &'o Repository,
    pub(crate) commit: Oid,
}

impl Cache {
    /// Takes the tree of a commit out of a repository, checked, and puts it into the cache.
    pub(crate) fn insert(
        self: &Arc<Self>,
        origin: &Origin<'_>,
        settings: &GitSettings,
        watch: &Watch,
    ) -> Result<Lease, Failure> {
        let listing = Listing::read(origin.repository, origin.commit, settings, watch)?;
        let temporary = self.temporary().map_err(|cause| Failure::storage(&self.root, &cause))?;
        let entry = temporary.path().join("entry");
        let manifest = listing.write(origin.repository, &entry.join(TREE), watch)?;
        let text = manifest.to_text();
        let path = entry.join(MANIFEST);
        fs::write(&path, &text).map_err(|cause| Failure::storage(&path, &cause))?;
        let tree = Digest::of(text.as_bytes());
        let lock = self.lock_shared(&tree)?;
        self.place(&temporary, &entry, &tree).map_err(|cause| Failure::storage(&self.entry_path(&tree), &cause))?;
        let (bytes, files) = (manifest.bytes(), manifest.entries.len() as u64);
        let record = Record { tree, repository: origin.shown.to_owned(), bytes, files };
        self.write_record(origin.key, origin.commit, &record).map_err(|cause| Failure::storage(&self.root, &cause))?;
        match self.lease_locked(tree, lock)? {
            Leased::Tree(lease, _) => Ok(lease),
            Leased::Missing | Leased::Damaged(_) => {
                let changed = io::Error::other("it was changed while it was being written");
                Err(Failure::storage(&self.entry_path(&tree), &changed))
            }
        }
    }

    /// Moves an entry to its place. One that is there already stays if it is sound, and changes places otherwise: whoever
    /// reads in it finds a tree at every moment.
    fn place(&self, temporary: &Temporary, entry: &Path, tree: &Digest) -> io::Result<()> {
        let place = self.entry_path(tree);
        match fs::rename(entry, &place) {
            Ok(()) => Ok(()),
            Err(_) if verify(&place, tree).is_ok() => Ok(()),
            Err(error) if !place.exists() => Err(error),
            Err(_) => match renameat_with(CWD, entry, CWD, &place, RenameFlags::EXCHANGE) {
                Ok(()) => Ok(()),
                // Not every file system can exchange.
                Err(_) => {
                    fs::rename(&place, temporary.path().join("damaged"))?;
                    fs::rename(entry, &place)
                }
            },
        }
    }
}
