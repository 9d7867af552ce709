//! All that lies below a folder, in one order everywhere.

use std::fs::Metadata;

use crate::{Failure, Step, path};

/// What a path names. Links are not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file; its size in bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a pipe, a socket.
    Other,
}

impl From<&Metadata> for Kind {
    fn from(metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        match (kind.is_symlink(), kind.is_dir(), kind.is_file()) {
            (true, _, _) => Self::Link,
            (_, true, _) => Self::Folder,
            (_, _, true) => Self::File(metadata.len()),
            _ => Self::Other,
        }
    }
}

/// One thing below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path, relative to the job's work dir.
    pub path: String,
    /// What it is.
    pub kind: Kind,
}

impl Step {
    /// Returns what lies at a path, without following a link.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn entry(&self, path: impl AsRef<str>) -> Result<Entry, Failure> {
        let path = path::tidy(path.as_ref());
        Ok(Entry { kind: Kind::from(&self.metadata(&path)?), path })
    }

    /// Returns all that lies at or below a path, sorted by the bytes of the paths. A folder is followed by what is in
    /// it; links are not followed. The work dir itself is left out, as it has no name.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); also for a name that is not UTF-8.
    pub fn walk(&self, path: impl AsRef<str>) -> Result<Vec<Entry>, Failure> {
        let mut found = Vec::new();
        let mut left = vec![self.entry(path)?];
        while let Some(entry) = left.pop() {
            if entry.kind == Kind::Folder {
                for name in self.list(&entry.path)? {
                    left.push(self.entry(path::join(&entry.path, &name))?);
                }
            }
            found.push(entry);
        }
        found.retain(|entry| !entry.path.is_empty());
        found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn one_order_and_no_links_followed() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let step = Fake::new(folder.path()).step();
        step.write("in/b/c", "12").expect("written");
        step.write("in/a", "").expect("written");
        step.link("b", "in/l").expect("linked");
        let found = step.walk("./in/").expect("it is there");
        let lines: Vec<_> = found.iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
        let expected = [
            ("in", Kind::Folder),
            ("in/a", Kind::File(0)),
            ("in/b", Kind::Folder),
            ("in/b/c", Kind::File(2)),
            ("in/l", Kind::Link),
        ];
        assert_eq!(lines, expected);
        assert_eq!(step.walk(".").expect("it is there").len(), 5);
        assert_eq!(step.walk("in/a").expect("it is there").len(), 1);
        let failure = step.walk("other").expect_err("it is not there");
        assert!(failure.message().contains("`other`"), "{failure}");
    }
}
