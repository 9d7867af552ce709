//! What can go wrong at this door: kinds, headings, hints and exit codes, in one place.

use std::io::{self, Write};
use std::process::ExitCode;

use stepwell_run::{JobError, JobErrorKind, JobResult, Status};
use stepwell_schema::{Problems, Severity};

use super::diagnostics;
use crate::RunError;

/// How the program ends. The numbers are promised to scripts: they are in the help, in docs/cli.md and under test.
/// 5 is kept for a job that waits for an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything went well.
    Success = 0,
    /// A step failed; of a function that is built or tested, the compiler refused it or a case did not hold.
    StepFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A document is not valid.
    Document = 3,
    /// Something was denied.
    Denied = 4,
    /// Content does not have the digest it must have.
    Integrity = 6,
    /// The engine or its surroundings failed.
    Environment = 7,
    /// A time limit ended it.
    TimeLimit = 124,
    /// It was cancelled.
    Cancelled = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// Returns the exit code for what came of a job.
    pub(super) fn of(result: &JobResult) -> Self {
        match (&result.error, result.status) {
            (None, Status::Succeeded) => Self::Success,
            (Some(JobError { kind, .. }), _) => match kind {
                JobErrorKind::StepFailed => Self::StepFailed,
                JobErrorKind::Document => Self::Document,
                JobErrorKind::Denied => Self::Denied,
                JobErrorKind::Integrity => Self::Integrity,
                JobErrorKind::Engine => Self::Environment,
                JobErrorKind::TimedOut => Self::TimeLimit,
                JobErrorKind::Cancelled => Self::Cancelled,
            },
            // A job that did not succeed carries an error; without one nothing is known about its end.
            (None, _) => Self::Environment,
        }
    }
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// Arguments that fit together in form but not in meaning.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to write instead.
        hint: String,
    },
    /// The work of an author does not hold: it does not compile, or not all of its cases pass.
    #[error("{message}")]
    Failed {
        /// What does not hold.
        message: String,
        /// Where to look.
        hint: String,
    },
    /// Documents that are not valid.
    #[error("{0}")]
    Document(Problems),
    /// The surroundings do not allow it.
    #[error("{message}")]
    Environment {
        /// What was tried.
        message: String,
        /// Why it failed.
        #[source]
        cause: io::Error,
        /// What to do next.
        hint: Option<String>,
    },
    /// The job was refused, or the engine could not be set up.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl CommandError {
    /// Wraps what the system said about a file.
    pub(super) fn file(what: &str, path: &std::path::Path, cause: io::Error) -> Self {
        Self::Environment { message: format!("{what} `{}`", path.display()), cause, hint: None }
    }

    /// Shows the error and returns the exit code.
    pub(super) fn report(&self, out: &mut dyn Write, color: bool) -> Exit {
        // Nothing more can be said when standard error itself is gone.
        let _ = self.write(out, color);
        self.exit()
    }

    /// Returns the error in one line: of several problems the first, and how many more there are.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Document(problems) | Self::Run(RunError::Document(problems)) => {
                let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
                let first = errors.next().map(ToString::to_string).unwrap_or_default();
                match errors.count() {
                    0 => first,
                    more => format!("{first} (and {more} more)"),
                }
            }
            Self::Environment { message, cause, .. } => format!("{message}: {cause}"),
            Self::Run(RunError::Environment { message, cause: Some(cause), .. }) => format!("{message}: {cause}"),
            Self::Usage { message, hint } | Self::Failed { message, hint } => format!("{message}; {hint}"),
            Self::Run(_) => self.to_string(),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Failed { .. } => Exit::StepFailed,
            Self::Document(problems) | Self::Run(RunError::Document(problems)) => exit_of(problems),
            Self::Run(RunError::Denied(_)) => Exit::Denied,
            Self::Run(RunError::Cancelled) => Exit::Cancelled,
            Self::Environment { .. } | Self::Run(RunError::Environment { .. }) => Exit::Environment,
        }
    }

    fn write(&self, out: &mut dyn Write, color: bool) -> io::Result<()> {
        match self {
            Self::Usage { message, hint } | Self::Failed { message, hint } => {
                writeln!(out, "error: {message}")?;
                writeln!(out, "  = {hint}")
            }
            Self::Document(problems) | Self::Run(RunError::Document(problems)) => {
                diagnostics::draw(out, problems, color)
            }
            Self::Environment { message, cause, hint } => {
                writeln!(out, "error: {message}: {cause}")?;
                hint.iter().try_for_each(|hint| writeln!(out, "  = {hint}"))
            }
            Self::Run(RunError::Denied(denials)) => super::refusal::draw(out, denials, color),
            Self::Run(error @ RunError::Cancelled) => writeln!(out, "error: {error}"),
            Self::Run(error @ RunError::Environment { hint, .. }) => {
                writeln!(out, "error: {error}")?;
                let mut cause = std::error::Error::source(error);
                while let Some(inner) = cause {
                    writeln!(out, "  caused by: {inner}")?;
                    cause = inner.source();
                }
                hint.iter().try_for_each(|hint| writeln!(out, "  = {hint}"))
            }
        }
    }
}

/// Content that was tampered with outweighs a mistake, and a mistake outweighs a denial.
fn exit_of(problems: &Problems) -> Exit {
    let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    if errors.clone().any(|problem| problem.code == stepwell_plan::code::INTEGRITY) {
        Exit::Integrity
    } else if errors.all(|problem| problem.code == crate::modules::NOT_GRANTED) {
        Exit::Denied
    } else {
        Exit::Document
    }
}
