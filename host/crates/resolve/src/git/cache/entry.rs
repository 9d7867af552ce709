//! The cache as people see it.

use std::io;
use std::time::SystemTime;

use stepwell_schema::Digest;

use super::index::Placed;
use super::verify::{Damage, verify};
use super::{Cache, CacheError, at};

/// A commit in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The digest of its tree's manifest. Entries with the same digest share one tree.
    pub digest: Digest,
    /// The address of the repository, without credentials.
    pub repository: String,
    /// The full commit id.
    pub commit: String,
    /// Bytes of all its files together.
    pub bytes: u64,
    /// Its files, links and submodules.
    pub files: u64,
    /// When a job last used it.
    pub last_used: SystemTime,
}

/// How much of the cache is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// All that no job uses.
    All,
    /// What was used longest ago, until the trees have at most so many bytes together.
    ToBytes(u64),
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Trees.
    pub entries: u64,
    /// Bytes of their files together.
    pub bytes: u64,
}

impl Cache {
    /// Returns all entries, sorted by repository and commit.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, CacheError> {
        let records = self.records().map_err(at(&self.root))?;
        let mut entries: Vec<Entry> = records.into_iter().map(Entry::from).collect();
        entries.sort_by(|one, other| (&one.repository, &one.commit).cmp(&(&other.repository, &other.commit)));
        Ok(entries)
    }

    /// Reads every tree and says what is wrong with it. Nothing is changed: a job that needs a damaged tree fetches it
    /// anew.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self) -> Result<Vec<(Entry, Option<Damage>)>, CacheError> {
        let check = |entry: Entry| {
            let damage = verify(&self.entry_path(&entry.digest), &entry.digest).err();
            (entry, damage)
        };
        Ok(self.list()?.into_iter().map(check).collect())
    }

    /// Removes trees that no job uses, and what killed processes have left.
    ///
    /// # Errors
    /// The folder cannot be read or written. What was removed until then stays removed.
    pub fn prune(&self, prune: Prune) -> Result<Pruned, CacheError> {
        let bound = match prune {
            Prune::All => 0,
            Prune::ToBytes(bytes) => bytes,
        };
        let pruned = || -> io::Result<Pruned> {
            self.sweep()?;
            self.evict(bound, prune == Prune::All)
        };
        pruned().map_err(at(&self.root))
    }
}

impl From<Placed> for Entry {
    fn from(placed: Placed) -> Self {
        let Placed { commit, record, used, .. } = placed;
        let super::index::Record { tree, repository, bytes, files } = record;
        Self { digest: tree, repository, commit, bytes, files, last_used: used }
    }
}
