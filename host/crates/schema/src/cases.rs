//! A table of cases of a function: what it is given, and what is expected of it.

use std::sync::Arc;

use crate::node::Node;
use crate::problem::Problems;
use crate::source::{Source, Span, Spanned};
use crate::step::Passes;

/// A table of cases, such as `tests/cases.yml` of a function.
#[derive(Clone, Debug)]
pub struct CaseTable {
    /// The text it was parsed from.
    pub source: Arc<Source>,
    /// The cases in order, at least one; their names differ.
    pub cases: Vec<Case>,
    /// What was odd but accepted; all of severity warning.
    pub warnings: Problems,
}

/// One call of the function, in a work dir of its own. Everything in it is taken literally: `${{` begins no expression,
/// but in [`Passes::allow`], which is as in a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The name: any text that is not empty.
    pub name: Spanned<String>,
    /// Inputs by name, in the order of the document.
    pub inputs: Vec<(Spanned<String>, Node)>,
    /// Variables of the job's environment, in the order of the document.
    pub env: Vec<(Spanned<String>, Spanned<String>)>,
    /// Files of the work dir before the call, by path in it; paths stay inside.
    pub files: Vec<(Spanned<String>, Spanned<String>)>,
    /// Secrets by the names under which the function asks for them, and the most that it may have.
    pub passes: Passes,
    /// What the operator allows: `profile:NAME`, or a path from the folder of the function; none means `profile:local`.
    pub policy: Option<Spanned<String>>,
    /// What is expected.
    pub expect: Expectation,
    /// The whole case.
    pub span: Span,
}

/// Things by name, in the order of the document.
pub type Named<T> = Vec<(Spanned<String>, T)>;

/// What is expected of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// How it ends.
    pub ending: Ending,
    /// All outputs by name, and where they stand; none means that they are not looked at.
    pub outputs: Option<Spanned<Named<Node>>>,
    /// All exports by name, likewise.
    pub exports: Option<Spanned<Named<Spanned<String>>>>,
    /// Files of the work dir after the call, by path in it. Others are not looked at.
    pub files: Vec<(Spanned<String>, ExpectedFile)>,
    /// Texts that the log holds, in any order.
    pub log: Vec<Spanned<String>>,
}

/// How a call ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Ending {
    /// Well.
    #[default]
    Success,
    /// As a failure whose message holds a text.
    Failure(Spanned<String>),
    /// With a denial, whose text holds this, before the function has run or because of what it did.
    Denial(Spanned<String>),
}

/// A file after a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedFile {
    /// It is not there.
    Absent(Span),
    /// It is there with this text.
    Text(Spanned<String>),
}
