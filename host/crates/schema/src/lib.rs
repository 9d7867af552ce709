//! The documents of Stepwell as types.
//!
//! **In:** the text of a job, function or pipeline file, or of a table of cases. **Out:** types whose parts know where they stood in that text
//! ([`Spanned`]), or *all* the problems of the document at once ([`Problems`]). **Refuses to know:** files, networks,
//! and any meaning beyond shape. What an expression evaluates to, whether a reference exists, whether a need is granted:
//! other crates say that.
//!
//! May use: none of our crates. The YAML library stays inside [`yaml`].

#![forbid(unsafe_code)]

pub mod cases;
pub mod code;
pub mod digest;
mod excerpt;
mod findings;
pub mod function;
pub mod job;
pub mod literal;
pub mod name;
pub mod needs;
pub mod node;
mod parse;
pub mod pipeline;
pub mod problem;
pub mod reference;
pub mod source;
pub mod step;
pub mod strict;
pub mod suggest;
pub mod value;
pub mod yaml;

pub use cases::{Case, CaseTable, Ending, Expectation, ExpectedFile};
pub use digest::Digest;
pub use excerpt::excerpt_within;
pub use function::{
    Definition, DefinitionKind, Exec, Function, Input, Output, OutputsSpec, Sequence, Spec, WasmModule,
};
pub use job::Job;
pub use literal::literal;
pub use needs::{Clock, HttpNeed, LimitNeeds, Needs, PathNeed, Random, SecretNeed, SecretUse, WriteNeed};
pub use node::{Node, NodeKind};
pub use pipeline::{NoWork, Pipeline, PipelineJob, PipelineVariable, PipelineWork, ScriptJob};
pub use problem::{Label, Problem, Problems, Severity};
pub use reference::{GitReference, OciReference, Reference};
pub use source::{Place, Source, Span, Spanned};
pub use step::{Passes, Step, StepAction, When};
pub use suggest::did_you_mean;
pub use value::{Value, ValueType};
