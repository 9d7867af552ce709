//! How much a step may leave behind in one folder.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The budget of one writable folder. What counts is growth: rewriting in place costs nothing, truncating and deleting
/// give back. Shared by all descriptors below the folder.
#[derive(Debug)]
pub(crate) struct Quota {
    limit_bytes: i64,
    limit_files: i64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: i64,
    files: i64,
    open: HashMap<Identity, Weak<OpenFile>>,
}

/// Tells one file from another, whatever its names are.
pub(crate) type Identity = (u64, u64);

/// The folder has grown as much as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverQuota;

/// A file that the guest holds open, through any number of descriptors and streams. One that was deleted meanwhile
/// gives its bytes back when the last of them is closed, as the file system does.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// As it was opened first, for its length alone.
    file: Arc<File>,
    quota: Arc<Quota>,
    deleted: AtomicBool,
}

impl Quota {
    pub(crate) fn new(limit_bytes: u64, limit_files: u64) -> Arc<Self> {
        let limit = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
        Arc::new(Self { limit_bytes: limit(limit_bytes), limit_files: limit(limit_files), state: Mutex::default() })
    }

    /// Counts a new file, folder or link.
    pub(crate) fn add_file(&self) -> Result<(), OverQuota> {
        let mut state = self.lock();
        if state.files >= self.limit_files {
            return Err(OverQuota);
        }
        state.files += 1;
        Ok(())
    }

    /// Gives back what [`Quota::add_file`] counted: it came to nothing, or a folder is gone.
    pub(crate) fn release_file(&self) {
        self.lock().files -= 1;
    }

    /// Tells whether a file of one length may have another.
    pub(crate) fn check(&self, before_bytes: u64, after_bytes: u64) -> Result<(), OverQuota> {
        let growth = difference(before_bytes, after_bytes);
        if growth > 0 && self.lock().bytes.saturating_add(growth) > self.limit_bytes { Err(OverQuota) } else { Ok(()) }
    }

    /// Counts that a file of one length has another now.
    pub(crate) fn settle(&self, before_bytes: u64, after_bytes: u64) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_add(difference(before_bytes, after_bytes));
    }

    /// Counts that a name is gone, and with it, if it was the last name of a file, the bytes.
    pub(crate) fn removed(&self, identity: Identity, last_name_of_bytes: Option<u64>) {
        let mut state = self.lock();
        state.files -= 1;
        let Some(bytes) = last_name_of_bytes else { return };
        match state.open.get(&identity).and_then(Weak::upgrade) {
            Some(open) => {
                open.deleted.store(true, Ordering::Relaxed);
                // Dropping it here may be the last drop, which locks again.
                drop(state);
                drop(open);
            }
            None => state.bytes = state.bytes.saturating_sub(difference(0, bytes)),
        }
    }

    /// Notes that the guest opened a file.
    pub(crate) fn opened(self: &Arc<Self>, identity: Identity, file: &Arc<File>) -> Arc<OpenFile> {
        let mut state = self.lock();
        if let Some(open) = state.open.get(&identity).and_then(Weak::upgrade) {
            return open;
        }
        state.open.retain(|_, open| open.strong_count() > 0);
        let open =
            Arc::new(OpenFile { file: Arc::clone(file), quota: Arc::clone(self), deleted: AtomicBool::new(false) });
        state.open.insert(identity, Arc::downgrade(&open));
        open
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> (i64, i64) {
        let state = self.lock();
        (state.bytes, state.files)
    }
}

impl OpenFile {
    /// Returns the length now, in bytes.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// The folder's budget.
    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if self.deleted.load(Ordering::Relaxed)
            && let Ok(bytes) = self.len()
        {
            self.quota.settle(bytes, 0);
        }
    }
}

fn difference(before: u64, after: u64) -> i64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    signed(after).saturating_sub(signed(before))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn growth_alone_counts() {
        let quota = Quota::new(100, 2);
        quota.check(0, 100).unwrap();
        quota.settle(0, 100);
        assert_eq!(quota.check(100, 101), Err(OverQuota));
        quota.check(100, 100).unwrap();
        quota.check(100, 0).unwrap();
        quota.settle(100, 0);
        quota.check(0, 100).unwrap();
    }

    #[test]
    fn files_are_counted() {
        let quota = Quota::new(0, 2);
        quota.add_file().unwrap();
        quota.add_file().unwrap();
        assert_eq!(quota.add_file(), Err(OverQuota));
        quota.removed((1, 1), Some(0));
        quota.add_file().unwrap();
    }

    #[test]
    fn an_open_file_that_is_deleted_gives_back_when_it_is_closed() {
        let quota = Quota::new(100, 2);
        let file = tempfile::tempfile().unwrap();
        file.set_len(60).unwrap();
        quota.add_file().unwrap();
        quota.settle(0, 60);
        let file = Arc::new(file);
        let (first, second) = (quota.opened((1, 7), &file), quota.opened((1, 7), &file));
        quota.removed((1, 7), Some(60));
        drop(first);
        assert_eq!(quota.used(), (60, 0));
        drop(second);
        assert_eq!(quota.used(), (0, 0));
    }

    #[test]
    fn a_huge_file_is_refused() {
        assert_eq!(Quota::new(100, 2).check(0, u64::MAX), Err(OverQuota));
    }

    proptest! {
        /// What is checked before it is settled never exceeds the limit.
        #[test]
        fn the_limit_holds(lengths in proptest::collection::vec(0_u64..200, 1..50)) {
            let quota = Quota::new(100, 1);
            let mut length = 0;
            for next in lengths {
                if quota.check(length, next).is_ok() {
                    quota.settle(length, next);
                    length = next;
                }
                prop_assert!(quota.used().0 <= 100);
                prop_assert_eq!(quota.used().0, i64::try_from(length).unwrap());
            }
        }
    }
}
