//! The plan of a job, and the way to it.

use std::path::Path;
use std::sync::Arc;

use stepwell_expr::{Template, Values};
use stepwell_policy::{Decision, Policy, Subject};
use stepwell_schema::{Digest, Job, Place, Problem, Problems, Source};

use crate::acts::DecidedAct;
use crate::code;
use crate::document::Document;
use crate::function::{PlannedFunction, PlannedSequence};
use crate::invocation::{Known, NeedsState, PlannedInvocation, invocations, names};
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
    /// What the steps in the tree of pinned steps do without a need for it, in order of execution, with what is decided.
    /// What is only known when a step is reached is decided then.
    pub acts: Vec<DecidedAct>,
    /// Whom the decisions are made for.
    pub subject: Arc<Subject>,
    /// All functions that are pinned, each once, sorted by reference and digest.
    pub functions: Vec<Arc<PlannedFunction>>,
    /// What is odd but accepted, in the order of the documents; all of severity warning.
    pub warnings: Problems,
    /// When functions are looked at.
    pub pinning: Pinning,
}

/// What is known of a job besides its documents.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// Job variables. A path that depends on one that is not here is decided when its step is reached.
    pub vars: Values,
    /// When functions are looked at.
    pub pinning: Pinning,
    /// What the operator allows. The run is given the same.
    pub policy: Arc<Policy>,
    /// Whom the job runs for.
    pub tenant: String,
}

impl Default for PlanOptions {
    /// Knows no variables, pins before the first step, and allows what the profile `local` does for its tenant.
    fn default() -> Self {
        Self {
            vars: Values::new(),
            pinning: Pinning::default(),
            policy: Policy::local(),
            tenant: Subject::DEFAULT_TENANT.to_owned(),
        }
    }
}

/// A request that is denied whatever happens: with one of these the job would end before its first step.
#[derive(Clone, Copy, Debug)]
pub struct Denial<'p> {
    /// Which step: for each list on the way the position of the item (from 0) and its name; at least one.
    pub path: &'p [(usize, String)],
    /// Where the step stands.
    pub place: &'p Place,
    /// The function that asks; none for a script.
    pub function: Option<&'p PlannedFunction>,
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
    let subject = Arc::new(Subject { tenant: options.tenant.clone(), source: job.source.name().to_owned() });
    let known = Known { work_dir, vars: &options.vars, policy: &options.policy, job: &subject };
    let (invocations, acts) = invocations(&root, &known);
    let digest = Digest::of(job.source.text().as_bytes());
    Ok(Plan {
        source: Arc::clone(&job.source),
        digest,
        env,
        root,
        invocations,
        acts,
        subject,
        functions,
        warnings,
        pinning: options.pinning,
    })
}

impl Plan {
    /// Iterates over what is denied whatever happens and cannot be done without, in order of execution. With one of them
    /// nothing should be run at all.
    pub fn denials(&self) -> impl Iterator<Item = Denial<'_>> {
        let refused = self.acts.iter().filter(|act| act.decision.refuses()).map(|act| Denial {
            path: &act.path,
            place: &act.place,
            function: act.function.as_deref(),
            decision: &act.decision,
        });
        let needs = self.invocations.iter().flat_map(|invocation| {
            let decisions = match &invocation.needs {
                NeedsState::Decided(decisions) => decisions,
                NeedsState::WhenReached { known, .. } => known,
            };
            decisions.refusals().map(move |decision| Denial {
                path: &invocation.path,
                place: &invocation.place,
                function: Some(&invocation.function),
                decision,
            })
        });
        let mut denials: Vec<Denial<'_>> = refused.chain(needs).collect();
        denials.sort_by(|one, other| positions(one.path).cmp(positions(other.path)));
        denials.into_iter()
    }
}

impl Denial<'_> {
    /// Returns the names on the way to the step, with `/` between them.
    pub fn step(&self) -> String {
        names(self.path)
    }

    /// Returns the reference of the function in canonical form; of a script the word `script`.
    pub fn function_name(&self) -> &str {
        self.function.map_or("script", |function| &function.resolved.origin.reference)
    }
}

fn positions(path: &[(usize, String)]) -> impl Iterator<Item = usize> {
    path.iter().map(|(position, _)| *position)
}

fn too_many_steps(root: &PlannedSequence) -> Option<Problem> {
    let (name, place) = root.steps.first().map(|step| (&step.name, step.place.clone()))?;
    let steps = root.extent().steps;
    (steps > MAX_STEPS).then(|| {
        let message = format!("the job has more than {MAX_STEPS} steps, those of nested functions counted");
        Problem::error(code::TOO_MANY_STEPS, message).at(place, format!("the list that starts with `{name}`"))
    })
}
