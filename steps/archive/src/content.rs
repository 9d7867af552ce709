//! What goes into an archive: names, kinds, and the bytes of files.

use std::io::{BufReader, Read};

use stepwell_sdk::{Access, Failure, Kind, Step, path};

use crate::Request;

/// How much is read and written at once. Each call of the host moves up to 64 KiB.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// The time of all entries, in seconds: the start of 1980, the earliest that zip can say. Unpackers warn of earlier ones.
pub(crate) const TIME: u64 = 315_532_800;

/// One thing to pack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name in the archive, with forward slashes, without one at the end.
    pub(crate) name: String,
    /// Its path, relative to the work dir.
    pub(crate) path: String,
    /// What it is.
    pub(crate) form: Form,
}

/// What an item is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A file of so many bytes, that can be run or not.
    File { bytes: u64, executable: bool },
    /// A folder.
    Folder,
    /// A symbolic link with its target.
    Link(String),
}

impl Form {
    /// Returns the mode bits.
    pub(crate) fn mode(&self) -> u32 {
        match self {
            Self::File { executable: false, .. } => 0o644,
            Self::File { executable: true, .. } | Self::Folder => 0o755,
            Self::Link(_) => 0o777,
        }
    }
}

/// Returns all that is to be packed, sorted by name, each name once; without the archive itself.
pub(crate) fn gather(request: &Request, step: &Step, archive: &str) -> Result<Vec<Item>, Failure> {
    let mut entries = Vec::new();
    for path in roots(request)? {
        entries.extend(step.walk(path)?);
    }
    entries.retain(|entry| entry.path != archive && !is_part(&entry.path, archive));
    let executable: Vec<_> = request.executable.iter().map(|name| path::join(request.source.as_str(), name)).collect();
    let mut items = Vec::new();
    for entry in entries {
        let Some(inner) = path::below(request.source.as_str(), &entry.path).filter(|inner| !inner.is_empty()) else {
            continue;
        };
        let form = match entry.kind {
            Kind::File(bytes) => Form::File { bytes, executable: executable.contains(&entry.path) },
            Kind::Folder => Form::Folder,
            Kind::Link => Form::Link(target(step, &entry.path)?),
            Kind::Other => return Err(Failure::failed(format!("`{}` is neither file, folder nor link", entry.path))),
        };
        items.push(Item { name: path::join(&request.prefix, &inner), path: entry.path, form });
    }
    items.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    items.dedup_by(|one, other| one.name == other.name);
    check_executable(&executable, &items)?;
    Ok(items)
}

/// Returns the path under which the archive is written before it is renamed.
pub(crate) fn part(archive: &str) -> String {
    format!("{archive}.part")
}

fn is_part(path: &str, archive: &str) -> bool {
    path.strip_prefix(archive) == Some(".part")
}

fn roots(request: &Request) -> Result<Vec<String>, Failure> {
    if !request.prefix.is_empty() && !path::stays_inside(&request.prefix) {
        return Err(Failure::invalid_input(format!(
            "input `prefix` is `{}`, no path inside the archive",
            request.prefix
        )));
    }
    if request.include.is_empty() {
        return Ok(vec![path::tidy(request.source.as_str())]);
    }
    let root = |name: &String| {
        if path::stays_inside(name) {
            return Ok(path::join(request.source.as_str(), name));
        }
        Err(Failure::invalid_input(format!("input `include` has `{name}`, no path inside the source")))
    };
    request.include.iter().map(root).collect()
}

fn target(step: &Step, path: &str) -> Result<String, Failure> {
    let target = step.read_link(path)?.into_os_string().into_string();
    target.map_err(|target| {
        Failure::failed(format!("the target `{}` of the link `{path}` is not UTF-8", target.display()))
    })
}

fn check_executable(executable: &[String], items: &[Item]) -> Result<(), Failure> {
    let is_file = |path: &String| items.iter().any(|item| item.path == *path && matches!(item.form, Form::File { .. }));
    match executable.iter().find(|path| !is_file(path)) {
        None => Ok(()),
        Some(path) => Err(Failure::invalid_input(format!("input `executable` names `{path}`, no file that is packed"))),
    }
}

/// The bytes of a file, exactly as many as were announced.
pub(crate) struct Content<'a> {
    path: &'a str,
    reader: std::io::Take<BufReader<std::fs::File>>,
}

impl<'a> Content<'a> {
    /// Opens a file of which `bytes` are packed.
    pub(crate) fn open(step: &Step, path: &'a str, bytes: u64) -> Result<Self, Failure> {
        Ok(Self { path, reader: BufReader::with_capacity(BUFFER_BYTES, step.open(path)?).take(bytes) })
    }

    /// Says that the file changed while it was packed, if it had fewer bytes than announced.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.reader.limit() {
            0 => Ok(()),
            missing => {
                Err(Failure::failed(format!("`{}` became {missing} bytes shorter while it was packed", self.path)))
            }
        }
    }

    /// Returns the failure to read or to pack it.
    pub(crate) fn failure(&self, error: &std::io::Error) -> Failure {
        Failure::of_file(Access::Read, self.path, error)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buffer)
    }
}
