//! One item of a run list.

use crate::needs::Needs;
use crate::node::Node;
use crate::reference::SpannedReference;
use crate::source::{Span, Spanned};

/// One step: a name, what it invokes, inputs and environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The name; empty where a job list left it out.
    pub name: Spanned<String>,
    /// What it invokes.
    pub action: StepAction,
    /// Environment variables by name, in the order of the document; values may hold expressions. Non-text scalars are
    /// taken by their source text.
    pub env: Vec<(Spanned<String>, Spanned<String>)>,
    /// Which of the job's rights the function is passed.
    pub passes: Passes,
    /// When it runs.
    pub when: When,
    /// The whole item.
    pub span: Span,
}

/// What a step passes to its function besides inputs. A script has nothing of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passes {
    /// Secrets by the names under which the function asks for them, in the order of the document; values may hold
    /// expressions.
    pub secrets: Vec<(Spanned<String>, Spanned<String>)>,
    /// The most that the function, and those it calls, may have of what they ask for; none means all of it. Paths are
    /// those of the work dir and may hold expressions.
    pub allow: Option<Needs>,
}

/// When a step of a list runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum When {
    /// When all steps before it have succeeded.
    #[default]
    OnSuccess,
    /// When those before it have ended, well or not, but not after a cancellation or time limit; its own failure changes
    /// nothing about the job. Made from `after_script` of a pipeline's job; no document of steps can say so.
    Afterwards,
}

/// What a step invokes.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// A function, by `step:` or `func:`.
    Function {
        /// What is referred to.
        reference: SpannedReference,
        /// Inputs by name, in the order of the document; values may hold expressions at any depth.
        inputs: Vec<(Spanned<String>, Node)>,
    },
    /// A shell script; may hold expressions.
    Script(Spanned<String>),
}
