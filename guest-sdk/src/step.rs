//! A running step, as its author's function sees it.

use std::fmt::Display;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Failure;
use crate::file::{self, Access};
use crate::host::{Handle, Host, Info, Level};

/// Everything a step may ask of the host: its log, its files, facts about the call, and what later steps get.
///
/// File helpers take paths as job authors write them, relative to the job's work dir (`dist/a.tar.gz`), and name that
/// path in their failures. What they hand to the file system is [`work_path`](Self::work_path).
///
/// ```
/// use stepwell_sdk::{Failure, Step};
///
/// fn summary(step: &mut Step) -> Result<usize, Failure> {
///     let _group = step.group("counting");
///     let entries = step.walk("src")?;
///     for (done, entry) in entries.iter().enumerate() {
///         step.check_cancelled()?;
///         step.progress(done as u64, Some(entries.len() as u64), "files");
///         step.debug(&entry.path);
///     }
///     step.write("dist/count", entries.len().to_string())?;
///     step.export("COUNT", entries.len().to_string());
///     Ok(entries.len())
/// }
///
/// let fake = Step::fake().file("src/a.txt", "content");
/// let mut step = fake.step();
/// assert_eq!(summary(&mut step).unwrap(), 2);
/// assert_eq!(step.read_to_string("dist/count").unwrap(), "2");
/// assert_eq!(fake.records()[1].groups, ["counting"]);
/// ```
pub struct Step {
    pub(crate) host: Handle,
    exports: Vec<(String, String)>,
}

impl Step {
    pub(crate) fn new(host: Handle) -> Self {
        Self { host, exports: Vec::new() }
    }

    pub(crate) fn into_exports(self) -> Vec<(String, String)> {
        self.exports
    }

    /// Emits a log record of level trace.
    pub fn trace(&self, message: impl Display) {
        self.log(Level::Trace, message, &[]);
    }

    /// Emits a log record of level debug.
    pub fn debug(&self, message: impl Display) {
        self.log(Level::Debug, message, &[]);
    }

    /// Emits a log record of level info.
    pub fn info(&self, message: impl Display) {
        self.log(Level::Info, message, &[]);
    }

    /// Emits a log record of level warn.
    pub fn warn(&self, message: impl Display) {
        self.log(Level::Warn, message, &[]);
    }

    /// Emits a log record of level error. To end the step return a [`Failure`]; its message needs no record.
    pub fn error(&self, message: impl Display) {
        self.log(Level::Error, message, &[]);
    }

    /// Emits a log record with fields, names to values. The host cuts a record at 16 KiB and 32 fields.
    pub fn log(&self, level: Level, message: impl Display, fields: &[(&str, &dyn Display)]) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        self.host.emit(level, &message.to_string(), &fields);
    }

    /// Opens a foldable group in the log. It closes when the guard goes out of scope; groups nest, at most 16 deep.
    #[must_use = "the group closes at once unless the guard is kept"]
    pub fn group(&self, title: impl Display) -> Group {
        self.host.open_group(&title.to_string());
        Group { host: self.host.clone() }
    }

    /// States progress: how much is done, out of how much if that is known, and of what.
    pub fn progress(&self, done: u64, total: Option<u64>, label: impl Display) {
        Host::progress(&self.host, done, total, &label.to_string());
    }

    /// Masks a text in the log for the rest of the job. Texts shorter than four bytes are ignored with a warning.
    pub fn mask(&self, text: &str) {
        self.host.mask(text);
    }

    /// Sets an environment variable for later steps, should this one succeed. Of two with the same name the later wins.
    pub fn export(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.exports.push((name.into(), value.into()));
    }

    /// Returns the environment variables set so far for later steps: names and values, in order.
    pub fn exports(&self) -> &[(String, String)] {
        &self.exports
    }

    /// Returns facts about this call: step, invocation, attempt.
    pub fn context(&self) -> Info {
        self.host.info()
    }

    /// Returns whether an optional capability was granted, by the name it has in the function's needs, for example
    /// `http:api.example.com`. Unknown names: false.
    pub fn granted(&self, capability: &str) -> bool {
        self.host.granted(capability)
    }

    /// Returns the time left until the deadline, zero if it has passed, none if there is no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        Host::remaining(&self.host)
    }

    /// Returns whether the job was cancelled. A step that goes on is stopped after the grace time.
    pub fn cancelled(&self) -> bool {
        self.host.cancelled()
    }

    /// Returns a failure of kind cancelled if the job was cancelled; to be called with `?` in long loops.
    ///
    /// # Errors
    ///
    /// Only that one.
    pub fn check_cancelled(&self) -> Result<(), Failure> {
        if self.cancelled() { Err(Failure::cancelled()) } else { Ok(()) }
    }

    /// Returns where a path of the job's work dir lies for this step: `dist/x` is `/work/dist/x`, and `.` is `/work`.
    /// Guest paths (`/work/…`, `/step/…`, `/tmp/…`) stay what they are.
    ///
    /// # Errors
    ///
    /// A failure of kind denied, for any other absolute path.
    pub fn work_path(&self, path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
        self.host.locate(path.as_ref(), Access::Read)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// A failure that names the path; of kind denied if no grant covers it. So do all helpers below.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Failure> {
        self.at(Access::Read, path, |path| fs::read(path))
    }

    /// Reads a whole file of UTF-8.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_to_string(&self, path: impl AsRef<Path>) -> Result<String, Failure> {
        self.at(Access::Read, path, |path| fs::read_to_string(path))
    }

    /// Writes a whole file, in place of what was there. The folders above it are made.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.at(Access::Write, path, |path| {
            make_parent(path)?;
            fs::write(path, &content)
        })
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File, Failure> {
        self.at(Access::Read, path, |path| File::open(path))
    }

    /// Creates or empties a file for writing. The folders above it are made.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn create(&self, path: impl AsRef<Path>) -> Result<File, Failure> {
        self.at(Access::Write, path, |path| {
            make_parent(path)?;
            File::create(path)
        })
    }

    /// Makes a folder and those above it. One that is there is no error.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn create_folder(&self, path: impl AsRef<Path>) -> Result<(), Failure> {
        self.at(Access::Write, path, make_folder)
    }

    /// Removes a file or a link.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn remove_file(&self, path: impl AsRef<Path>) -> Result<(), Failure> {
        self.at(Access::Write, path, |path| fs::remove_file(path))
    }

    /// Renames a file, in place of what was at the new path.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); the path named is the new one.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Failure> {
        let from = self.host.locate(from.as_ref(), Access::Write)?;
        self.at(Access::Write, to, |to| fs::rename(&from, to))
    }

    /// Makes a symbolic link at `path` to `target`, which is stored as it is. The host refuses targets that are absolute
    /// or have a `..`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    #[expect(deprecated, reason = "the only function of the standard library that links on each target")]
    pub fn link(&self, target: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<(), Failure> {
        self.at(Access::Write, path, |path| {
            make_parent(path)?;
            fs::soft_link(&target, path)
        })
    }

    /// Returns the names in a folder, sorted by bytes.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); also for a name that is not UTF-8.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<String>, Failure> {
        self.at(Access::Read, path, |path| {
            let mut names = fs::read_dir(path)?.map(|entry| name(&entry?)).collect::<io::Result<Vec<_>>>()?;
            names.sort_unstable();
            Ok(names)
        })
    }

    /// Returns what lies at a path, without following a link.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Failure> {
        self.at(Access::Read, path, |path| fs::symlink_metadata(path))
    }

    /// Returns where a link points to, as it was written.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
        self.at(Access::Read, path, |path| fs::read_link(path))
    }

    /// Does `work` with the path that the file system knows, and names the path as written in a failure.
    fn at<T>(
        &self,
        access: Access,
        path: impl AsRef<Path>,
        work: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, Failure> {
        let asked = path.as_ref();
        let located = self.host.locate(asked, access)?;
        work(&located).map_err(|error| file::fail(access, asked, &located, &error))
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Makes a folder, looking first: a granted root is there already, and making what lies above it would be refused.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() { Ok(()) } else { fs::create_dir_all(path) }
}

fn name(entry: &fs::DirEntry) -> io::Result<String> {
    entry.file_name().into_string().map_err(|name| {
        io::Error::new(io::ErrorKind::InvalidData, format!("the name `{}` is not UTF-8", name.display()))
    })
}

/// An open group of the log; closes it when dropped.
#[must_use = "the group closes at once unless the guard is kept"]
pub struct Group {
    host: Handle,
}

impl Drop for Group {
    fn drop(&mut self) {
        self.host.close_group();
    }
}
