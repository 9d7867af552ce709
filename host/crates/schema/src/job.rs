//! A job file: the run list with its surroundings.

use std::sync::Arc;

use crate::node::Node;
use crate::problem::Problems;
use crate::source::{Source, Spanned};
use crate::step::Step;

/// A job: a run list with its surroundings. It has no specification: no inputs, no needs, no delegation.
#[derive(Clone, Debug)]
pub struct Job {
    /// The text it was parsed from.
    pub source: Arc<Source>,
    /// The steps in order; may be empty.
    pub steps: Vec<Step>,
    /// Environment of the whole list (`env:` beside `run:`), as in a definition.
    pub env: Vec<(Spanned<String>, Spanned<String>)>,
    /// `outputs:` beside `run:`, as in a definition.
    pub outputs: Vec<(Spanned<String>, Node)>,
    /// What was odd but accepted; all of severity warning.
    pub warnings: Problems,
}
