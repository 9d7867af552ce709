//! The processes of this machine, read from `/proc`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// One process at the time of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    /// Its identifier.
    pub(crate) id: Pid,
    /// Its parent; none for the first process and for one whose parent lives in another namespace.
    pub(crate) parent: Option<Pid>,
    /// Its process group; none where the group's leader lives in another namespace.
    pub(crate) group: Option<Pid>,
    /// Whether it has ended and waits to be reaped.
    pub(crate) zombie: bool,
    /// When it started, in clock ticks since boot. Tells two processes apart that had the same identifier.
    pub(crate) started: u64,
}

impl Process {
    /// Reads one process.
    ///
    /// # Errors
    /// Where there is no such process (any more), or no `/proc`.
    pub(crate) fn read(id: Pid) -> io::Result<Self> {
        // The name of a program is any bytes, so the file is not always UTF-8.
        let stat = fs::read(format!("/proc/{}/stat", id.as_raw_nonzero()))?;
        Self::parse(id, &String::from_utf8_lossy(&stat)).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Signals exactly this process, or nobody.
    pub(crate) fn signal(&self, signal: Signal) {
        let Ok(descriptor) = pidfd_open(self.id, PidfdFlags::empty()) else { return };
        if Self::read(self.id).is_ok_and(|process| process.started == self.started) {
            // An error is a process that has just ended, or one of another user; the next look tells.
            let _ = pidfd_send_signal(descriptor, signal);
        }
    }

    /// Parses `/proc/PID/stat` (proc_pid_stat(5)). The program's name stands in parentheses and may hold blanks and
    /// parentheses of its own, so fields count from the last one.
    fn parse(id: Pid, stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let pid = |index: usize| fields.get(index)?.parse().ok().map(|raw: i32| Pid::from_raw(raw.max(0)));
        Some(Self {
            id,
            zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
            parent: pid(1)?,
            group: pid(2)?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

/// All processes at about one time. Not a snapshot: the kernel offers none.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessTable(Vec<Process>);

impl ProcessTable {
    /// Reads the table. Processes that end meanwhile are left out.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub(crate) fn read() -> io::Result<Self> {
        let ids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(Self(ids.filter_map(Pid::from_raw).filter_map(|id| Process::read(id).ok()).collect()))
    }

    /// Tells whether a group has a member that has not ended.
    pub(crate) fn is_group_alive(&self, group: Pid) -> bool {
        self.0.iter().any(|process| process.group == Some(group) && !process.zombie)
    }

    /// Returns the children, grandchildren and so on of a process, zombies among them; each once.
    pub(crate) fn descendants(&self, of: Pid) -> Vec<Process> {
        let mut children = self.children();
        let found = children.remove(&of).unwrap_or_default();
        with_descendants(found, children, HashSet::from([of]))
    }

    /// Returns the members of groups, and the children, grandchildren and so on of these in whatever group, apart from
    /// zombies; each once.
    pub(crate) fn of_groups(&self, groups: &HashSet<Pid>) -> Vec<Process> {
        let is_member = |process: &&Process| process.group.is_some_and(|group| groups.contains(&group));
        let members = self.0.iter().filter(is_member).copied().collect();
        let mut found = with_descendants(members, self.children(), HashSet::new());
        found.retain(|process| !process.zombie);
        found
    }

    fn children(&self) -> HashMap<Pid, Vec<Process>> {
        let mut children: HashMap<Pid, Vec<Process>> = HashMap::new();
        for process in &self.0 {
            if let Some(parent) = process.parent {
                children.entry(parent).or_default().push(*process);
            }
        }
        children
    }
}

/// Adds their children, grandchildren and so on to some processes, without those that were seen.
fn with_descendants(
    mut found: Vec<Process>,
    mut children: HashMap<Pid, Vec<Process>>,
    mut seen: HashSet<Pid>,
) -> Vec<Process> {
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(&process.id).unwrap_or_default());
        next += 1;
    }
    // A child may be there in its own right too; and an identifier that was given anew while the table was read can
    // close a circle.
    found.retain(|process| seen.insert(process.id));
    found
}

#[cfg(test)]
mod tests {
    use super::{Process, ProcessTable};
    use proptest::prelude::*;
    use rustix::process::{Pid, getpid};

    fn pid(raw: i32) -> Pid {
        Pid::from_raw(raw).unwrap()
    }

    fn process(id: i32, parent: i32, group: i32, zombie: bool) -> Process {
        Process { id: pid(id), parent: Pid::from_raw(parent), group: Pid::from_raw(group), zombie, started: 5 }
    }

    #[track_caller]
    fn check_parse(stat: &str, expected: Option<Process>) {
        assert_eq!(Process::parse(pid(7), stat), expected);
    }

    #[test]
    fn stat_is_read_from_the_last_parenthesis() {
        let rest = "3 4 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0";
        check_parse(&format!("7 (sh) S {rest}"), Some(process(7, 3, 4, false)));
        check_parse(&format!("7 (a) R 1 (b)) Z {rest}"), Some(process(7, 3, 4, true)));
        check_parse("7 (first) S 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5", Some(process(7, 0, 0, false)));
        check_parse("7 (short) S 3 4", None);
        check_parse("7 (no number) S x 4 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5", None);
        check_parse("", None);
    }

    proptest! {
        #[test]
        fn a_program_may_have_any_name(name in "[ -~()\\n]{0,20}") {
            let stat = format!("7 ({name}) S 3 4 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0");
            prop_assert_eq!(Process::parse(pid(7), &stat), Some(process(7, 3, 4, false)));
        }

        #[test]
        fn no_text_is_too_odd(stat in ".*") {
            let _ = Process::parse(pid(7), &stat);
        }
    }

    #[track_caller]
    fn check_descendants(table: &[(i32, i32)], expected: &[i32]) {
        let table = ProcessTable(table.iter().map(|(id, parent)| process(*id, *parent, 1, false)).collect());
        let mut found: Vec<_> =
            table.descendants(pid(10)).iter().map(|found| found.id.as_raw_nonzero().get()).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn descendants_are_of_any_depth() {
        check_descendants(&[], &[]);
        check_descendants(&[(10, 1), (11, 1)], &[]);
        check_descendants(&[(10, 1), (11, 10), (12, 11), (13, 12), (14, 1)], &[11, 12, 13]);
        check_descendants(&[(13, 12), (12, 11), (11, 10), (15, 10)], &[11, 12, 13, 15]);
        check_descendants(&[(11, 10), (10, 11)], &[11]);
    }

    #[test]
    fn what_left_a_group_descends_from_it() {
        let table = ProcessTable(vec![
            process(5, 1, 5, false),
            process(6, 5, 5, false),
            process(7, 6, 7, false),
            process(8, 7, 7, true),
            process(9, 8, 9, false),
            process(10, 1, 10, false),
            process(11, 1, 12, false),
        ]);
        let check = |groups: &[i32], expected: &[i32]| {
            let mut found: Vec<i32> = table
                .of_groups(&groups.iter().map(|group| pid(*group)).collect())
                .iter()
                .map(|process| process.id.as_raw_nonzero().get())
                .collect();
            found.sort_unstable();
            assert_eq!(found, expected);
        };
        check(&[], &[]);
        check(&[5], &[5, 6, 7, 9]);
        check(&[5, 7, 12], &[5, 6, 7, 9, 11]);
        check(&[2], &[]);
    }

    #[test]
    fn a_group_of_zombies_is_not_alive() {
        let table = ProcessTable(vec![process(5, 1, 5, true), process(6, 1, 8, true), process(7, 1, 8, false)]);
        assert!(!table.is_group_alive(pid(5)));
        assert!(table.is_group_alive(pid(8)));
        assert!(!table.is_group_alive(pid(9)));
    }

    #[test]
    fn this_process_is_in_the_table() {
        let table = ProcessTable::read().unwrap();
        assert!(table.0.iter().any(|process| process.id == getpid()));
        assert_eq!(Process::read(getpid()).unwrap().parent, rustix::process::getppid());
    }
}
