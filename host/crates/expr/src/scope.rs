//! What an expression can see.

use std::collections::BTreeMap;

use crate::marked::Marked;

/// Values by name.
pub type Values = BTreeMap<String, Marked>;

/// Outputs of steps that have ended, by the name of the step.
pub type StepOutputs = BTreeMap<String, Values>;

/// What an expression can see: borrowed, read-only, and nothing of later steps.
///
/// A context that does not exist at a place (`inputs` at job level, `output_file` in a plan) is an empty map or none.
/// Values of `env` and `vars` are always text.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `env.NAME`: the environment of the context.
    pub env: &'a Values,
    /// `vars.NAME` and `job.NAME`: job variables.
    pub vars: &'a Values,
    /// `inputs.NAME`: inputs of the executing function, defaults filled in.
    pub inputs: &'a Values,
    /// `steps.NAME.outputs.KEY`: outputs of steps of the same list that have ended.
    pub steps: &'a StepOutputs,
    /// `work_dir`.
    pub work_dir: &'a str,
    /// `func_dir` and `step_dir`.
    pub func_dir: &'a str,
    /// `output_file`; none at job level.
    pub output_file: Option<&'a str>,
    /// `export_file`; none at job level.
    pub export_file: Option<&'a str>,
}
