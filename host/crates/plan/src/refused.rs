//! Steps that may not run at all, found before anything runs.

use std::iter::Peekable;
use std::slice;
use std::sync::Arc;

use stepwell_policy::Decision;
use stepwell_schema::Place;

use crate::function::PlannedFunction;

/// A step whose function may not be called, or that may not start its native program.
#[derive(Debug)]
pub struct RefusedStep {
    /// Which step: for each list on the way the position of the item (from 0) and its name; at least one.
    pub path: Vec<(usize, String)>,
    /// Where the step stands.
    pub place: Place,
    /// The function that is called; none for a script.
    pub function: Option<Arc<PlannedFunction>>,
    /// The denial.
    pub decision: Decision,
}

/// Refused steps in the order of execution, for a walk of the tree that meets the steps in that order.
pub(crate) struct RefusedSteps<'p>(Peekable<slice::Iter<'p, RefusedStep>>);

impl<'p> RefusedSteps<'p> {
    pub(crate) fn new(refused: &'p [RefusedStep]) -> Self {
        Self(refused.iter().peekable())
    }

    /// Takes the denials of the step at these positions.
    pub(crate) fn take(&mut self, at: &[usize]) -> Vec<&'p Decision> {
        let mut taken = Vec::new();
        while let Some(step) = self.0.next_if(|step| step.path.iter().map(|(position, _)| position).eq(at)) {
            taken.push(&step.decision);
        }
        taken
    }
}
