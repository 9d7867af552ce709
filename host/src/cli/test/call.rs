//! One call of the function: a work dir with the files of the case, and everything that came of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stepwell_expr::Values;
use stepwell_run::Usage;
use stepwell_schema::{Case, Passes, Reference, Spanned, literal};
use tokio_util::sync::CancellationToken;

use super::reference;
use crate::cli::error::CommandError;
use crate::cli::{inputs, surroundings};
use crate::{Denied, EventKind, Host, JobErrorKind, JobRequest, JobResult, Problem, RunError};

/// Most of a log that is kept to be looked at, in bytes: the step ABI lets a function write 4 MiB.
const MAX_LOG_BYTES: usize = 8 << 20;

/// Calls one function.
pub(super) struct Caller {
    reference: Reference,
    cancelled: CancellationToken,
}

/// What came of a call.
#[derive(Debug, Default)]
pub(super) struct Called {
    pub(super) ended: Ended,
    pub(super) outputs: Values,
    pub(super) exports: BTreeMap<String, String>,
    /// The files that the case speaks of, as they are now; none for one that is not there.
    pub(super) files: BTreeMap<String, Option<String>>,
    pub(super) log: String,
    /// From the start of the step to its end, making the module ready among it.
    pub(super) elapsed: Duration,
    pub(super) usage: Usage,
}

/// How a call ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Ended {
    /// Well.
    #[default]
    Succeeded,
    /// As a failure of the function, or of what it was given.
    Failed(String),
    /// With a denial.
    Denied(String),
    /// Because of the engine: nothing that a case could expect.
    Broken(String),
}

impl Caller {
    pub(super) fn new(file: PathBuf, cancelled: CancellationToken) -> Result<Self, CommandError> {
        match reference(&file) {
            Some(reference) => Ok(Self { reference, cancelled }),
            None => {
                let message = format!("the path `{}` is not UTF-8", file.display());
                Err(CommandError::Document(Problem::error("unreadable", message).help("rename the folder").into()))
            }
        }
    }

    /// Calls the function as a case says.
    ///
    /// # Errors
    /// The work dir cannot be made, or nothing can run at all.
    pub(super) fn call(&self, host: &Host, case: &Case) -> Result<Called, CommandError> {
        let scratch = surroundings::scratch_folder();
        let made = || -> io::Result<tempfile::TempDir> {
            let work = tempfile::Builder::new().prefix("stepwell-test-").tempdir_in(&scratch)?;
            case.files.iter().try_for_each(|(path, text)| write(&work.path().join(&path.value), &text.value))?;
            Ok(work)
        };
        let work = made().map_err(|error| CommandError::file("cannot make a work dir in", &scratch, error))?;
        let mut called = match host.run(self.request(case, work.path())) {
            Ok(handle) => followed(handle),
            Err(RunError::Denied(denied)) => Called { ended: Ended::Denied(denied_text(&denied)), ..Called::default() },
            Err(RunError::Document(problems)) => {
                let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                Called { ended: Ended::Failed(text), ..Called::default() }
            }
            Err(RunError::Cancelled) => {
                Called { ended: Ended::Broken("it was cancelled".to_owned()), ..Called::default() }
            }
            Err(error @ RunError::Environment { .. }) => return Err(error.into()),
        };
        called.files = case.expect.files.iter().map(|(path, _)| seen(work.path(), &path.value)).collect();
        Ok(called)
    }

    fn request(&self, case: &Case, work: &Path) -> JobRequest {
        let inputs = case.inputs.iter().map(|(name, node)| (name.value.clone(), inputs::literal(node.to_value())));
        let secrets = case.passes.secrets.iter();
        let secrets = secrets.map(|(name, text)| (name.clone(), Spanned::new(literal(&text.value), text.span)));
        let passes = Passes { secrets: secrets.collect(), allow: case.passes.allow.clone() };
        JobRequest::call(&self.reference.to_string(), self.reference.clone(), inputs)
            .passing(&passes)
            .cancelled_by(self.cancelled.clone())
            .work_dir(work)
            .environment(surroundings::path())
            .environment(case.env.iter().map(|(name, value)| (name.value.clone(), value.value.clone())))
    }
}

/// Reads everything that a running call says, and what came of it.
fn followed(mut handle: crate::JobHandle) -> Called {
    let mut called = Called::default();
    while let Some(event) = handle.next_event() {
        match event.kind {
            EventKind::Log { bytes, .. } => called.logged(&String::from_utf8_lossy(&bytes)),
            EventKind::Record { message, .. } => called.logged(&format!("{message}\n")),
            EventKind::Transition { elapsed, usage, .. } if !event.step.is_job() => {
                called.elapsed = elapsed;
                called.usage = usage.unwrap_or(called.usage);
            }
            EventKind::Transition { .. }
            | EventKind::Prepared(_)
            | EventKind::Decided(_)
            | EventKind::GroupOpened { .. }
            | EventKind::GroupClosed
            | EventKind::Progress { .. }
            | EventKind::Warning { .. }
            | EventKind::Busy { .. }
            | EventKind::BusyOver
            | EventKind::Denied { .. } => {}
        }
    }
    let result = handle.wait();
    called.ended = ended(&result);
    if let Some(step) = result.root.and_then(|root| root.children.into_iter().next()) {
        called.outputs = step.outputs;
        called.exports = step.exports;
    }
    called
}

impl Called {
    fn logged(&mut self, text: &str) {
        if self.log.len() < MAX_LOG_BYTES {
            self.log += text;
        }
    }
}

fn ended(result: &JobResult) -> Ended {
    let Some(error) = &result.error else { return Ended::Succeeded };
    let message = error.message.clone();
    match error.kind {
        JobErrorKind::StepFailed | JobErrorKind::Document | JobErrorKind::TimedOut => Ended::Failed(message),
        JobErrorKind::Denied => Ended::Denied(message),
        JobErrorKind::Integrity | JobErrorKind::Engine | JobErrorKind::Cancelled => Ended::Broken(message),
    }
}

fn denied_text(denied: &[Denied]) -> String {
    let line = |denied: &Denied| format!("{}: {}", denied.decision.request.capability, denied.decision.reason);
    denied.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
}

/// Reads a file that the function may have written. A link is not followed: it may lead anywhere.
fn seen(work: &Path, path: &str) -> (String, Option<String>) {
    let file = work.join(path);
    let is_file = fs::symlink_metadata(&file).is_ok_and(|metadata| metadata.is_file());
    let bytes = is_file.then(|| fs::read(&file).ok()).flatten();
    (path.to_owned(), bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
