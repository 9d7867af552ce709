//! Steps as the plan holds them.

use std::sync::Arc;

use stepwell_expr::{Template, ValueTemplate};
use stepwell_schema::{Place, Reference, When};

use crate::function::PlannedFunction;
use crate::needs::PlannedNeeds;

/// One step of a list, compiled.
#[derive(Debug)]
pub struct PlannedStep {
    /// Its name; may be empty at job level.
    pub name: String,
    /// Where its name (or, without one, the item) stands.
    pub place: Place,
    /// Environment in the order of the document.
    pub env: Vec<(String, Template)>,
    /// What it invokes.
    pub action: PlannedAction,
    /// What its function is passed besides inputs.
    pub passes: PlannedPasses,
    /// When it runs. Only a job's own list holds other steps than [`When::OnSuccess`].
    pub when: When,
}

/// What a step passes to its function besides inputs, compiled.
#[derive(Debug, Default)]
pub struct PlannedPasses {
    /// Secrets by the names under which the function asks for them, in the order of the document.
    pub secrets: Vec<(String, Template)>,
    /// The most that the function, and those it calls, may have; none means all that they ask for.
    pub allow: Option<PlannedNeeds>,
}

/// What a planned step invokes.
#[derive(Debug)]
pub enum PlannedAction {
    /// A shell script.
    Script(Template),
    /// A function.
    Function {
        /// The reference as written.
        reference: Reference,
        /// The given inputs, in the order of the document, each with its place.
        inputs: Vec<(String, ValueTemplate, Place)>,
        /// What the reference leads to.
        target: Target,
    },
}

/// What a reference leads to.
#[derive(Clone, Debug)]
pub enum Target {
    /// Content that is known.
    Pinned(Arc<PlannedFunction>),
    /// Pinned when reached.
    WhenReached(Deferred),
}

/// Why a reference is not pinned by the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deferred {
    /// The text (or a member of the long form) holds an expression.
    Dynamic,
    /// Nothing is there yet; an earlier step may make it. The text is the resolver's.
    NotThere(String),
    /// The whole job is planned so; see [`crate::Pinning::WhenReached`].
    Asked,
}

impl PlannedStep {
    /// Returns the function that this step calls, if it is pinned.
    pub fn pinned(&self) -> Option<&Arc<PlannedFunction>> {
        match &self.action {
            PlannedAction::Function { target: Target::Pinned(function), .. } => Some(function),
            PlannedAction::Function { target: Target::WhenReached(_), .. } | PlannedAction::Script(_) => None,
        }
    }
}
