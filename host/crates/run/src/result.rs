//! What came of a job: the tree of step results that section 5.11 of the contract reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwell_expr::{Marked, Values};
use stepwell_plan::PlannedFunction;

use crate::status::Status;
use crate::step_path::StepPath;

/// What came of a job.
#[derive(Debug)]
pub struct JobResult {
    /// A final status.
    pub status: Status,
    /// The chain of section 4.8, such as `step "a": exec: exit status 3`; none after success.
    pub error: Option<JobError>,
    /// The result of the root sequence; none where the job ended before its first step.
    pub root: Option<StepResult>,
    /// From start to end.
    pub elapsed: Duration,
}

/// Why a job did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub struct JobError {
    /// What sort of end.
    pub kind: JobErrorKind,
    /// The step that ended the job; the empty path where none did.
    pub step: StepPath,
    /// The chain of section 4.8.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Sorts of end, each with its own exit code at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobErrorKind {
    /// A step failed.
    StepFailed,
    /// A document that was loaded while the job ran is not valid.
    Document,
    /// Something was denied.
    Denied,
    /// Content does not have the digest it must have.
    Integrity,
    /// The engine or its surroundings failed.
    Engine,
    /// A time limit.
    TimedOut,
    /// The job was cancelled.
    Cancelled,
}

/// What came of one step.
#[derive(Debug)]
pub struct StepResult {
    /// Where it stands.
    pub step: StepPath,
    /// Its reference as written; empty for a script and for the root.
    pub reference: StepReference,
    /// The given inputs, evaluated; only those given.
    pub inputs: Values,
    /// The whole environment when the step was called.
    pub call_env: Arc<BTreeMap<String, Marked>>,
    /// A final status.
    pub status: Status,
    /// What it handed over.
    pub outputs: Values,
    /// What it exported.
    pub exports: BTreeMap<String, String>,
    /// The whole environment after the definition's own was applied.
    pub env: Arc<BTreeMap<String, Marked>>,
    /// The command, where one was run.
    pub exec: Option<ExecResult>,
    /// Results of its list, in order of execution.
    pub children: Vec<StepResult>,
}

/// What a step referred to.
#[derive(Clone, Debug)]
pub enum StepReference {
    /// The root sequence.
    Root,
    /// The built-in script step, with its text as written.
    Script(String),
    /// A function.
    Function(Arc<PlannedFunction>),
}

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecResult {
    /// Program and arguments, evaluated.
    pub command: Vec<String>,
    /// Working directory.
    pub work_dir: String,
    /// Exit code; -1 where it could not be started or was ended by a signal.
    pub exit_code: i32,
}

impl JobResult {
    /// Returns the result of a job whose end nobody saw: its engine went away while it ran.
    pub fn lost() -> Self {
        Self {
            status: Status::Lost,
            error: Some(JobError {
                kind: JobErrorKind::Engine,
                step: StepPath::job(),
                message: "the engine went away while the job ran".to_owned(),
                hint: None,
            }),
            root: None,
            elapsed: Duration::ZERO,
        }
    }
}
