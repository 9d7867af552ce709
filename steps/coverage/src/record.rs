//! What is covered, of all reports together.

use std::collections::BTreeMap;

use serde::Serialize;
use stepwell_sdk::Failure;

/// Most lines and branches that are kept: those of the largest repositories, in some 200 MiB.
const MAX_POINTS: usize = 4_000_000;

/// Longest name of a file; systems allow no longer path.
const MAX_NAME_BYTES: usize = 4096;

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) covered: u64,
    pub(crate) valid: u64,
}

impl Share {
    /// Returns the percentage; 100 of nothing, as nothing is left uncovered.
    pub(crate) fn exact(self) -> f64 {
        if self.valid == 0 { 100.0 } else { self.covered as f64 * 100.0 / self.valid as f64 }
    }

    /// Returns the percentage with two decimals, rounded down: 100 is all.
    pub(crate) fn percent(self) -> f64 {
        if self.valid == 0 {
            return 100.0;
        }
        (u128::from(self.covered) * 10_000 / u128::from(self.valid)) as f64 / 100.0
    }

    fn count(&mut self, covered: bool) {
        self.valid += 1;
        self.covered += u64::from(covered);
    }
}

/// One branch: its line, and what tells it from the others there.
pub(crate) type Branch = (u32, u64);

/// Lines and branches of one file, and whether they are covered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Covered {
    lines: BTreeMap<u32, bool>,
    branches: BTreeMap<Branch, bool>,
}

/// Numbers of one file, as the output has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FileCounts {
    pub(crate) file: String,
    pub(crate) lines: f64,
    pub(crate) lines_covered: u64,
    pub(crate) lines_valid: u64,
}

/// All files by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    files: BTreeMap<String, Covered>,
    points: usize,
}

/// A file that marks are being added to.
pub(crate) struct Open<'a> {
    file: &'a mut Covered,
    points: &'a mut usize,
}

impl Record {
    /// Returns the file of a name, which may be there already. Backslashes are separators of other systems.
    ///
    /// # Errors
    ///
    /// What is wrong with the name.
    pub(crate) fn file(&mut self, name: &str) -> Result<Open<'_>, String> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
            return Err(format!("`{name:.60}` is no name of a file"));
        }
        let file = self.files.entry(name.replace('\\', "/")).or_default();
        Ok(Open { file, points: &mut self.points })
    }

    /// Returns whether no line is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.values().all(|file| file.lines.is_empty())
    }

    /// Returns the shares of lines and branches.
    pub(crate) fn shares(&self) -> (Share, Share) {
        let (mut lines, mut branches) = (Share::default(), Share::default());
        for file in self.files.values() {
            file.lines.values().for_each(|covered| lines.count(*covered));
            file.branches.values().for_each(|covered| branches.count(*covered));
        }
        (lines, branches)
    }

    /// Iterates over the files with the shares of their lines.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, Share)> {
        self.files.iter().map(|(name, file)| {
            let mut share = Share::default();
            file.lines.values().for_each(|covered| share.count(*covered));
            (name.as_str(), share)
        })
    }

    /// Returns the share of one file's lines.
    pub(crate) fn share_of(&self, name: &str) -> Option<Share> {
        let mut share = Share::default();
        self.files.get(name)?.lines.values().for_each(|covered| share.count(*covered));
        Some(share)
    }
}

impl Open<'_> {
    /// Adds a line. It is covered if any report says so.
    pub(crate) fn line(&mut self, line: u32, covered: bool) -> Result<(), String> {
        mark(&mut self.file.lines, line, covered, self.points)
    }

    /// Adds a branch. It is covered if any report says so.
    pub(crate) fn branch(&mut self, branch: Branch, covered: bool) -> Result<(), String> {
        mark(&mut self.file.branches, branch, covered, self.points)
    }
}

fn mark<K: Ord>(marks: &mut BTreeMap<K, bool>, key: K, covered: bool, points: &mut usize) -> Result<(), String> {
    let mut new = false;
    *marks.entry(key).or_insert_with(|| {
        new = true;
        false
    }) |= covered;
    *points += usize::from(new);
    if *points > MAX_POINTS { Err(format!("there are more than {MAX_POINTS} lines and branches")) } else { Ok(()) }
}

/// Returns the failure for a problem at a place of a report.
pub(crate) fn failure(report: &str, line: u64, problem: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{report}, line {line}: {problem}"))
}
