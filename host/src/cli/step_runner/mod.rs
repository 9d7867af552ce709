//! The program under the name `step-runner`: the command line of GitLab's engine (section 8 of the contract), so that it
//! can stand in its place under an unmodified runner. Its streams and exit codes are a contract of their own: the log on
//! standard output, what went wrong in the last line of standard error as `Error: …`, exit code 0 or 1 and no other.

mod args;
mod ci;
mod job;
mod pairs;
mod run;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

pub(super) use self::args::CiArguments;
use self::args::{Command, StepRunner};
use super::error::CommandError;
use super::install;

/// The name under which the program answers as GitLab's engine does.
pub(super) const NAME: &str = "step-runner";

/// The commands that begin with the banner, whatever comes of them.
const WITH_BANNER: [&str; 3] = ["ci", "run", "serve"];

/// Tells whether the program was called by that name.
pub(super) fn is_called_by(program: Option<&OsString>) -> bool {
    program.and_then(|program| Path::new(program).file_name()).is_some_and(|name| name == NAME)
}

/// Runs the program with the given arguments, the first being its name.
pub(super) fn main(arguments: &[OsString]) -> ExitCode {
    if arguments.get(1).is_some_and(|command| WITH_BANNER.iter().any(|known| command == OsStr::new(known))) {
        banner();
    }
    exit(match StepRunner::try_parse_from(arguments) {
        Ok(arguments) => dispatch(arguments.command),
        Err(answer) if answer.use_stderr() => {
            let text = answer.render().to_string();
            Err(Failure::new(text.strip_prefix("error: ").unwrap_or(&text).trim_end()))
        }
        Err(answer) => {
            // Nothing more can be said when the stream itself is gone.
            let _ = answer.print();
            Ok(())
        }
    })
}

/// Runs the job in the variable `STEPS`, for `stepwell ci`.
pub(super) fn ci(arguments: &CiArguments) -> ExitCode {
    banner();
    exit(ci::ci(arguments))
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Ci(arguments) => ci::ci(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Bootstrap { folder } => Ok(install::install(&folder, NAME).map(|_| ())?),
        Command::Serve { .. } | Command::Proxy => {
            Err(Failure::new("the service is not part of this version: run jobs with `step-runner ci`"))
        }
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut StepRunner::command(), NAME, &mut script);
            Ok(super::print(&script).map(|_| ())?)
        }
    }
}

fn exit(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Failure::Unsaid(last) = failure {
                // Nothing more can be said when standard error itself is gone.
                let _ = writeln!(io::stderr(), "Error: {last}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends with 1.
#[derive(Debug)]
enum Failure {
    /// The last line was written.
    Said,
    /// What is to be said behind `Error: `.
    Unsaid(String),
}

impl Failure {
    fn new(last: impl Into<String>) -> Self {
        Self::Unsaid(last.into())
    }

    /// Shows everything that is known about an error, and keeps the shortest form of it for the last line. `stage` stands
    /// in front of that, such as `reading STEPS`.
    fn at(stage: &str, error: &CommandError) -> Self {
        error.report(&mut io::stderr(), false);
        Self::new(format!("{stage}: {}", error.summary()))
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::new(error.summary())
    }
}

/// Prints what the commands of GitLab's engine print first. A runner that decides by the first bytes of the log whether
/// its lines carry time stamps sees that they do not, whatever a step prints.
fn banner() {
    // Standard output may be closed; the job runs all the same.
    let _ = write!(
        io::stdout(),
        "\nStep Runner version: {} (stepwell)\nSee CHANGELOG.md of Stepwell for changes\n\n",
        env!("CARGO_PKG_VERSION")
    );
}
