//! Folders that a step is shown, opened before it runs.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use stepwell_policy::{Access, Grants, Limits, Root};
use wasmtime_wasi::{FsPerms, OpenMode};

use crate::links::LinkWatch;
use crate::quota::Quota;

/// Where a guest sees the work dir.
const WORK_DIR: &str = "/work";

/// One folder as the guest sees it.
#[derive(Clone)]
pub(crate) struct Preopen {
    /// Under which path.
    pub(crate) guest_path: String,
    /// The folder itself. All paths of the guest are resolved beneath it.
    pub(crate) dir: wasmtime_wasi::filesystem::Dir,
    /// What may be written; none means nothing.
    pub(crate) quota: Option<Arc<Quota>>,
    /// Watches the links of a folder of the work dir that may be written.
    pub(crate) links: Option<Arc<LinkWatch>>,
}

/// A folder that was opened for a step and is not shown yet.
pub(crate) struct Opened {
    /// Under which path the guest will see it. The work dir is seen under a second one too.
    pub(crate) guest_path: String,
    /// The folder itself.
    pub(crate) folder: File,
    /// Most bytes of growth and most new files; none means that nothing may be written.
    pub(crate) quota: Option<(u64, u64)>,
}

/// Why a folder cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PreopenError {
    #[error("`{path}`, which the step needs to read, does not exist in the work dir")]
    Missing { path: String },
    #[error("`{path}`, which the step needs, is not a folder")]
    NotFolder { path: String },
    #[error("`{path}` leads out of the work dir through a link")]
    LeadsOut { path: String },
    #[error("`{path}`, which the step writes, is a link or lies behind one")]
    Link { path: String },
    #[error("`{path}` cannot be opened")]
    Unopenable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

impl PreopenError {
    /// Returns what to do next, where there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { path } => Some(format!(
                "create `{path}` in an earlier step, or mark the need as `optional` if the step works without it"
            )),
            Self::NotFolder { path } => Some(format!("ask for the folder that holds `{path}`")),
            Self::LeadsOut { .. } | Self::Link { .. } => {
                Some("replace the link by a folder inside the work dir".to_owned())
            }
            Self::Unopenable { .. } => None,
        }
    }
}

/// Opens the folders that a step is shown: those of the work dir that are granted, and that of its function. The work dir
/// is opened once, the rest is found beneath it.
pub(crate) fn open(
    work_dir: &Path,
    grants: &Grants,
    function_folder: Option<&Path>,
) -> Result<Vec<Opened>, PreopenError> {
    let mut opened = open_granted(work_dir, grants)?;
    if let Some(folder) = function_folder {
        let guest_path = "/step".to_owned();
        opened.push(Opened { guest_path, folder: open_ambient(folder)?, quota: None });
    }
    Ok(opened)
}

fn open_granted(work_dir: &Path, grants: &Grants) -> Result<Vec<Opened>, PreopenError> {
    if grants.roots.is_empty() {
        return Ok(Vec::new());
    }
    let unopenable = |cause| PreopenError::Unopenable { path: work_dir.to_owned(), cause };
    let work = Dir::open_ambient_dir(work_dir, ambient_authority()).map_err(unopenable)?;
    let mut opened = Vec::with_capacity(grants.roots.len() + 1);
    for root in &grants.roots {
        let Some(folder) = open_root(&work, root)? else { continue };
        let quota = match root.access {
            Access::Read => None,
            Access::Write => Some((root.bytes, root.files)),
        };
        let guest_path = match root.path.is_work_dir() {
            true => WORK_DIR.to_owned(),
            false => format!("{WORK_DIR}/{}", root.path),
        };
        opened.push(Opened { guest_path, folder, quota });
    }
    Ok(opened)
}

/// Shows folders, those of the work dir as seen from there.
pub(crate) fn show(opened: Vec<Opened>, work_dir: &Path) -> Vec<Preopen> {
    let mut preopens = Vec::with_capacity(opened.len() + 1);
    for Opened { guest_path, folder, quota } in opened {
        let perms = if quota.is_some() { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        let quota = quota.map(|(bytes, files)| Quota::new(bytes, files));
        let dir = guest_dir(folder, perms);
        let below = guest_path.strip_prefix(WORK_DIR).filter(|_| quota.is_some());
        let links = below.map(|below| Arc::new(LinkWatch::new(Arc::clone(&dir.dir), below, work_dir)));
        let preopen = Preopen { guest_path, dir, quota, links };
        if preopen.guest_path == WORK_DIR {
            // The C library of WASI finds relative paths below this name only.
            preopens.push(Preopen { guest_path: ".".to_owned(), ..preopen.clone() });
        }
        preopens.push(preopen);
    }
    preopens
}

/// Opens a private folder for writing, with the limits that apply where none are asked for.
pub(crate) fn open_private(folder: &Path, guest_path: &str) -> Result<Preopen, PreopenError> {
    let dir = open_ambient(folder)?;
    let quota = Quota::new(Limits::DEFAULT_WRITE_BYTES, Limits::DEFAULT_WRITE_FILES);
    Ok(Preopen {
        guest_path: guest_path.to_owned(),
        dir: guest_dir(dir, FsPerms::ReadWrite),
        quota: Some(quota),
        links: None,
    })
}

fn open_ambient(folder: &Path) -> Result<File, PreopenError> {
    let unopenable = |cause| PreopenError::Unopenable { path: folder.to_owned(), cause };
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).map_err(unopenable)?;
    readable(&dir).map_err(unopenable)
}

/// None: the folder is missing, and the step works without it.
fn open_root(work: &Dir, root: &Root) -> Result<Option<File>, PreopenError> {
    let path = root.path.as_str();
    if root.access == Access::Write && !root.path.is_work_dir() {
        return open_made(work, path).map(Some);
    }
    match work.open_dir(path).and_then(|dir| readable(&dir)) {
        Ok(folder) => Ok(Some(folder)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && root.optional => Ok(None),
        Err(cause) => Err(explained(path, cause)),
    }
}

/// Opens a folder to write, making what is missing. It must be the very folder that was granted: a link on the way would
/// lead the step to write where it was given nothing, or into what it was given to read.
fn open_made(work: &Dir, path: &str) -> Result<File, PreopenError> {
    let failed = |cause: Errno| explained(path, cause.into());
    let mut folder = rustix::io::dup(work).map_err(failed)?;
    for part in path.split('/') {
        match rustix::fs::mkdirat(&folder, part, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(cause) => return Err(failed(cause)),
        }
        if is_link(&folder, part) {
            return Err(PreopenError::Link { path: path.to_owned() });
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        folder = rustix::fs::openat(&folder, part, flags, Mode::empty()).map_err(failed)?;
    }
    readable(&folder).map_err(|cause| explained(path, cause))
}

/// For the message alone: opening follows no link in any case.
fn is_link(folder: &OwnedFd, name: &str) -> bool {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

fn explained(path: &str, cause: io::Error) -> PreopenError {
    let path = path.to_owned();
    match cause.kind() {
        io::ErrorKind::NotFound => PreopenError::Missing { path },
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => PreopenError::NotFolder { path },
        // cap-std's own error for a path that leaves the folder carries no number of the operating system.
        io::ErrorKind::PermissionDenied if cause.raw_os_error().is_none() => PreopenError::LeadsOut { path },
        _ => PreopenError::Unopenable { path: path.into(), cause },
    }
}

/// Opens the folder again for reading: what cap-std holds may be a mere path.
pub(crate) fn readable(dir: &impl AsFd) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(dir, ".", flags, Mode::empty())?))
}

/// File calls are made on the thread that runs the guest: nothing is in flight when a step is stopped, and a call takes
/// less than a change of threads. Whatever could block for long (pipes, devices, sockets) is refused.
fn guest_dir(folder: File, perms: FsPerms) -> wasmtime_wasi::filesystem::Dir {
    let mode = match perms {
        FsPerms::ReadOnly => OpenMode::READ,
        FsPerms::ReadWrite => OpenMode::READ | OpenMode::WRITE,
    };
    wasmtime_wasi::filesystem::Dir::new(folder, perms, mode, true)
}

#[cfg(test)]
mod tests {
    use stepwell_policy::WorkPath;

    use super::*;

    fn root(path: &str, access: Access) -> Root {
        Root { path: WorkPath::parse(path, Path::new("/w")).unwrap(), access, bytes: 100, files: 1, optional: false }
    }

    #[track_caller]
    fn open(work: &Path, roots: Vec<Root>) -> Result<Vec<String>, String> {
        let grants = Grants { roots, ..Grants::default() };
        super::open(work, &grants, None)
            .map(|opened| show(opened, work).into_iter().map(|preopen| preopen.guest_path).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_granted_nothing_opened() {
        assert_eq!(open(Path::new("/does/not/exist"), Vec::new()), Ok(Vec::new()));
    }

    #[test]
    fn guest_paths() {
        let work = tempfile::tempdir().unwrap();
        std::fs::create_dir(work.path().join("src")).unwrap();
        let roots = vec![root("src", Access::Read), root("dist/a", Access::Write)];
        assert_eq!(open(work.path(), roots), Ok(vec!["/work/src".to_owned(), "/work/dist/a".to_owned()]));
        assert!(work.path().join("dist/a").is_dir());
        assert_eq!(open(work.path(), vec![root(".", Access::Read)]), Ok(vec![".".to_owned(), "/work".to_owned()]));
    }

    #[test]
    fn missing_folders() {
        let work = tempfile::tempdir().unwrap();
        let missing = open(work.path(), vec![root("src", Access::Read)]);
        assert_eq!(missing, Err("`src`, which the step needs to read, does not exist in the work dir".to_owned()));
        assert_eq!(open(work.path(), vec![Root { optional: true, ..root("src", Access::Read) }]), Ok(Vec::new()));
    }

    #[test]
    fn files_are_no_folders() {
        let work = tempfile::tempdir().unwrap();
        std::fs::write(work.path().join("f"), "").unwrap();
        for access in [Access::Read, Access::Write] {
            let refused = open(work.path(), vec![root("f", access)]);
            assert_eq!(refused, Err("`f`, which the step needs, is not a folder".to_owned()));
        }
    }

    #[test]
    fn pipes_and_sockets_are_no_folders_and_block_nobody() {
        let work = tempfile::tempdir().unwrap();
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, work.path().join("pipe"), FileType::Fifo, mode, 0).unwrap();
        drop(std::os::unix::net::UnixListener::bind(work.path().join("socket")).unwrap());
        for path in ["pipe", "socket"] {
            for access in [Access::Read, Access::Write] {
                let refused = open(work.path(), vec![root(path, access)]);
                assert_eq!(refused, Err(format!("`{path}`, which the step needs, is not a folder")));
            }
        }
    }

    #[test]
    fn links_out_are_refused() {
        let (work, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), work.path().join("absolute")).unwrap();
        let up = Path::new("..").join(outside.path().file_name().unwrap());
        std::os::unix::fs::symlink(up, work.path().join("relative")).unwrap();
        for path in ["absolute", "relative", "absolute/new", "relative/new"] {
            for access in [Access::Read, Access::Write] {
                let refused = open(work.path(), vec![root(path, access)]);
                assert!(refused.is_err(), "{path} {access:?}");
                assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
            }
        }
        assert_eq!(
            open(work.path(), vec![root("absolute", Access::Read)]),
            Err("`absolute` leads out of the work dir through a link".to_owned())
        );
    }

    #[test]
    fn what_is_written_is_what_was_granted() {
        let work = tempfile::tempdir().unwrap();
        std::fs::create_dir(work.path().join("src")).unwrap();
        std::os::unix::fs::symlink("src", work.path().join("dist")).unwrap();
        for path in ["dist", "dist/new"] {
            let refused = Err(format!("`{path}`, which the step writes, is a link or lies behind one"));
            assert_eq!(open(work.path(), vec![root(path, Access::Write)]), refused);
        }
        assert_eq!(std::fs::read_dir(work.path().join("src")).unwrap().count(), 0);
    }

    #[test]
    fn links_inside_are_followed_to_read() {
        let work = tempfile::tempdir().unwrap();
        std::fs::create_dir(work.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", work.path().join("link")).unwrap();
        assert_eq!(open(work.path(), vec![root("link", Access::Read)]), Ok(vec!["/work/link".to_owned()]));
    }
}
