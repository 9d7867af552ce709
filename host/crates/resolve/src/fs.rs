//! References to the file system.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use stepwell_plan::{Origin, Protocol, ResolveError, Resolved};
use stepwell_schema::{Digest, Source};

use crate::path::{FilePath, beneath};
use crate::regular_file::{self, Refused, Stamp};

/// Names of the function file where none is named, in the order in which they are tried.
pub const DEFAULT_FILES: [&str; 2] = ["func.yml", "step.yml"];

/// Longest function file, in bytes: 4 MiB. People write a few KiB; parsing takes some hundred bytes of memory for each.
pub const MAX_FUNCTION_FILE_BYTES: u64 = 4 << 20;

/// Finds function files in the file system. **Trust:** a reference may lead anywhere that the engine's own user can read,
/// as the contract has it; a path *beside* a function file cannot lead out of its folder, through whatever links.
#[derive(Debug, Default)]
pub struct FileResolver {
    shown_from: Option<PathBuf>,
}

/// What was seen when a function was read.
#[derive(Debug)]
struct Seen {
    file: Stamp,
    /// Names that were tried before; a file of that name would now be taken instead.
    absent: &'static [&'static str],
    /// Files beside it, by path as asked.
    beside: Mutex<HashMap<String, Stamp>>,
}

impl FileResolver {
    /// Makes a resolver that shows paths below `folder` relative to it. The default shows absolute paths.
    pub fn shown_from(folder: impl Into<PathBuf>) -> Self {
        Self { shown_from: Some(folder.into()) }
    }

    /// Reads the function file behind `path`, which starts at `base` unless it is absolute.
    ///
    /// # Errors
    /// [`ResolveError::NotFound`] with folder and names, [`ResolveError::TooLarge`] over [`MAX_FUNCTION_FILE_BYTES`],
    /// [`ResolveError::Unreadable`] for what is no regular file, is not UTF-8 or cannot be read.
    pub fn resolve(&self, path: &str, base: &Path) -> Result<Resolved, ResolveError> {
        let FilePath { folder, file } = FilePath::parse(path, base);
        match file {
            Some(name) => self.read(&folder, &name, &[]).unwrap_or_else(|| Err(not_found(&folder, &[&name]))),
            None => DEFAULT_FILES
                .iter()
                .enumerate()
                .find_map(|(index, name)| self.read(&folder, name, &DEFAULT_FILES[..index]))
                .unwrap_or_else(|| Err(not_found(&folder, &DEFAULT_FILES))),
        }
    }

    /// See [`stepwell_plan::Resolver::read_beside`].
    ///
    /// # Errors
    /// The same.
    pub fn read_beside(&self, resolved: &Resolved, path: &str, limit_bytes: u64) -> Result<Arc<[u8]>, ResolveError> {
        let folder = resolved.origin.folder.as_deref().unwrap_or(Path::new("/"));
        let normal = beneath(path).ok_or_else(|| escapes(folder, path))?;
        let file = open_beneath(folder, &normal).map_err(|error| beside_error(folder, path, &normal, error))?;
        let (bytes, stamp) = regular_file::read(file, limit_bytes)
            .map_err(|refused| refused_error(refused, &folder.join(&normal), path, limit_bytes))?;
        if let Some(seen) = seen(resolved) {
            // Holding the lock is one insertion or look-up; nothing can leave the map in between.
            seen.beside.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), stamp);
        }
        Ok(bytes.into())
    }

    /// See [`stepwell_plan::Resolver::is_unchanged`].
    pub fn is_unchanged(&self, resolved: &Resolved, beside: &[&str]) -> bool {
        let (Some(folder), Some(seen)) = (&resolved.origin.folder, seen(resolved)) else { return false };
        let is_absent = |name: &&str| is_not_found(std::fs::metadata(folder.join(name)));
        seen.absent.iter().all(is_absent)
            && stamp_of(&folder.join(&resolved.origin.file)) == Some(seen.file)
            && beside.iter().all(|path| {
                let stamp = seen.beside.lock().unwrap_or_else(PoisonError::into_inner).get(*path).copied();
                stamp.is_some() && beneath(path).and_then(|normal| stamp_beneath(folder, &normal)) == stamp
            })
    }

    /// Reads a function file; none if there is nothing of that name.
    fn read(
        &self,
        folder: &Path,
        name: &str,
        absent: &'static [&'static str],
    ) -> Option<Result<Resolved, ResolveError>> {
        let path = folder.join(name);
        let file = match regular_file::open(&path) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => return None,
            Err(cause) => return Some(Err(ResolveError::Unreadable { path, cause })),
        };
        let shown = self.show(&path);
        let read = regular_file::read(file, MAX_FUNCTION_FILE_BYTES)
            .map_err(|refused| refused_error(refused, &path, &shown, MAX_FUNCTION_FILE_BYTES));
        Some(read.and_then(|(bytes, stamp)| {
            let digest = Digest::of(&bytes);
            let text = String::from_utf8(bytes).map_err(|error| ResolveError::Unreadable {
                path: path.clone(),
                cause: io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8: {}", error.utf8_error())),
            })?;
            let seen = Seen { file: stamp, absent, beside: Mutex::default() };
            Ok(Resolved {
                origin: self.origin(folder, name),
                source: Source::new(shown, text),
                digest,
                notes: Vec::new(),
                stamp: Some(Arc::new(seen)),
            })
        }))
    }

    fn origin(&self, folder: &Path, name: &str) -> Origin {
        let shown = if DEFAULT_FILES.contains(&name) { folder.to_owned() } else { folder.join(name) };
        let reference = match self.below(&shown) {
            Some(below) if below.as_os_str().is_empty() => ".".to_owned(),
            Some(below) => format!("./{}", below.display()),
            None => shown.display().to_string(),
        };
        Origin {
            protocol: Protocol::File,
            folder: Some(folder.to_owned()),
            tree: None,
            commit: None,
            file: name.to_owned(),
            reference,
        }
    }

    fn show(&self, path: &Path) -> String {
        self.below(path).unwrap_or(path).display().to_string()
    }

    fn below<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(self.shown_from.as_deref()?).ok()
    }
}

/// Opens a regular file that stays beneath a folder, through whatever links.
pub(crate) fn open_beneath(folder: &Path, path: &str) -> io::Result<File> {
    let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
    // As in `regular_file::open`: nothing but a regular file is opened.
    if !folder.metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(regular_file::open_flags());
    Ok(folder.open_with(path, &options)?.into_std())
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|metadata| Stamp::of(&metadata))
}

fn stamp_beneath(folder: &Path, path: &str) -> Option<Stamp> {
    // Opening is what cap-std keeps beneath the folder; reading nothing costs little.
    let metadata = open_beneath(folder, path).and_then(|file| file.metadata()).ok()?;
    Some(Stamp::of(&metadata))
}

fn seen(resolved: &Resolved) -> Option<&Seen> {
    resolved.stamp.as_deref()?.downcast_ref()
}

fn is_not_found<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| is_absence(&error))
}

/// A missing file, or a folder on the way that is none: a later step may make either.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn not_found(folder: &Path, tried: &[&str]) -> ResolveError {
    ResolveError::NotFound { folder: folder.to_owned(), tried: tried.iter().map(|&name| name.to_owned()).collect() }
}

fn escapes(folder: &Path, path: &str) -> ResolveError {
    ResolveError::Escapes { path: path.to_owned(), folder: folder.to_owned() }
}

fn beside_error(folder: &Path, path: &str, normal: &str, error: io::Error) -> ResolveError {
    if led_out(&error) {
        escapes(folder, path)
    } else if is_absence(&error) {
        not_found(folder, &[normal])
    } else {
        ResolveError::Unreadable { path: folder.join(normal), cause: error }
    }
}

/// Tells whether a file was not opened because a link leads out of the folder.
pub(crate) fn led_out(error: &io::Error) -> bool {
    // cap-std makes this error itself, without a number of the system.
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

pub(crate) fn refused_error(refused: Refused, path: &Path, shown: &str, limit_bytes: u64) -> ResolveError {
    match refused {
        Refused::TooLarge(actual_bytes) => ResolveError::TooLarge { path: shown.to_owned(), actual_bytes, limit_bytes },
        Refused::Failed(cause) => ResolveError::Unreadable { path: path.to_owned(), cause },
    }
}

#[cfg(test)]
mod tests;
