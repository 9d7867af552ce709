//! One item of a run list.

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
    /// The whole item.
    pub span: Span,
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
