//! The plan of a job, and the way to it.

use std::path::Path;
use std::sync::Arc;

use stepwell_expr::{Template, Values};
use stepwell_policy::Decision;
use stepwell_schema::{Digest, Job, Problem, Problems, Source};

use crate::code;
use crate::document::Document;
use crate::function::{PlannedFunction, PlannedSequence};
use crate::invocation::{Known, NeedsState, PlannedInvocation, invocations};
use crate::load::{Loader, MAX_STEPS};
use crate::names::Names;
use crate::pinning::Pinning;
use crate::problem::in_document_order;
use crate::resolver::{Base, Resolver};

/// The locked form of a job: what is known before anything runs.
#[derive(Debug)]
pub struct Plan {
    /// The job's text.
    pub source: Arc<Source>,
    /// The digest of that text.
    pub digest: Digest,
    /// The environment of the whole list, compiled, in the order of the document.
    pub env: Vec<(String, Template)>,
    /// The list.
    pub root: PlannedSequence,
    /// The calls in the tree of pinned steps whose needs are decided, in order of execution, with what is decided.
    pub invocations: Vec<PlannedInvocation>,
    /// All functions that are pinned, each once, sorted by reference and digest.
    pub functions: Vec<Arc<PlannedFunction>>,
    /// What is odd but accepted, in the order of the documents; all of severity warning.
    pub warnings: Problems,
    /// When functions are looked at.
    pub pinning: Pinning,
}

/// What is known of a job besides its documents. The default knows nothing.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Job variables. A path that depends on one that is not here is decided when its step is reached.
    pub vars: Values,
    /// When functions are looked at.
    pub pinning: Pinning,
}

/// A need that is denied whatever happens: with one of these the job would end before its first step.
#[derive(Clone, Copy, Debug)]
pub struct Denial<'p> {
    /// The call that needs it.
    pub invocation: &'p PlannedInvocation,
    /// What was asked, and why it is denied.
    pub decision: &'p Decision,
}

/// Makes the plan of a job. Reads all function files and modules that the job leads to, each once; runs nothing.
///
/// `work_dir` is the job's work dir, absolute: job-level references start there, and needs are decided against it.
///
/// # Errors
/// All problems of the job and of all function files together, warnings among them, in the order of the documents. A
/// module that does not have its digest has the code [`code::INTEGRITY`].
pub fn plan(job: &Job, work_dir: &Path, resolver: &dyn Resolver, options: &PlanOptions) -> Result<Plan, Problems> {
    let mut loader = Loader::new(resolver, options.pinning);
    let mut document = Document::new(&job.source, options.pinning);
    let mut names = Names::new(None);
    let env = document.env(&job.env, &names);
    let base = Base::Folder(work_dir.to_owned());
    let steps = loader.steps(&mut document, &job.steps, &base, &mut names);
    let outputs = document.outputs(&job.outputs, &names);
    let root = PlannedSequence { steps, outputs, delegate: None };
    let functions = loader.functions();
    let mut problems = loader.problems;
    problems.extend(job.warnings.iter().cloned());
    problems.extend(document.into_problems());
    problems.extend(too_many_steps(&root));
    let warnings = in_document_order(problems, &job.source);
    if warnings.has_errors() {
        return Err(warnings);
    }
    let invocations = invocations(&root, &Known { work_dir, vars: &options.vars });
    let digest = Digest::of(job.source.text().as_bytes());
    Ok(Plan {
        source: Arc::clone(&job.source),
        digest,
        env,
        root,
        invocations,
        functions,
        warnings,
        pinning: options.pinning,
    })
}

impl Plan {
    /// Iterates over the needs that are denied whatever happens and that their functions cannot do without, in order of
    /// execution. With one of them nothing should be run at all.
    pub fn denials(&self) -> impl Iterator<Item = Denial<'_>> {
        self.invocations.iter().flat_map(|invocation| {
            let decisions = match &invocation.needs {
                NeedsState::Decided(decisions) => decisions,
                NeedsState::WhenReached { known, .. } => known,
            };
            decisions.refusals().map(move |decision| Denial { invocation, decision })
        })
    }
}

fn too_many_steps(root: &PlannedSequence) -> Option<Problem> {
    let (name, place) = root.steps.first().map(|step| (&step.name, step.place.clone()))?;
    let steps = root.extent().steps;
    (steps > MAX_STEPS).then(|| {
        let message = format!("the job has more than {MAX_STEPS} steps, those of nested functions counted");
        Problem::error(code::TOO_MANY_STEPS, message).at(place, format!("the list that starts with `{name}`"))
    })
}
