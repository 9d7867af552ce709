//! Which tree a commit of a repository has, and which names were seen.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use git2::Oid;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stepwell_schema::Digest;

use super::{Cache, INDEX, if_there};
use crate::git::address::Address;
use crate::git::manifest::{encode, hex};

/// The first line of each, with the version of the format.
const RECORD_HEAD: &str = "stepwell git commit 1";
const NAMES_HEAD: &str = "stepwell git names 1";
pub(super) const NAMES: &str = "names";

/// Most names that are kept for one repository; the last seen stay.
const MAX_NAMES: usize = 1_000;
/// Longest file of the index that is read, in bytes: more than the longest that is written.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What a repository with credentials is known by on disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RepositoryKey(String);

/// What is known of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) tree: Digest,
    /// The address without credentials.
    pub(super) repository: String,
    pub(super) bytes: u64,
    pub(super) files: u64,
}

/// A record in its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) path: PathBuf,
    pub(super) commit: String,
    pub(super) record: Record,
    pub(super) used: SystemTime,
}

impl Cache {
    pub(crate) fn key(&self, address: &Address) -> RepositoryKey {
        let parts: Vec<Vec<u8>> = match address {
            Address::Remote(remote) => remote.secret_parts().into(),
            Address::Local(folder) => vec![b"file".to_vec(), folder.as_os_str().as_encoded_bytes().to_vec()],
        };
        let mut code = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in &parts {
            code.update(&(part.len() as u64).to_le_bytes());
            code.update(part);
        }
        RepositoryKey(hex(&code.finalize().into_bytes()))
    }

    /// Returns what is known of a commit, and takes down that it is used. A damaged record counts as none.
    pub(super) fn record(&self, key: &RepositoryKey, commit: Oid) -> io::Result<Option<Record>> {
        let path = self.folder(key).join(commit.to_string());
        let Some(record) = read(&path)?.as_deref().and_then(Record::parse) else { return Ok(None) };
        // Another process may just remove it; then the next look finds that out.
        let touched = fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_modified(now()));
        if_there(touched)?;
        Ok(Some(record))
    }

    pub(super) fn write_record(&self, key: &RepositoryKey, commit: Oid, record: &Record) -> io::Result<()> {
        self.write(key, &commit.to_string(), &record.to_text())
    }

    /// Returns the commit that a name stood for when it was last seen.
    pub(crate) fn last_seen(&self, key: &RepositoryKey, name: &str) -> io::Result<Option<Oid>> {
        let names = self.names(key)?;
        Ok(names.iter().rev().find(|(known, _)| *known == encode(name)).and_then(|(_, id)| Oid::from_str(id).ok()))
    }

    /// Takes down what a name stands for.
    pub(crate) fn see(&self, key: &RepositoryKey, name: &str, commit: Oid) -> io::Result<()> {
        let mut names = self.names(key)?;
        let new = (encode(name), commit.to_string());
        if names.contains(&new) {
            return Ok(());
        }
        names.retain(|(known, _)| *known != new.0);
        names.push(new);
        let kept = &names[names.len().saturating_sub(MAX_NAMES)..];
        let lines: String = kept.iter().map(|(name, commit)| format!("{commit} {name}\n")).collect();
        self.write(key, NAMES, &format!("{NAMES_HEAD}\n{lines}"))
    }

    fn names(&self, key: &RepositoryKey) -> io::Result<Vec<(String, String)>> {
        let text = read(&self.folder(key).join(NAMES))?.unwrap_or_default();
        let mut lines = text.lines();
        if lines.next() != Some(NAMES_HEAD) {
            return Ok(Vec::new());
        }
        Ok(lines.filter_map(|line| line.split_once(' ')).map(|(id, name)| (name.into(), id.into())).collect())
    }

    /// Returns all records. Such as cannot be read are left out.
    pub(super) fn records(&self) -> io::Result<Vec<Placed>> {
        let mut records = Vec::new();
        for folder in fs::read_dir(self.root.join(INDEX))?.flatten() {
            let Ok(files) = fs::read_dir(folder.path()) else { continue };
            for file in files.flatten().filter(|file| file.file_name() != NAMES) {
                let path = file.path();
                let Ok(Some(text)) = read(&path) else { continue };
                let used = file.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                let commit = file.file_name().to_string_lossy().into_owned();
                if let Some(record) = Record::parse(&text) {
                    records.push(Placed { path, commit, record, used });
                }
            }
        }
        Ok(records)
    }

    /// Removes a record, and what else is kept of its repository if it was the last.
    pub(super) fn remove_record(&self, path: &Path) -> io::Result<()> {
        if_there(fs::remove_file(path))?;
        let Some(folder) = path.parent() else { return Ok(()) };
        let others = fs::read_dir(folder).map(|files| files.flatten().any(|file| file.file_name() != NAMES));
        if let Ok(false) = others {
            if_there(fs::remove_file(folder.join(NAMES)))?;
            // Another process may just put a record there; then the folder stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn write(&self, key: &RepositoryKey, name: &str, text: &str) -> io::Result<()> {
        let temporary = self.temporary()?;
        let file = temporary.path().join(name);
        fs::write(&file, text)?;
        let folder = self.folder(key);
        loop {
            if let Err(error) = fs::create_dir(&folder)
                && error.kind() != io::ErrorKind::AlreadyExists
            {
                return Err(error);
            }
            // None if another process removed the folder, empty as it was, in between.
            if if_there(fs::rename(&file, folder.join(name)))?.is_some() {
                return Ok(());
            }
            fs::metadata(&file)?;
        }
    }

    fn folder(&self, key: &RepositoryKey) -> PathBuf {
        self.root.join(INDEX).join(&key.0)
    }
}

impl Record {
    fn to_text(&self) -> String {
        let Self { tree, repository, bytes, files } = self;
        format!("{RECORD_HEAD}\ntree {}\nrepository {}\nbytes {bytes}\nfiles {files}\n", tree.hex(), encode(repository))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != RECORD_HEAD {
            return None;
        }
        let mut member = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        let tree = member("tree")?.parse().ok()?;
        let repository = percent_encoding::percent_decode_str(member("repository")?).decode_utf8_lossy().into_owned();
        Some(Self { tree, repository, bytes: member("bytes")?.parse().ok()?, files: member("files")?.parse().ok()? })
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let Some(file) = if_there(fs::File::open(path))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let record = Record { tree: Digest::of(b""), repository: "https://host/a b".into(), bytes: 12, files: 1 };
        assert_eq!(Record::parse(&record.to_text()), Some(record.clone()));
        for text in ["", "stepwell git commit 2\n", &record.to_text().replace("bytes", "byte")] {
            assert_eq!(Record::parse(text), None, "{text}");
        }
    }
}
