//! A list of steps that is being worked through. The frames of a job stand on an explicit stack, so that all of its state
//! is data: nothing hides in the stack of calls.

use std::path::Path;
use std::sync::Arc;

use stepwell_expr::{Scope, StepOutputs, Values};
use stepwell_plan::{Base, Plan, PlannedDefinition, PlannedFunction, PlannedSequence, PlannedStep};
use stepwell_policy::Passed;

use crate::environment::Layers;
use crate::result::StepResult;
use crate::scratch::StepFiles;
use crate::step_path::StepPath;
use crate::table::StepId;

/// What a list and the expressions in it stand in: the job, or one call of a function.
#[derive(Debug)]
pub(crate) struct Context {
    /// All inputs of the function; empty for the job.
    pub(crate) inputs: Values,
    /// Folder of the function file; of the job its work dir; of a built-in function empty.
    pub(crate) folder: String,
    /// Where relative references start.
    pub(crate) base: Base,
    /// The environment.
    pub(crate) layers: Layers,
    /// What the steps on the way pass, the outermost first.
    pub(crate) passed: Vec<Arc<Passed>>,
    /// Output file and export file, if an expression uses one of them.
    pub(crate) files: Option<StepFiles>,
}

impl Context {
    /// Returns the context of the job.
    pub(crate) fn job(work_dir: &str, layers: Layers) -> Self {
        Self {
            inputs: Values::new(),
            folder: work_dir.to_owned(),
            base: Base::Folder(work_dir.into()),
            layers,
            passed: Vec::new(),
            files: None,
        }
    }

    /// Returns the context of a call.
    pub(crate) fn call(function: &PlannedFunction, inputs: Values, layers: Layers, files: Option<StepFiles>) -> Self {
        let folder = function.folder().map(Path::to_string_lossy).unwrap_or_default().into_owned();
        Self { inputs, folder, base: function.base(), layers, passed: Vec::new(), files }
    }

    /// Returns what an expression in this context sees.
    pub(crate) fn scope<'a>(&'a self, vars: &'a Values, work_dir: &'a str, steps: &'a StepOutputs) -> Scope<'a> {
        Scope {
            env: self.layers.environment().values(),
            vars,
            inputs: &self.inputs,
            steps,
            work_dir,
            func_dir: &self.folder,
            output_file: self.files.as_ref().map(|files| files.output.as_str()),
            export_file: self.files.as_ref().map(|files| files.export.as_str()),
        }
    }
}

/// Whose list it is.
#[derive(Clone, Debug)]
pub(crate) enum List {
    Job(Arc<Plan>),
    /// The definition is a sequence.
    Function(Arc<PlannedFunction>),
}

impl List {
    pub(crate) fn sequence(&self) -> &PlannedSequence {
        match self {
            Self::Job(plan) => &plan.root,
            Self::Function(function) => match &function.definition {
                PlannedDefinition::Sequence(sequence) => sequence,
                PlannedDefinition::Exec { .. } | PlannedDefinition::Wasm(_) => {
                    unreachable!("frames are made for sequences only")
                }
            },
        }
    }
}

/// A list that is being worked through.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The step, or job, whose list it is.
    pub(crate) owner: StepId,
    /// The owner's path.
    pub(crate) path: StepPath,
    pub(crate) list: List,
    /// The row of the first item.
    pub(crate) first: StepId,
    /// Position of the next item.
    pub(crate) next: usize,
    pub(crate) context: Context,
    /// Outputs of the items that have ended, by name.
    pub(crate) outputs: StepOutputs,
    /// What came of the owner so far.
    pub(crate) result: StepResult,
}

/// One item of a list that was reached.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: StepId,
    pub(crate) path: StepPath,
    list: List,
    index: usize,
}

impl Item {
    pub(crate) fn planned(&self) -> &PlannedStep {
        &self.list.sequence().steps[self.index]
    }

    pub(crate) fn name(&self) -> &str {
        &self.planned().name
    }
}

impl Frame {
    /// Returns the next item, and goes behind it.
    pub(crate) fn take_next(&mut self, path: StepPath) -> Item {
        let item = Item { id: self.first.item(self.next), path, list: self.list.clone(), index: self.next };
        self.next += 1;
        item
    }

    /// Tells whether all items were taken.
    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.list.sequence().steps.len()
    }

    /// Takes in what came of an item that succeeded.
    pub(crate) fn record(&mut self, result: StepResult) {
        self.outputs.insert(result.step.name().to_owned(), result.outputs.clone());
        self.result.children.push(result);
    }
}
