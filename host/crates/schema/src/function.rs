//! A function file: specification and definition.

use std::sync::Arc;

use crate::digest::Digest;
use crate::needs::Needs;
use crate::node::Node;
use crate::problem::Problems;
use crate::source::{Source, Span, Spanned};
use crate::step::Step;
use crate::value::{Value, ValueType};

/// A whole `func.yml` or `step.yml`.
#[derive(Clone, Debug)]
pub struct Function {
    /// The text it was parsed from.
    pub source: Arc<Source>,
    /// Document 1: the interface.
    pub spec: Spec,
    /// Document 2: how it is done.
    pub definition: Definition,
    /// What was odd but accepted; all of severity warning.
    pub warnings: Problems,
}

/// The interface of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// What the function does, for people.
    pub description: Option<String>,
    /// Inputs by name, in the order of the document.
    pub inputs: Vec<(Spanned<String>, Input)>,
    /// Outputs.
    pub outputs: OutputsSpec,
    /// What the function asks for.
    pub needs: Needs,
}

impl Spec {
    /// Returns the input of a name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|(known, _)| known.value == name).map(|(_, input)| input)
    }

    /// Returns the declared output of a name; none if outputs are delegated.
    pub fn output(&self, name: &str) -> Option<&Output> {
        match &self.outputs {
            OutputsSpec::Declared(outputs) => {
                outputs.iter().find(|(known, _)| known.value == name).map(|(_, output)| output)
            }
            OutputsSpec::Delegate(_) => None,
        }
    }

    /// Iterates over the names of the inputs, in the order of the document.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|(name, _)| name.value.as_str())
    }
}

impl Input {
    /// Tells whether a step must give it: it has no default.
    pub fn is_required(&self) -> bool {
        self.default.is_none()
    }
}

/// One declared input.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The declared type.
    pub value_type: ValueType,
    /// Taken literally, of exactly the declared type; none makes the input required.
    pub default: Option<Value>,
    /// Whether its values are kept out of logs and reports.
    pub sensitive: bool,
    /// For people.
    pub description: Option<String>,
}

/// What a function says about its outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputsSpec {
    /// Outputs by name, in the order of the document; may be empty.
    Declared(Vec<(Spanned<String>, Output)>),
    /// `outputs: delegate`: those of another step, unchecked.
    Delegate(Span),
}

impl Default for OutputsSpec {
    fn default() -> Self {
        Self::Declared(Vec::new())
    }
}

/// One declared output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The declared type.
    pub value_type: ValueType,
    /// Taken literally; none means an `exec` or `wasm` function must write it.
    pub default: Option<Value>,
    /// Whether its values are kept out of logs and reports.
    pub sensitive: bool,
    /// For people.
    pub description: Option<String>,
}

/// How a function is done, with the environment of its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Environment variables in the order of the document; values may hold expressions.
    pub env: Vec<(Spanned<String>, Spanned<String>)>,
    /// Command, list or module.
    pub kind: DefinitionKind,
    /// The whole document.
    pub span: Span,
}

/// The three kinds of definition.
#[derive(Clone, Debug, PartialEq)]
pub enum DefinitionKind {
    /// One command.
    Exec(Exec),
    /// A list of steps.
    Sequence(Sequence),
    /// A WebAssembly module.
    Wasm(WasmModule),
}

/// `exec`: one command, without a shell.
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    /// Program and arguments, at least one; each may hold expressions.
    pub command: Vec<Spanned<String>>,
    /// Working directory; may hold expressions.
    pub work_dir: Option<Spanned<String>>,
}

/// `run`: a list of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The steps, at least one in a file.
    pub steps: Vec<Step>,
    /// Outputs in the order of the document; values may hold expressions.
    pub outputs: Vec<(Spanned<String>, Node)>,
    /// Name of the step whose outputs are handed on.
    pub delegate: Option<Spanned<String>>,
}

/// `wasm`: a module beside the function file.
#[derive(Clone, Debug, PartialEq)]
pub struct WasmModule {
    /// Path from the folder of the function file, with forward slashes; stays inside that folder.
    pub module: Spanned<String>,
    /// The digest that the module must have, if one is given.
    pub sha256: Option<Spanned<Digest>>,
    /// Arguments of a command module; each may hold expressions.
    pub args: Vec<Spanned<String>>,
}
