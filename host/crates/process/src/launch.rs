//! Starting a program.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::refusal::Refusal;

/// Pauses before a start is tried again that failed because the program's file is open for writing. Such a file was
/// just written by this process; a program started at the same moment has it open too, until its exec some
/// microseconds later (<https://github.com/golang/go/issues/22315>). 127 ms in all.
const BUSY_PAUSES: [Duration; 7] = {
    let ms = Duration::from_millis;
    [ms(1), ms(2), ms(4), ms(8), ms(16), ms(32), ms(64)]
};

/// A program about to be started.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// The file; has a slash, and is relative to `directory` unless absolute.
    pub(crate) file: PathBuf,
    /// The program as written, which it sees as its own name.
    pub(crate) name: &'a str,
    /// The arguments after the name.
    pub(crate) arguments: Vec<&'a str>,
    /// What a long one among the arguments is, for people.
    pub(crate) argument_noun: &'static str,
    /// The working directory, absolute.
    pub(crate) directory: &'a Path,
    /// The whole environment.
    pub(crate) environment: &'a BTreeMap<String, String>,
}

impl Launch<'_> {
    /// Starts the program as the leader of a process group of its own, with empty input and both outputs piped.
    ///
    /// # Errors
    /// See [`Refusal`]; nothing runs then.
    pub(crate) async fn start(&self) -> Result<Child, Refusal> {
        let mut command = self.command();
        for pause in BUSY_PAUSES {
            match command.spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => tokio::time::sleep(pause).await,
                started => return started.map_err(|error| Refusal::explain(&error, self)),
            }
        }
        command.spawn().map_err(|error| Refusal::explain(&error, self))
    }

    /// Builds the command, from nothing but what `posix_spawn` can do.
    #[expect(clippy::disallowed_methods, reason = "this crate is the one that starts programs")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command
            .arg0(self.name)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment)
            .current_dir(self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }
}
