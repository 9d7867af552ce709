//! Removing trees that nobody uses.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use stepwell_schema::Digest;

use super::lock::Lock;
use super::{Cache, Pruned, if_there};

/// Most records in the index. A token that is new for each job makes a new record each time, for a tree that stays; the
/// oldest records are dropped, which costs a fetch at worst.
const MAX_RECORDS: usize = 10_000;

/// What is known of one tree.
#[derive(Default)]
struct Tree {
    bytes: u64,
    records: Vec<PathBuf>,
    used: Option<SystemTime>,
}

impl Cache {
    /// Removes the trees that were used longest ago until at most `bound` bytes are left, and those that no record leads
    /// to; with `even_empty` also trees without any bytes. What is locked stays.
    pub(crate) fn evict(&self, bound: u64, even_empty: bool) -> io::Result<Pruned> {
        let trees = self.known_trees()?;
        let mut total = trees.values().map(|tree| tree.bytes).fold(0, u64::saturating_add);
        let mut by_age: Vec<(&Digest, &Tree)> = trees.iter().collect();
        by_age.sort_by_key(|(_, tree)| tree.used);
        let mut pruned = Pruned::default();
        for (digest, tree) in by_age {
            let is_too_much = total > bound || even_empty || tree.records.is_empty();
            if is_too_much && self.remove_tree(digest, &tree.records)? {
                total = total.saturating_sub(tree.bytes);
                pruned.entries += 1;
                pruned.bytes = pruned.bytes.saturating_add(tree.bytes);
            }
        }
        Ok(pruned)
    }

    fn known_trees(&self) -> io::Result<BTreeMap<Digest, Tree>> {
        let mut trees = BTreeMap::<Digest, Tree>::new();
        for entry in fs::read_dir(self.trees())?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(digest) = name.strip_suffix(".lock").and_then(|name| name.parse().ok()) {
                self.remove_lock_without_tree(&digest)?;
            } else if let Ok(digest) = name.parse() {
                let used = fs::metadata(self.lock_path(&digest)).and_then(|metadata| metadata.modified());
                trees.entry(digest).or_default().used = used.ok();
            }
        }
        let mut records = self.records()?;
        records.sort_by_key(|placed| std::cmp::Reverse(placed.used));
        let mut kept = HashMap::<Digest, usize>::new();
        for (index, placed) in records.into_iter().enumerate() {
            let Some(tree) = trees.get_mut(&placed.record.tree) else {
                // It may have come after the trees were listed.
                if !self.entry_path(&placed.record.tree).exists() {
                    self.remove_record(&placed.path)?;
                }
                continue;
            };
            let of_this_tree = kept.entry(placed.record.tree).or_default();
            if index >= MAX_RECORDS && *of_this_tree > 0 {
                self.remove_record(&placed.path)?;
                continue;
            }
            *of_this_tree += 1;
            tree.bytes = placed.record.bytes;
            tree.records.push(placed.path);
        }
        Ok(trees)
    }

    fn remove_lock_without_tree(&self, digest: &Digest) -> io::Result<()> {
        let path = self.lock_path(digest);
        if !self.entry_path(digest).exists()
            && let Some(_lock) = Lock::alone(&path)?
            && !self.entry_path(digest).exists()
        {
            if_there(fs::remove_file(&path))?;
        }
        Ok(())
    }

    /// Removes a tree and the records that lead to it; tells whether it did, which it does not while somebody uses it.
    fn remove_tree(&self, digest: &Digest, records: &[PathBuf]) -> io::Result<bool> {
        let lock_path = self.lock_path(digest);
        let lock = match Lock::alone(&lock_path)? {
            Some(lock) => lock,
            None if lock_path.exists() => return Ok(false),
            None => match Lock::new_alone(&lock_path)? {
                Some(lock) => lock,
                None => return Ok(false),
            },
        };
        // Records first: without them the tree is found and removed by the next eviction, should this one be killed.
        for record in records {
            self.remove_record(record)?;
        }
        let temporary = self.temporary()?;
        if_there(fs::rename(self.entry_path(digest), temporary.path().join("entry")))?;
        if_there(fs::remove_file(&lock_path))?;
        drop(lock);
        Ok(true)
    }
}
