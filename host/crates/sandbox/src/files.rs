//! Which folder a guest's descriptor belongs to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::links::LinkWatch;
use crate::log_sink::cut;
use crate::preopens::Preopen;
use crate::quota::{OpenFile, Quota};

/// Longest path that is remembered, in bytes: the longest that Linux takes.
const MAX_PATH_BYTES: usize = 4_096;

/// The preopens of one call, and what was opened below them.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) preopens: Vec<Preopen>,
    descriptors: HashMap<u32, Descriptor>,
    /// Whether names in folders are told in their order.
    pub(crate) sorted: bool,
}

/// What is known of one descriptor of the guest.
#[derive(Clone)]
pub(crate) struct Descriptor {
    /// Index of the preopen it was reached through.
    pub(crate) preopen: usize,
    /// Where it was when it was opened, as the guest sees it.
    pub(crate) guest_path: Arc<str>,
    /// Whether it is a preopen itself.
    pub(crate) is_preopen: bool,
    /// The file, where what is written to it counts.
    pub(crate) open: Option<Arc<OpenFile>>,
}

impl Files {
    pub(crate) fn new(preopens: Vec<Preopen>, sorted: bool) -> Self {
        Self { preopens, descriptors: HashMap::new(), sorted }
    }

    /// Notes a descriptor, by the number under which the guest's functions name it.
    pub(crate) fn insert(&mut self, number: u32, descriptor: Descriptor) {
        self.descriptors.insert(number, descriptor);
    }

    /// Notes the descriptor of a preopen.
    pub(crate) fn insert_preopen(&mut self, number: u32, preopen: usize) {
        let guest_path = self.preopens[preopen].guest_path.as_str().into();
        self.insert(number, Descriptor { preopen, guest_path, is_preopen: true, open: None });
    }

    /// Forgets a descriptor.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Descriptor> {
        self.descriptors.remove(&number)
    }

    /// Returns what is known of a descriptor.
    pub(crate) fn get(&self, number: u32) -> Option<&Descriptor> {
        self.descriptors.get(&number)
    }

    /// Returns the open file of a descriptor, where what is written to it counts.
    pub(crate) fn open_file(&self, number: u32) -> Option<Arc<OpenFile>> {
        self.get(number)?.open.clone()
    }

    /// Returns the budget of the folder that a descriptor belongs to; none for what is read-only.
    pub(crate) fn quota(&self, number: u32) -> Option<Arc<Quota>> {
        self.preopens.get(self.get(number)?.preopen)?.quota.clone()
    }

    /// Returns what watches the links of the folder that a descriptor belongs to.
    pub(crate) fn links(&self, number: u32) -> Option<Arc<LinkWatch>> {
        self.preopens.get(self.get(number)?.preopen)?.links.clone()
    }

    /// Tells whether anything but preopens is open.
    pub(crate) fn has_open_files(&self) -> bool {
        self.descriptors.values().any(|descriptor| !descriptor.is_preopen)
    }

    /// Returns a path below a descriptor as the guest sees it, cut where it is longer than any real one: a guest can
    /// open `./.` below `./.` for ever, and each descriptor remembers where it was.
    pub(crate) fn guest_path(&self, number: u32, path: &str) -> String {
        let path = cut(path, MAX_PATH_BYTES).0;
        let whole = match self.get(number) {
            Some(descriptor) if path.is_empty() || path == "." => descriptor.guest_path.to_string(),
            Some(descriptor) => format!("{}/{path}", descriptor.guest_path),
            None => path.to_owned(),
        };
        cut(&whole, MAX_PATH_BYTES).0.to_owned()
    }
}

/// Tells whether a link target could lead out of a folder: it is absolute, or goes up at any point.
pub(crate) fn leads_out(target: &str) -> bool {
    target.starts_with('/') || target.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_paths_are_bounded() {
        let mut files = Files::default();
        let descriptor = |guest_path: String| Descriptor {
            preopen: 0,
            guest_path: guest_path.into(),
            is_preopen: false,
            open: None,
        };
        files.insert(0, descriptor("/work".to_owned()));
        assert_eq!(files.guest_path(0, "a/b"), "/work/a/b");
        for number in 0..100 {
            let path = files.guest_path(number, &"./".repeat(2_000));
            assert!(path.len() <= MAX_PATH_BYTES);
            files.insert(number + 1, descriptor(path));
        }
    }

    #[test]
    fn link_targets() {
        for (target, expected) in [
            ("a", false),
            ("a/b", false),
            ("./a", false),
            ("..a/b..", false),
            ("...", false),
            ("", false),
            ("/", true),
            ("/a", true),
            ("..", true),
            ("../a", true),
            ("a/../b", true),
            ("a/..", true),
        ] {
            assert_eq!(leads_out(target), expected, "{target}");
        }
    }
}
