//! How a step ends other than well.

use crate::event::EventKind;
use crate::execute::Usage;
use crate::result::{JobError, JobErrorKind};
use crate::status::Change;
use crate::step_path::StepPath;

/// Why a step, or a list, did not succeed; without the names of the steps on its path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failed {
    /// What becomes of the step.
    pub(crate) change: Change,
    /// What sort of end.
    pub(crate) kind: JobErrorKind,
    /// The inner part of the chain of section 4.8 of the contract.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// What it used.
    pub(crate) usage: Option<Usage>,
}

impl Failed {
    /// Makes an end with [`Change::Fail`].
    pub(crate) fn new(kind: JobErrorKind, message: impl Into<String>) -> Self {
        Self { change: Change::Fail, kind, message: message.into(), hint: None, usage: None }
    }

    /// A step that failed by itself.
    pub(crate) fn step(message: impl Into<String>) -> Self {
        Self::new(JobErrorKind::StepFailed, message)
    }

    /// The engine failed.
    pub(crate) fn engine(message: impl Into<String>) -> Self {
        Self::new(JobErrorKind::Engine, message)
    }

    pub(crate) fn changing(self, change: Change) -> Self {
        Self { change, ..self }
    }

    pub(crate) fn hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    pub(crate) fn usage(self, usage: Usage) -> Self {
        Self { usage: Some(usage), ..self }
    }

    /// Puts a link of the chain in front, unless nothing failed but the job was stopped from outside.
    pub(crate) fn within(self, link: &str) -> Self {
        match self.change {
            Change::Fail => Self { message: format!("{link}: {}", self.message), ..self },
            Change::Start | Change::Succeed | Change::Cancel | Change::TimeOut | Change::Skip | Change::Lose => self,
        }
    }

    /// Returns the error of the job that this end of a step makes.
    pub(crate) fn job_error(&self, step: &StepPath) -> JobError {
        JobError {
            kind: self.kind,
            step: step.clone(),
            message: chain(step.segments().map(|(_, name)| name), &self.message),
            hint: self.hint.clone(),
        }
    }
}

/// Puts the names of steps, outermost first, in front of a message.
pub(crate) fn chain<'n>(names: impl Iterator<Item = &'n str>, message: &str) -> String {
    let mut text = String::new();
    for name in names {
        text.push_str(&format!("step {name:?}: "));
    }
    text + message
}

/// Makes a warning without place.
pub(crate) fn warning(message: impl Into<String>) -> EventKind {
    EventKind::Warning { message: message.into(), place: None }
}
