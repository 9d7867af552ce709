//! Links that a step made lead out of the work dir by moving them.
//!
//! A guest makes no link that could lead out, and follows none. But one that an earlier step left, such as `../b` in a
//! folder, leads elsewhere once it or its folder is moved up, and whoever reads the work dir next may follow it. So the
//! links that lead out are counted before the first move of a step, and those that came to do so are removed after it.

use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

/// Most names that are looked at: enough for the modules of a large front end, and looked through in a second.
const MAX_NAMES: usize = 200_000;
/// Deepest folder that is looked into; each level holds a file of the engine open.
const MAX_DEPTH: usize = 128;

/// Which file it is, whatever its name: device and number.
type Identity = (u64, u64);

/// The links below one writable folder of a step.
#[derive(Debug)]
pub(crate) struct LinkWatch {
    folder: Arc<File>,
    /// The folder as seen from the work dir, empty for the work dir itself.
    below_work_dir: PathBuf,
    work_dir: PathBuf,
    before: Mutex<Option<Census>>,
}

/// The links that lead out.
#[derive(Debug, Default)]
struct Census {
    links: Vec<Outgoing>,
    /// There was more than is looked at.
    is_partial: bool,
}

/// A folder that is looked through, with what is still to be looked at in it.
struct Level {
    folder: OwnedFd,
    path: PathBuf,
    subfolders: Vec<CString>,
}

#[derive(Debug)]
struct Outgoing {
    path: PathBuf,
    identity: Identity,
}

/// What became of the links once the step ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleared {
    /// Where the links were that are gone, as seen from the work dir.
    pub(crate) removed: Vec<PathBuf>,
    /// There were more names than are looked at, or some could not be.
    pub(crate) is_partial: bool,
}

impl LinkWatch {
    /// Watches a folder, given by a handle and by its path below the work dir.
    pub(crate) fn new(folder: Arc<File>, below_work_dir: &str, work_dir: &Path) -> Self {
        let below_work_dir =
            Path::new(below_work_dir).components().filter(|part| matches!(part, Component::Normal(_))).collect();
        Self { folder, below_work_dir, work_dir: work_dir.to_owned(), before: Mutex::default() }
    }

    /// Is called before the guest moves a link or a folder. The first time, it looks at what is there.
    pub(crate) fn before_move(&self) {
        self.lock().get_or_insert_with(|| self.census(|_, _| {}));
    }

    /// Is called when the step has ended and nothing of it runs any more: removes the links that lead out and did not
    /// before.
    pub(crate) fn clear(&self) -> Cleared {
        let Some(before) = self.lock().take() else { return Cleared::default() };
        if before.is_partial {
            // Nobody knows which of the links were there: none is removed.
            return Cleared { removed: Vec::new(), is_partial: true };
        }
        let known: HashSet<Identity> = before.links.iter().map(|link| link.identity).collect();
        let mut left = false;
        let after = self.census(|folder, link| {
            if !known.contains(&link.identity)
                && let Some(name) = link.path.file_name()
            {
                left |= rustix::fs::unlinkat(folder, name, AtFlags::empty()).is_err();
            }
        });
        let removed = after.links.into_iter().filter(|link| !known.contains(&link.identity)).map(|link| link.path);
        Cleared { removed: removed.collect(), is_partial: after.is_partial || left }
    }

    /// Looks at all links, following none.
    fn census(&self, mut found: impl FnMut(&OwnedFd, &Outgoing)) -> Census {
        let mut census = Census::default();
        let mut names = 0;
        let Ok(top) = self.folder.try_clone() else { return Census { is_partial: true, ..census } };
        let mut levels = Vec::new();
        let mut next = Some((OwnedFd::from(top), self.below_work_dir.clone()));
        loop {
            if let Some((folder, path)) = next.take() {
                let subfolders = self.look_at(&folder, &path, &mut census, &mut names, &mut found);
                levels.push(Level { folder, path, subfolders });
            }
            let Some(level) = levels.last_mut() else { return census };
            let Some(name) = level.subfolders.pop() else {
                levels.pop();
                continue;
            };
            let path = level.path.join(bytes_path(name.to_bytes()));
            match open_folder(&level.folder, &name) {
                Some(opened) if levels.len() < MAX_DEPTH => next = Some((opened, path)),
                _ => census.is_partial = true,
            }
        }
    }

    /// Looks at the links in one folder. Returns the folders in it.
    fn look_at(
        &self,
        folder: &OwnedFd,
        path: &Path,
        census: &mut Census,
        names: &mut usize,
        found: &mut impl FnMut(&OwnedFd, &Outgoing),
    ) -> Vec<CString> {
        let mut subfolders = Vec::new();
        let Ok(entries) = Dir::read_from(folder) else {
            census.is_partial = true;
            return subfolders;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            *names += 1;
            if *names > MAX_NAMES {
                census.is_partial = true;
                break;
            }
            let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => subfolders.push(name.to_owned()),
                FileType::Symlink => {
                    let Ok(target) = rustix::fs::readlinkat(folder, name, Vec::new()) else { continue };
                    if leads_out(path, bytes_path(target.to_bytes()), &self.work_dir) {
                        let path = path.join(bytes_path(name.to_bytes()));
                        let link = Outgoing { path, identity: (stat.st_dev, stat.st_ino) };
                        found(folder, &link);
                        census.links.push(link);
                    }
                }
                _ => {}
            }
        }
        subfolders
    }

    fn lock(&self) -> MutexGuard<'_, Option<Census>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_folder(folder: impl AsFd, name: &CStr) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty()).ok()
}

fn bytes_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Tells whether a link in a folder, given as seen from the work dir, leads out of the work dir.
fn leads_out(folder: &Path, target: &Path, work_dir: &Path) -> bool {
    let (mut depth, rest) = match target.strip_prefix(work_dir) {
        Ok(below) => (0, below),
        Err(_) if target.is_absolute() => return true,
        Err(_) => (folder.components().count(), target),
    };
    for part in rest.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn where_links_lead() {
        for (folder, target, expected) in [
            ("", "a", false),
            ("", "../a", true),
            ("a", "../b", false),
            ("a", "../../b", true),
            ("a/b", "../../c/../../d", true),
            ("a", "./b/../../c", false),
            ("a", "/etc/passwd", true),
            ("a", "/w/c", false),
            ("a", "/w/../c", true),
            ("a", "/wide", true),
        ] {
            let out = leads_out(Path::new(folder), Path::new(target), Path::new("/w"));
            assert_eq!(out, expected, "{folder} {target}");
        }
    }

    fn watch(work: &Path, folder: &str) -> LinkWatch {
        LinkWatch::new(Arc::new(File::open(work.join(folder)).unwrap()), folder, work)
    }

    #[test]
    fn what_came_to_lead_out_is_removed_and_nothing_else() {
        let work = tempfile::tempdir().unwrap();
        fs::create_dir_all(work.path().join("top/a/b")).unwrap();
        symlink("../../c", work.path().join("top/a/b/moves")).unwrap();
        symlink("/etc", work.path().join("top/a/b/was-out")).unwrap();
        symlink("moves", work.path().join("top/a/b/inside")).unwrap();
        let watch = watch(work.path(), "top");
        watch.before_move();
        fs::rename(work.path().join("top/a/b"), work.path().join("top/b")).unwrap();
        watch.before_move();
        assert_eq!(watch.clear(), Cleared::default());
        watch.before_move();
        fs::rename(work.path().join("top/b/moves"), work.path().join("top/moves")).unwrap();
        let removed = vec![PathBuf::from("top/moves")];
        assert_eq!(watch.clear(), Cleared { removed, is_partial: false });
        assert!(!work.path().join("top/moves").is_symlink());
        assert!(work.path().join("top/b/was-out").is_symlink() && work.path().join("top/b/inside").is_symlink());
        assert_eq!(watch.clear(), Cleared::default());
    }

    #[test]
    fn where_not_all_is_seen_nothing_is_removed() {
        let work = tempfile::tempdir().unwrap();
        let deep = "d/".repeat(MAX_DEPTH + 2);
        fs::create_dir_all(work.path().join(deep)).unwrap();
        fs::create_dir(work.path().join("a")).unwrap();
        symlink("../d", work.path().join("a/link")).unwrap();
        let watch = watch(work.path(), ".");
        watch.before_move();
        fs::rename(work.path().join("a/link"), work.path().join("link")).unwrap();
        assert_eq!(watch.clear(), Cleared { removed: Vec::new(), is_partial: true });
        assert!(work.path().join("link").is_symlink());
    }
}
