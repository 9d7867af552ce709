//! Function files in a fetched tree, and the files beside them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Oid;
use stepwell_plan::{Origin, Protocol, ResolveError, Resolved};
use stepwell_schema::{Digest, GitReference, Source};

use super::cache::Lease;
use super::local;
use crate::fs::{DEFAULT_FILES, MAX_FUNCTION_FILE_BYTES, is_absence, led_out, open_beneath, refused_error};
use crate::path::{self, FilePath};
use crate::regular_file;

/// What is known of a tree.
#[derive(Clone, Debug)]
pub(crate) struct TreeInfo {
    /// The address of the repository, without credentials.
    pub(crate) url: String,
    /// The revision as written.
    pub(crate) revision: String,
    pub(crate) commit: String,
    pub(crate) stamp: Arc<Stamp>,
}

/// What tells whether a function in a tree is still what was read.
#[derive(Debug)]
pub(crate) struct Stamp {
    pub(crate) lease: Arc<Lease>,
    /// A repository on this machine, the revision, and what it stood for.
    pub(crate) moving: Option<(PathBuf, String, Oid)>,
}

impl TreeInfo {
    /// Returns the same for what is relative in the tree, which stays what it is when the revision moves.
    pub(crate) fn as_fixed(&self) -> Self {
        let lease = Arc::clone(&self.stamp.lease);
        Self { stamp: Arc::new(Stamp { lease, moving: None }), ..self.clone() }
    }
}

impl Stamp {
    pub(crate) fn of(resolved: &Resolved) -> Option<&Self> {
        resolved.stamp.as_deref()?.downcast_ref()
    }

    /// Tells whether nothing has been written to the tree, and the revision still stands for the commit.
    pub(crate) fn is_unchanged(&self) -> bool {
        let has_stayed =
            |(folder, revision, commit): &(PathBuf, String, Oid)| local::current(folder, revision) == Some(*commit);
        self.lease.is_unchanged() && self.moving.as_ref().is_none_or(has_stayed)
    }
}

/// Reads the function file in a folder of a tree, both from its root.
pub(crate) fn resolve(
    root: &Path,
    directory: &str,
    file: Option<&str>,
    info: &TreeInfo,
) -> Result<Resolved, ResolveError> {
    let whole = match file {
        Some(file) => format!("{directory}/{file}"),
        None => directory.to_owned(),
    };
    let escapes = || ResolveError::Escapes { path: whole.clone(), folder: PathBuf::from(&info.url) };
    let whole_path = within(&whole).ok_or_else(escapes)?;
    let (folder, file) = match (file, whole_path.rsplit_once('/')) {
        (None, _) => (whole_path.as_str(), None),
        (Some(_), Some((folder, file))) => (folder, Some(file)),
        (Some(_), None) => ("", Some(whole_path.as_str())),
    };
    read(root, folder, file, Some(info), Protocol::Git)
}

/// Reads the function file of a relative reference that stands in a function of the tree. `info` is none where nobody
/// knows what the tree is of.
pub(crate) fn resolve_in_tree(
    root: &Path,
    base: &Path,
    path: &str,
    info: Option<&TreeInfo>,
) -> Result<Resolved, ResolveError> {
    let escapes = || ResolveError::Escapes { path: path.to_owned(), folder: shown_root(root, info) };
    // From `/`, a path that climbs too high would stay there; so its parts are counted first.
    let from_root = base.strip_prefix(root).ok().and_then(Path::to_str).ok_or_else(escapes)?;
    within(&format!("{from_root}/{path}")).ok_or_else(escapes)?;
    let FilePath { folder, file } = FilePath::parse(path, base);
    let folder = folder.strip_prefix(root).ok().and_then(Path::to_str).ok_or_else(escapes)?;
    read(root, folder, file.as_deref(), info, Protocol::File)
}

/// See [`stepwell_plan::Resolver::is_unchanged`], for a function in a tree.
pub(crate) fn is_unchanged(resolved: &Resolved) -> bool {
    Stamp::of(resolved).is_some_and(Stamp::is_unchanged)
}

/// See [`stepwell_plan::Resolver::read_beside`], for a function in a tree.
pub(crate) fn read_beside(
    root: &Path,
    resolved: &Resolved,
    path: &str,
    limit_bytes: u64,
) -> Result<Arc<[u8]>, ResolveError> {
    let folder = resolved.origin.folder.as_deref().unwrap_or(root);
    let escapes = || ResolveError::Escapes { path: path.to_owned(), folder: folder.to_owned() };
    let normal = path::beneath(path).ok_or_else(escapes)?;
    let in_tree = folder.strip_prefix(root).ok().and_then(Path::to_str).ok_or_else(escapes)?;
    let whole = join(in_tree, &normal);
    let file = open_beneath(root, &whole).map_err(|error| {
        if led_out(&error) {
            escapes()
        } else if is_absence(&error) {
            let place = resolved.origin.reference.clone();
            ResolveError::NotInTree { place, folder: in_tree.to_owned(), tried: vec![normal.clone()] }
        } else {
            ResolveError::Unreadable { path: root.join(&whole), cause: error }
        }
    })?;
    let read = regular_file::read(file, limit_bytes);
    let (bytes, _) = read.map_err(|refused| refused_error(refused, &root.join(&whole), path, limit_bytes))?;
    Ok(bytes.into())
}

fn read(
    root: &Path,
    folder: &str,
    file: Option<&str>,
    info: Option<&TreeInfo>,
    protocol: Protocol,
) -> Result<Resolved, ResolveError> {
    let names: &[&str] = match &file {
        Some(file) => std::slice::from_ref(file),
        None => &DEFAULT_FILES,
    };
    for name in names {
        let whole = join(folder, name);
        let unreadable = |cause| ResolveError::Unreadable { path: root.join(&whole), cause };
        let opened = match open_beneath(root, &whole) {
            Ok(opened) => opened,
            Err(error) if is_absence(&error) => continue,
            Err(error) if led_out(&error) => {
                return Err(ResolveError::Escapes { path: whole.clone(), folder: shown_root(root, info) });
            }
            Err(error) => return Err(unreadable(error)),
        };
        let shown = match info {
            Some(info) => format!("{}@{}:{whole}", info.url, info.revision),
            None => root.join(&whole).display().to_string(),
        };
        let (bytes, _) = regular_file::read(opened, MAX_FUNCTION_FILE_BYTES)
            .map_err(|refused| refused_error(refused, &root.join(&whole), &shown, MAX_FUNCTION_FILE_BYTES))?;
        let digest = Digest::of(&bytes);
        let text = String::from_utf8(bytes).map_err(|error| {
            unreadable(io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8: {}", error.utf8_error())))
        })?;
        let origin = Origin {
            protocol,
            folder: Some(if folder.is_empty() { root.to_owned() } else { root.join(folder) }),
            tree: Some(root.to_owned()),
            commit: info.map(|info| info.commit.clone()),
            file: (*name).to_owned(),
            reference: reference(root, folder, name, info),
        };
        let stamp = info.map(|info| Arc::clone(&info.stamp) as Arc<dyn std::any::Any + Send + Sync>);
        return Ok(Resolved { origin, source: Source::new(shown, text), digest, notes: Vec::new(), stamp });
    }
    Err(ResolveError::NotInTree {
        place: info.map_or_else(|| root.display().to_string(), |info| format!("{}@{}", info.url, info.revision)),
        folder: folder.to_owned(),
        tried: names.iter().map(|&name| name.to_owned()).collect(),
    })
}

/// Returns the canonical form.
fn reference(root: &Path, folder: &str, name: &str, info: Option<&TreeInfo>) -> String {
    let is_default = DEFAULT_FILES.contains(&name);
    match info {
        Some(info) => GitReference {
            url: info.url.clone(),
            revision: info.revision.clone(),
            directory: folder.to_owned(),
            file: (!is_default).then(|| name.to_owned()),
        }
        .to_string(),
        None => root.join(join(folder, if is_default { "" } else { name })).display().to_string(),
    }
}

fn shown_root(root: &Path, info: Option<&TreeInfo>) -> PathBuf {
    info.map_or_else(|| root.to_owned(), |info| PathBuf::from(&info.url))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Returns the normal form of a path that stays below where it starts, or is where it starts: then it is empty.
fn within(path: &str) -> Option<String> {
    let relative = path.trim_start_matches('/');
    if relative.split('/').all(|part| matches!(part, "" | ".")) {
        return Some(String::new());
    }
    match path::beneath(relative) {
        Some(normal) => Some(normal),
        // `a/..` names the start; anything else that is not beneath it leads out.
        None => path::beneath(&format!("{relative}/x")).filter(|end| end == "x").map(|_| String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_within_a_tree() {
        for (path, expected) in [
            ("", Some("")),
            (".", Some("")),
            ("steps/a", Some("steps/a")),
            ("/steps//a/./b/..", Some("steps/a")),
            ("a/..", Some("")),
            ("a/../..", None),
            ("..", None),
            ("a/../../a", None),
        ] {
            assert_eq!(within(path).as_deref(), expected, "{path:?}");
        }
    }
}
