//! The process groups of a job, written down where they outlive this process.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::Pid;

use crate::group::Group;
use crate::process_table::Process;

/// What the file begins with. No other file is taken for a list.
const MAGIC: &[u8; ENTRY_BYTES] = b"stepwell watch 1";

/// Length of an entry, in bytes: the group's identifier and when its first process started, each as 64 bits in the
/// machine's own order. All zero where nothing is noted.
const ENTRY_BYTES: usize = 16;

/// A list of process groups in an anonymous file. Writing an entry takes one system call and wakes nobody.
#[derive(Debug)]
pub(crate) struct WatchList {
    file: File,
    slots: Mutex<Slots>,
}

/// Which places of the file are free. It grows with the most groups that were there at once.
#[derive(Debug, Default)]
struct Slots {
    free: Vec<u64>,
    used: u64,
}

/// A group in a list; it leaves the list when this is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    list: Arc<WatchList>,
    slot: u64,
}

/// What a list says of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The identifier of the group, and of its first process.
    pub(crate) leader: Pid,
    /// When the first process started, in clock ticks since boot; see [`Process::started`].
    pub(crate) started: u64,
}

impl WatchList {
    /// Makes an empty list.
    ///
    /// # Errors
    /// The kernel has no room for a file.
    pub(crate) fn new() -> io::Result<Self> {
        let file = File::from(memfd_create("stepwell-watch-list", MemfdFlags::CLOEXEC)?);
        file.write_all_at(MAGIC, 0)?;
        Ok(Self { file, slots: Mutex::default() })
    }

    /// Returns the file, for [`read`] in another process.
    ///
    /// # Errors
    /// This process has too many open files.
    pub(crate) fn file(&self) -> io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }

    /// Writes a group down whose first process was not reaped yet.
    ///
    /// # Errors
    /// `/proc` cannot be read, or the kernel has no room.
    pub(crate) fn add(self: &Arc<Self>, group: Group) -> io::Result<Watched> {
        let entry = Entry { leader: group.leader(), started: Process::read(group.leader())?.started };
        let watched = Watched { slot: self.slots().take(), list: Arc::clone(self) };
        self.file.write_all_at(&entry.to_bytes(), offset(watched.slot))?;
        Ok(watched)
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        // Slots are whole after every step, also after a panic.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn take(&mut self) -> u64 {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The place is there already, so writing to it does not fail; a place that is not free again is never used.
        if self.list.file.write_all_at(&[0; ENTRY_BYTES], offset(self.slot)).is_ok() {
            self.list.slots().free.push(self.slot);
        }
    }
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&i64::from(self.leader.as_raw_nonzero().get()).to_ne_bytes());
        bytes[8..].copy_from_slice(&self.started.to_ne_bytes());
        bytes
    }

    /// Returns none for a place where nothing is noted.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (leader, started) = bytes.split_at_checked(8)?;
        let leader = i64::from_ne_bytes(leader.try_into().ok()?);
        let leader = Pid::from_raw(i32::try_from(leader).ok().filter(|leader| *leader > 0)?)?;
        Some(Self { leader, started: u64::from_ne_bytes(started.try_into().ok()?) })
    }
}

/// Reads what a list says.
///
/// # Errors
/// The file is no list, or cannot be read.
pub(crate) fn read(file: &File) -> io::Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * ENTRY_BYTES];
    loop {
        match file.read_at(&mut chunk, bytes.len() as u64) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if !bytes.starts_with(MAGIC) {
            break;
        }
    }
    let entries = bytes.strip_prefix(MAGIC).ok_or(io::ErrorKind::InvalidData)?;
    Ok(entries.chunks(ENTRY_BYTES).filter_map(Entry::from_bytes).collect())
}

fn offset(slot: u64) -> u64 {
    (slot + 1) * ENTRY_BYTES as u64
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::process::getpid;

    use super::*;

    fn leaders(list: &WatchList) -> Vec<Pid> {
        read(&File::from(list.file().unwrap())).unwrap().iter().map(|entry| entry.leader).collect()
    }

    #[test]
    fn what_was_dropped_is_not_in_the_list() {
        let list = Arc::new(WatchList::new().unwrap());
        let (first, me) = (Pid::from_raw(1).unwrap(), getpid());
        assert!(leaders(&list).is_empty());
        let one = list.add(Group::led_by(first)).unwrap();
        let two = list.add(Group::led_by(me)).unwrap();
        assert_eq!(leaders(&list), [first, me]);
        drop(one);
        assert_eq!(leaders(&list), [me]);
        let three = list.add(Group::led_by(me)).unwrap();
        assert_eq!(leaders(&list), [me, me]);
        drop((two, three));
        assert!(leaders(&list).is_empty());
        assert_eq!(list.file.metadata().unwrap().len(), 3 * 16, "places are used again");
    }

    #[test]
    fn a_process_that_is_not_there_is_not_noted() {
        let list = Arc::new(WatchList::new().unwrap());
        assert!(list.add(Group::led_by(Pid::from_raw(i32::MAX).unwrap())).is_err());
        assert!(leaders(&list).is_empty());
    }

    #[test]
    fn other_files_are_no_lists() {
        let mut file = tempfile::tempfile().unwrap();
        assert!(read(&file).is_err());
        file.write_all(&[1; 64]).unwrap();
        assert!(read(&file).is_err());
    }

    #[test]
    fn what_is_no_identifier_is_passed_over() {
        let entry = |leader: i64| Entry::from_bytes(&[leader.to_ne_bytes(), 7_u64.to_ne_bytes()].concat());
        assert_eq!(entry(5), Some(Entry { leader: Pid::from_raw(5).unwrap(), started: 7 }));
        for leader in [0, -1, i64::MIN, i64::from(i32::MAX) + 1] {
            assert_eq!(entry(leader), None, "{leader}");
        }
        assert_eq!(Entry::from_bytes(&[1; 7]), None);
    }
}
