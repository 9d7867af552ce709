//! The list of everything in a tree: what it is known by, and what it is verified against.
//!
//! A line for each entry, sorted by path, so that equal trees have equal lists:
//!
//! ```text
//! stepwell tree 1
//! file 100755 LENGTH SHA256 PATH
//! link TARGET PATH
//! submodule PATH
//! ```
//!
//! Paths are percent-encoded, since they may hold any byte but NUL.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use sha2::{Digest as _, Sha256};

/// The first line, with the version of the format.
const HEAD: &str = "stepwell tree 1";
const FILE_MODE: &str = "100644";
const EXECUTABLE_MODE: &str = "100755";
/// What stands for something else in a line. Bytes that are not ASCII are always encoded.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Everything in a tree but the folders, which are there because something is in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) entries: BTreeMap<Vec<u8>, Entry>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    File {
        executable: bool,
        bytes: u64,
        sha256: [u8; 32],
    },
    Link {
        target: Vec<u8>,
    },
    /// An empty folder.
    Submodule,
}

impl Entry {
    pub(crate) fn file(content: &[u8], executable: bool) -> Self {
        Self::File { executable, bytes: content.len() as u64, sha256: Sha256::digest(content).into() }
    }
}

impl Manifest {
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (path, entry) in &self.entries {
            let path = percent_encode(path, ENCODED);
            // Writing to a string cannot fail.
            let _ = match entry {
                Entry::File { executable, bytes, sha256 } => {
                    let mode = if *executable { EXECUTABLE_MODE } else { FILE_MODE };
                    writeln!(text, "file {mode} {bytes} {} {path}", hex(sha256))
                }
                Entry::Link { target } => writeln!(text, "link {} {path}", percent_encode(target, ENCODED)),
                Entry::Submodule => writeln!(text, "submodule {path}"),
            };
        }
        text
    }

    /// Reads a list; none if it is not one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != HEAD {
            return None;
        }
        let entries = lines.map(parse_line).collect::<Option<_>>()?;
        Some(Self { entries })
    }

    /// Returns the folders that the entries lie in, the root left out.
    pub(crate) fn folders(&self) -> BTreeSet<&[u8]> {
        let mut folders = BTreeSet::new();
        for path in self.entries.keys() {
            let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            folders.extend(slashes.map(|(end, _)| &path[..end]));
        }
        folders
    }

    /// Returns the bytes of all files together.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = self.entries.values().map(|entry| match entry {
            Entry::File { bytes, .. } => *bytes,
            Entry::Link { .. } | Entry::Submodule => 0,
        });
        bytes.fold(0, u64::saturating_add)
    }

    /// Returns the paths of the submodules.
    pub(crate) fn submodules(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Submodule)).map(|(path, _)| path.as_slice())
    }
}

fn parse_line(line: &str) -> Option<(Vec<u8>, Entry)> {
    let mut words = line.split(' ');
    let entry = match words.next()? {
        "file" => {
            let executable = match words.next()? {
                FILE_MODE => false,
                EXECUTABLE_MODE => true,
                _ => return None,
            };
            Entry::File { executable, bytes: words.next()?.parse().ok()?, sha256: parse_hex(words.next()?)? }
        }
        "link" => Entry::Link { target: decode(words.next()?) },
        "submodule" => Entry::Submodule,
        _ => return None,
    };
    let path = decode(words.next()?);
    words.next().is_none().then_some((path, entry))
}

/// Encodes a text so that it has neither spaces nor line ends.
pub(crate) fn encode(text: &str) -> String {
    percent_encode(text.as_bytes(), ENCODED).to_string()
}

fn decode(word: &str) -> Vec<u8> {
    percent_decode_str(word).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(word: &str) -> Option<[u8; 32]> {
    word.parse::<stepwell_schema::Digest>().ok().map(|digest| *digest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let entries = [
            ("a b/%/\n", Entry::file(b"x", true)),
            ("c", Entry::file(b"", false)),
            ("l", Entry::Link { target: b"../\xff c".to_vec() }),
            ("s/m", Entry::Submodule),
        ];
        let manifest = Manifest { entries: entries.map(|(path, entry)| (path.into(), entry)).into() };
        let text = manifest.to_text();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert_eq!(Manifest::parse(&text), Some(manifest));
    }

    #[test]
    fn folders_and_submodules() {
        let entries = ["a/b/c", "a/d", "e"].map(|path| (path.into(), Entry::Submodule)).into();
        let manifest = Manifest { entries };
        assert_eq!(manifest.folders().into_iter().collect::<Vec<_>>(), [&b"a"[..], b"a/b"]);
        assert_eq!(manifest.submodules().count(), 3);
    }

    #[test]
    fn what_is_none_of_ours() {
        for text in ["", "stepwell tree 2\n", "stepwell tree 1", "stepwell tree 1\nfile\n", "stepwell tree 1\n\n"] {
            assert_eq!(Manifest::parse(text), None, "{text:?}");
        }
    }
}
