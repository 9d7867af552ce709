//! Why a program could not be started.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::launch::Launch;

/// Most bytes of one argument or one variable, with its name and `=`: `MAX_ARG_STRLEN` of Linux with pages of 4 KiB,
/// less the final NUL (execve(2), "Limits on size of arguments and environment").
const MAX_TEXT_BYTES: usize = 32 * 4096 - 1;

/// Most bytes of a file's first line that name an interpreter: `BINPRM_BUF_SIZE` of Linux.
const MAX_FIRST_LINE_BYTES: u64 = 256;

/// Why a program could not be started, in the words of section 4.8 of the contract. [`Refusal::hint`] says what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No folder of `PATH` has the program.
    #[error("exec: {program:?}: executable file not found in $PATH")]
    NotInPath {
        /// The program as written.
        program: String,
        /// The step's `PATH`.
        path: Option<String>,
        /// A file of that name which is there but not executable.
        not_executable: Option<PathBuf>,
    },
    /// There is no shell for a script.
    #[error("no shell found: neither `bash` nor `sh` is in /usr/local/bin, /usr/bin or /bin")]
    NoShell,
    /// The working directory cannot be entered.
    #[error("chdir {}: {problem}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        problem: DirectoryProblem,
    },
    /// The program's file is not there.
    #[error("exec: {program:?}: no such file or directory")]
    NoFile {
        /// The program as written.
        program: String,
        /// The working directory, to which it is relative.
        directory: PathBuf,
    },
    /// The program is a folder.
    #[error("exec: {program:?}: is a directory")]
    Folder {
        /// The program as written.
        program: String,
    },
    /// The program's file lacks the permission.
    #[error("exec: {program:?}: permission denied")]
    NotExecutable {
        /// The program as written.
        program: String,
        /// Whether its mode has an executable bit, so that something else is in the way.
        executable_bit: bool,
    },
    /// The first line of the file names an interpreter that cannot be run.
    #[error("exec: {program:?}: bad interpreter {interpreter:?}: {problem}")]
    BadInterpreter {
        /// The program as written.
        program: String,
        /// What stands after `#!`.
        interpreter: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file is there, but not what loads it.
    #[error("exec: {program:?}: the loader of this program is missing")]
    NoLoader {
        /// The program as written.
        program: String,
    },
    /// The file is no program for this machine.
    #[error("exec: {program:?}: exec format error")]
    Format {
        /// The program as written.
        program: String,
    },
    /// Arguments and environment are too much for the kernel.
    #[error("exec: {program:?}: argument list too long")]
    TooLong {
        /// The program as written.
        program: String,
        /// The largest text of all, for people, such as `an argument`.
        largest: String,
        /// Its length.
        length_bytes: usize,
    },
    /// A text holds a NUL, which no argument and no variable can.
    #[error("exec: {program:?}: {what} contains NUL")]
    Nul {
        /// The program as written.
        program: String,
        /// Which text, for people.
        what: String,
    },
    /// The machine is out of something; nothing is known against the step.
    #[error("cannot start {program:?}: {source}")]
    Exhausted {
        /// The program as written.
        program: String,
        /// What the kernel says.
        source: Errno,
    },
    /// Anything else.
    #[error("exec: {program:?}: {message}")]
    Other {
        /// The program as written.
        program: String,
        /// What the kernel says.
        message: String,
    },
}

/// What can be wrong with a working directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DirectoryProblem {
    /// It is not there.
    #[error("no such file or directory")]
    Missing,
    /// It is a file.
    #[error("not a directory")]
    NoDirectory,
    /// It may not be entered.
    #[error("permission denied")]
    Denied,
}

impl Refusal {
    /// Finds out why a start failed. The kernel gives one number for several causes, so this looks at the files.
    pub(crate) fn explain(error: &io::Error, launch: &Launch<'_>) -> Self {
        let program = launch.name.to_owned();
        let Some(errno) = Errno::from_io_error(error) else {
            return Self::explain_without_number(error, launch);
        };
        if let Some(problem) = directory_problem(launch.directory) {
            return Self::Directory { directory: launch.directory.to_owned(), problem };
        }
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::explain_missing(launch),
            Errno::ACCESS => Self::explain_denied(launch),
            Errno::NOEXEC => Self::Format { program },
            Errno::TOOBIG => Self::explain_too_long(launch),
            Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE => Self::Exhausted { program, source: errno },
            other => Self::Other { program, message: words(other) },
        }
    }

    /// `std` refuses a NUL by itself.
    fn explain_without_number(error: &io::Error, launch: &Launch<'_>) -> Self {
        let program = launch.name.to_owned();
        match nul_in(launch) {
            Some(what) => Self::Nul { program, what },
            None => Self::Other { program, message: error.to_string() },
        }
    }

    fn explain_missing(launch: &Launch<'_>) -> Self {
        let program = launch.name.to_owned();
        let file = launch.directory.join(&launch.file);
        if !file.exists() {
            return Self::NoFile { program, directory: launch.directory.to_owned() };
        }
        match interpreter(&file) {
            Some(interpreter) => Self::BadInterpreter { program, interpreter, problem: "no such file or directory" },
            None => Self::NoLoader { program },
        }
    }

    fn explain_denied(launch: &Launch<'_>) -> Self {
        let program = launch.name.to_owned();
        let file = launch.directory.join(&launch.file);
        if file.is_dir() {
            return Self::Folder { program };
        }
        match interpreter(&file) {
            Some(interpreter) if access(&file, Access::EXEC_OK).is_ok() => {
                Self::BadInterpreter { program, interpreter, problem: "permission denied" }
            }
            _ => Self::NotExecutable { program, executable_bit: has_executable_bit(&file) },
        }
    }

    fn explain_too_long(launch: &Launch<'_>) -> Self {
        let arguments = launch.arguments.iter().map(|argument| (launch.argument_noun.to_owned(), argument.len()));
        let variables =
            launch.environment.iter().map(|(name, value)| (format!("variable `{name}`"), name.len() + 1 + value.len()));
        let (largest, length_bytes) = arguments.chain(variables).max_by_key(|(_, length)| *length).unwrap_or_default();
        Self::TooLong { program: launch.name.to_owned(), largest, length_bytes }
    }

    /// Returns what to do next, where there is something to say.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotInPath { not_executable: Some(file), .. } => {
                format!("`{}` is there, but not executable: `chmod +x` it", file.display())
            }
            Self::NotInPath { path: None, .. } => "the step's environment has no PATH: set one in `env`, or write \
                the program with its path"
                .to_owned(),
            Self::NotInPath { path: Some(path), .. } => format!(
                "the step's PATH is `{path}`: install the program there, let an earlier step export a PATH that has \
                 it, or write the program with its path"
            ),
            Self::NoShell => "install a shell in one of these folders, or use `exec` instead of `script`".to_owned(),
            Self::Directory { problem: DirectoryProblem::Missing, .. } => {
                "create the directory in an earlier step, or correct `work_dir`; a relative one starts from the \
                 job's work dir"
                    .to_owned()
            }
            Self::Directory { problem: DirectoryProblem::NoDirectory, .. } => {
                "`work_dir` must name a directory, not a file".to_owned()
            }
            Self::Directory { problem: DirectoryProblem::Denied, .. } => {
                "the user the engine runs as may not enter it: correct its owner or mode".to_owned()
            }
            Self::NoFile { program, directory } if !program.starts_with('/') => {
                format!("a program with a slash in its name is looked for from `{}`", directory.display())
            }
            Self::NoFile { .. } => "correct the path, or install the program".to_owned(),
            Self::Folder { .. } => "name a program inside the directory".to_owned(),
            Self::NotExecutable { program, executable_bit: false } => {
                format!("make it executable: `chmod +x {program}`; in git, `git update-index --chmod=+x` keeps it so")
            }
            Self::NotExecutable { executable_bit: true, .. } => {
                "its mode allows it for somebody: see whether the owner is right, and whether its file system is \
                 mounted `noexec`"
                    .to_owned()
            }
            Self::BadInterpreter { interpreter, .. } if interpreter.ends_with('\r') => {
                "the first line ends with a carriage return: save the file with LF line ends".to_owned()
            }
            Self::BadInterpreter { interpreter, .. } => {
                format!("the first line of the file asks for `{interpreter}`: install it, or correct the line")
            }
            Self::NoLoader { .. } => "it was built for another C library or machine: install its loader (`file` \
                names it), or use a static build"
                .to_owned(),
            Self::Format { .. } => {
                "a script must start with a line such as `#!/bin/sh`; a program must be built for this machine"
                    .to_owned()
            }
            Self::TooLong { largest, length_bytes, .. } if *length_bytes > MAX_TEXT_BYTES => format!(
                "{largest} has {length_bytes} bytes, and the kernel takes at most {MAX_TEXT_BYTES}: put the text \
                 into a file of the project, and pass or run that file"
            ),
            Self::TooLong { largest, length_bytes, .. } => format!(
                "arguments and environment together are more than the kernel takes; the largest is {largest} with \
                 {length_bytes} bytes"
            ),
            Self::Nul { .. } => "neither arguments nor variables can hold a NUL: pass the bytes in a file".to_owned(),
            Self::Exhausted { .. } | Self::Other { .. } => return None,
        })
    }
}

/// Tells why a directory cannot be entered; none if it can.
fn directory_problem(directory: &Path) -> Option<DirectoryProblem> {
    match fs::metadata(directory) {
        Ok(data) if !data.is_dir() => Some(DirectoryProblem::NoDirectory),
        Ok(_) => access(directory, Access::EXEC_OK).is_err().then_some(DirectoryProblem::Denied),
        Err(error) => Some(match error.kind() {
            io::ErrorKind::PermissionDenied => DirectoryProblem::Denied,
            io::ErrorKind::NotADirectory => DirectoryProblem::NoDirectory,
            _ => DirectoryProblem::Missing,
        }),
    }
}

/// Returns what the first line of a file names after `#!`, without arguments; none where it names nothing.
fn interpreter(file: &Path) -> Option<String> {
    let mut start = Vec::new();
    File::open(file).ok()?.take(MAX_FIRST_LINE_BYTES).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let name = line.trim_matches([' ', '\t']).split([' ', '\t']).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Tells whether a file is executable for anybody.
fn has_executable_bit(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

/// Names the first text that holds a NUL.
fn nul_in(launch: &Launch<'_>) -> Option<String> {
    let has_nul = |text: &str| text.contains('\0');
    if has_nul(launch.name) {
        return Some("the program's name".to_owned());
    }
    if launch.arguments.iter().any(|argument| has_nul(argument)) {
        return Some(launch.argument_noun.to_owned());
    }
    if launch.directory.to_str().is_some_and(has_nul) {
        return Some("the working directory".to_owned());
    }
    let (name, _) = launch.environment.iter().find(|(name, value)| has_nul(name) || has_nul(value))?;
    Some(format!("environment variable {name:?}"))
}

/// Returns the kernel's words for an error, without its number and in small letters.
fn words(errno: Errno) -> String {
    let text = io::Error::from(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}
