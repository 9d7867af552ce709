//! What steps do without a need for it, decided before anything runs.

use std::iter::Peekable;
use std::slice;
use std::sync::Arc;

use stepwell_policy::Decision;
use stepwell_schema::Place;

use crate::function::PlannedFunction;
use crate::invocation::names;

/// That a step calls its function, or starts its native program.
#[derive(Debug)]
pub struct DecidedAct {
    /// Which step: for each list on the way the position of the item (from 0) and its name; at least one.
    pub path: Vec<(usize, String)>,
    /// Where the step stands.
    pub place: Place,
    /// The function that is called; none for a script.
    pub function: Option<Arc<PlannedFunction>>,
    /// What is decided.
    pub decision: Decision,
}

impl DecidedAct {
    /// Returns the names on the way to the step, with `/` between them.
    pub fn step(&self) -> String {
        names(&self.path)
    }
}

/// Decided acts in the order of execution, for a walk of the tree that meets the steps in that order.
pub(crate) struct Acts<'p>(Peekable<slice::Iter<'p, DecidedAct>>);

impl<'p> Acts<'p> {
    pub(crate) fn new(acts: &'p [DecidedAct]) -> Self {
        Self(acts.iter().peekable())
    }

    /// Takes the decisions about the step at these positions.
    pub(crate) fn take(&mut self, at: &[usize]) -> Vec<&'p Decision> {
        let mut taken = Vec::new();
        while let Some(act) = self.0.next_if(|act| act.path.iter().map(|(position, _)| position).eq(at)) {
            taken.push(&act.decision);
        }
        taken
    }
}
