//! Why a job is not run at all.

use std::error::Error;

use stepwell_plan::Denial;
use stepwell_policy::Decision;
use stepwell_schema::{Place, Problems};

/// Why a job is not run at all. Nothing has run, and nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The job or a function that it uses is not valid; warnings may be among the problems.
    #[error("{0}")]
    Document(Problems),
    /// Something that a step needs is denied.
    #[error("{}", denied_text(.0))]
    Denied(Vec<Denied>),
    /// It was cancelled before its first step.
    #[error("the job was cancelled before its first step")]
    Cancelled,
    /// The engine could not be set up, or its surroundings do not allow it.
    #[error("{message}")]
    Environment {
        /// What was tried: a lower-case fragment.
        message: String,
        /// Why it failed.
        #[source]
        cause: Option<Box<dyn Error + Send + Sync>>,
        /// What to do next.
        hint: Option<String>,
    },
}

impl RunError {
    /// Wraps an error of the surroundings.
    pub(crate) fn environment(message: impl Into<String>, cause: impl Error + Send + Sync + 'static) -> Self {
        Self::Environment { message: message.into(), cause: Some(Box::new(cause)), hint: None }
    }
}

fn denied_text(denials: &[Denied]) -> String {
    match denials.len() {
        1 => "1 need is denied".to_owned(),
        count => format!("{count} needs are denied"),
    }
}

/// A need of a step that is denied.
#[derive(Clone, Debug, PartialEq)]
pub struct Denied {
    /// The names on the way to the step, with `/` between them.
    pub step: String,
    /// Where the step stands.
    pub place: Place,
    /// The function that asks, as referred to; of a script the word `script`.
    pub function: String,
    /// What was asked, why it is denied, and what would change that.
    pub decision: Decision,
}

impl From<Denial<'_>> for Denied {
    fn from(denial: Denial<'_>) -> Self {
        Self {
            step: denial.step(),
            place: denial.place.clone(),
            function: denial.function_name().to_owned(),
            decision: denial.decision.clone(),
        }
    }
}
