//! Functions as the plan holds them: resolved, parsed, compiled.

use std::path::Path;
use std::sync::Arc;

use stepwell_expr::{Scope, Template, ValueTemplate};
use stepwell_policy::{FunctionFacts, Request};
use stepwell_schema::{Digest, Function, Problems};

use crate::needs::{NeedError, PlannedNeeds};
use crate::resolver::{Base, Protocol, Resolved, Resolver};
use crate::step::PlannedStep;

/// A function that is pinned to content. Shared by all steps that refer to it.
#[derive(Debug)]
pub struct PlannedFunction {
    /// Where it came from, with text and digest.
    pub resolved: Resolved,
    /// The parsed file.
    pub function: Function,
    /// The environment of the definition, compiled, in the order of the document.
    pub env: Vec<(String, Template)>,
    /// The definition, compiled.
    pub definition: PlannedDefinition,
    /// What it asks for, compiled.
    pub needs: PlannedNeeds,
    /// What was odd but accepted, in this file alone; those of parsing included.
    pub warnings: Problems,
    /// How much of the job hangs below it.
    pub extent: Extent,
    /// What policies know of it.
    pub facts: Arc<FunctionFacts>,
}

/// How much of a job hangs below a list of steps, as far as it is pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Functions inside each other; 0 where no function is called.
    pub depth: usize,
    /// Steps of all those lists together, each counted as often as it runs; saturates.
    pub steps: usize,
}

/// A definition, compiled.
#[derive(Debug)]
pub enum PlannedDefinition {
    /// One command.
    Exec {
        /// Program and arguments.
        command: Vec<Template>,
        /// Working directory.
        work_dir: Option<Template>,
    },
    /// A list of steps.
    Sequence(PlannedSequence),
    /// A WebAssembly module.
    Wasm(PlannedWasm),
}

/// A list of steps, compiled. The job itself is one.
#[derive(Debug, Default)]
pub struct PlannedSequence {
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
    /// Outputs in the order of the document.
    pub outputs: Vec<(String, ValueTemplate)>,
    /// Name of the step whose outputs are handed on.
    pub delegate: Option<String>,
}

/// A module with its arguments.
#[derive(Debug)]
pub struct PlannedWasm {
    /// The module.
    pub module: Arc<Module>,
    /// Arguments of a command module.
    pub args: Vec<Template>,
}

/// The bytes of a WebAssembly file. Nothing is known about them but their digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name for people: the path as the function file has it.
    pub name: String,
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Arc<[u8]>,
}

impl PlannedFunction {
    /// Returns the word for the kind of definition: `exec`, `sequence` or `wasm`.
    pub const fn kind(&self) -> &'static str {
        self.definition.kind()
    }

    /// Returns where the references of its own list start.
    pub fn base(&self) -> Base {
        self.resolved.base()
    }

    /// Returns the folder of the function file; none for a built-in function.
    pub fn folder(&self) -> Option<&Path> {
        self.resolved.origin.folder.as_deref()
    }

    /// Returns the module, if the definition is one.
    pub fn module(&self) -> Option<&Arc<Module>> {
        match &self.definition {
            PlannedDefinition::Wasm(wasm) => Some(&wasm.module),
            PlannedDefinition::Exec { .. } | PlannedDefinition::Sequence(_) => None,
        }
    }

    /// Tells whether a call of the function is decided by itself: a module always is, a command if it asks for something,
    /// a sequence never.
    pub fn is_decided(&self) -> bool {
        match &self.definition {
            PlannedDefinition::Wasm(_) => true,
            PlannedDefinition::Exec { .. } => !self.needs.is_empty(),
            PlannedDefinition::Sequence(_) => false,
        }
    }

    /// Returns what the function asks for in one invocation, in the order of [`stepwell_schema::Needs`], each once.
    /// `scope` is the function's own: its inputs with defaults, its environment, no steps.
    ///
    /// # Errors
    /// The first path that cannot be evaluated.
    pub fn requests(&self, scope: &Scope<'_>) -> Result<Vec<Request>, NeedError> {
        self.needs.requests(scope)
    }

    /// Tells, without reading them again, whether the function file and its module are still those of the plan. Says
    /// nothing about the functions that it refers to.
    pub fn is_current(&self, resolver: &dyn Resolver) -> bool {
        let beside: &[&str] = match &self.definition {
            PlannedDefinition::Wasm(wasm) => &[&wasm.module.name],
            PlannedDefinition::Exec { .. } | PlannedDefinition::Sequence(_) => &[],
        };
        resolver.is_unchanged(&self.resolved, beside)
    }
}

impl PlannedDefinition {
    /// Returns the word for the kind: `exec`, `sequence` or `wasm`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Exec { .. } => "exec",
            Self::Sequence(_) => "sequence",
            Self::Wasm(_) => "wasm",
        }
    }
}

impl Resolved {
    /// Returns where the references of this function's own list start.
    pub fn base(&self) -> Base {
        match (&self.origin.folder, &self.origin.tree) {
            (Some(folder), Some(root)) => Base::Tree { folder: folder.clone(), root: root.clone() },
            (Some(folder), None) => Base::Folder(folder.clone()),
            (None, _) => Base::BuiltIn(self.origin.reference.clone()),
        }
    }
}

impl Protocol {
    /// Returns the word that people and files see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::BuiltIn => "built-in",
            Self::Git => "git",
            Self::Oci => "oci",
        }
    }
}

impl PlannedSequence {
    /// Returns how much of the job hangs below this list, itself included.
    pub fn extent(&self) -> Extent {
        self.steps.iter().fold(Extent::default(), |extent, step| {
            let below = step.pinned().map(|function| function.extent);
            Extent {
                depth: extent.depth.max(below.map_or(0, |below| below.depth + 1)),
                steps: extent.steps.saturating_add(1).saturating_add(below.map_or(0, |below| below.steps)),
            }
        })
    }
}

impl std::fmt::Debug for Module {
    /// Leaves the bytes out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Module({}, {}, {} bytes)", self.name, self.digest, self.bytes.len())
    }
}
