//! Calls whose needs are decided, and what can be decided about them before anything runs.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use stepwell_expr::{Context, ContextUse, Marked, Scope, StepOutputs, Template, ValueTemplate, Values};
use stepwell_policy::{Capability, Decision, Decisions, Passed, Policy, Request, Subject};
use stepwell_schema::{Place, Value, ValueType};

use crate::acts::DecidedAct;
use crate::function::{PlannedDefinition, PlannedFunction, PlannedSequence};
use crate::needs::{MAX_REQUESTS, PlannedNeeds, unique};
use crate::step::{PlannedAction, PlannedStep, Target};

/// One call in the tree of steps whose needs are decided: of a WebAssembly module, or of a command that asks for something.
#[derive(Debug)]
pub struct PlannedInvocation {
    /// Which step: for each list on the way the position of the item (from 0) and its name; at least one.
    pub path: Vec<(usize, String)>,
    /// Where the step stands.
    pub place: Place,
    /// The function that is called.
    pub function: Arc<PlannedFunction>,
    /// What is decided about its needs.
    pub needs: NeedsState,
}

/// How far the needs of a call are decided.
#[derive(Debug)]
pub enum NeedsState {
    /// All is known, and decided.
    Decided(Decisions),
    /// Some paths depend on what steps do; they are decided when the step is reached.
    WhenReached {
        /// The needs that are known, decided by themselves. A denial here is certain; what is allowed may still be denied
        /// beside the needs that are open.
        known: Decisions,
        /// The others, paths as written.
        open: Vec<Capability>,
    },
}

/// What is known before anything runs.
pub(crate) struct Known<'k> {
    pub(crate) work_dir: &'k Path,
    pub(crate) vars: &'k Values,
    pub(crate) policy: &'k Policy,
    pub(crate) job: &'k Arc<Subject>,
}

/// Returns all calls below a list whose needs are decided, and what all steps do without a need for it, both in order of
/// execution. At most [`crate::MAX_STEPS`], since the caller has counted.
pub(crate) fn invocations(root: &PlannedSequence, known: &Known<'_>) -> (Vec<PlannedInvocation>, Vec<DecidedAct>) {
    let mut walk = Walk { known, path: Vec::new(), passed: Vec::new(), found: Vec::new(), acts: Vec::new() };
    walk.sequence(root, &Values::new(), known.work_dir);
    (walk.found, walk.acts)
}

impl PlannedInvocation {
    /// Returns the names on the way, with `/` between them.
    pub fn step(&self) -> String {
        names(&self.path)
    }
}

/// Returns the names on the way to a step, with `/` between them.
pub(crate) fn names(path: &[(usize, String)]) -> String {
    path.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join("/")
}

impl fmt::Display for PlannedInvocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.step())
    }
}

struct Walk<'k> {
    known: &'k Known<'k>,
    path: Vec<(usize, String)>,
    /// What the steps on the way pass, the outermost first; of one whose paths are not known yet, nothing.
    passed: Vec<Option<Arc<Passed>>>,
    found: Vec<PlannedInvocation>,
    acts: Vec<DecidedAct>,
}

impl Walk<'_> {
    /// `inputs` are the known ones of the function whose list this is.
    fn sequence(&mut self, sequence: &PlannedSequence, inputs: &Values, folder: &Path) {
        for (index, step) in sequence.steps.iter().enumerate() {
            self.path.push((index, step.name.clone()));
            match &step.action {
                PlannedAction::Script(_) => {
                    let decision = self.known.policy.decide_script(self.known.job, step.place.clone());
                    self.keep(step, None, decision);
                }
                PlannedAction::Function { target: Target::Pinned(function), .. } => {
                    let depth = self.passed.len();
                    self.passed.extend(step.passes.allow.as_ref().map(|allow| self.passed(allow, inputs, folder)));
                    self.call(step, function, inputs, folder);
                    self.passed.truncate(depth);
                }
                PlannedAction::Function { target: Target::WhenReached(_), .. } => {}
            }
            self.path.pop();
        }
    }

    /// `caller` are the known inputs of the function whose list the step stands in.
    fn call(&mut self, step: &PlannedStep, function: &Arc<PlannedFunction>, caller: &Values, folder: &Path) {
        let inputs = self.known_inputs(step, function, caller, folder);
        let run = Capability::Run { function: function.facts.name.clone() };
        self.decide_act(step, function, run);
        if let PlannedDefinition::Sequence(sequence) = &function.definition {
            self.sequence(sequence, &inputs, function.folder().unwrap_or(Path::new("")));
        }
        if let Some(program) = self.program(function, &inputs) {
            self.decide_act(step, function, Capability::Exec { program });
        }
        if function.is_decided() {
            let needs = self.needs(function, &inputs);
            self.found.push(PlannedInvocation {
                path: self.path.clone(),
                place: step.place.clone(),
                function: Arc::clone(function),
                needs,
            });
        }
    }

    fn decide_act(&mut self, step: &PlannedStep, function: &Arc<PlannedFunction>, capability: Capability) {
        let Known { policy, job, .. } = self.known;
        let decision = policy.decide_act(job, &function.facts, capability, step.place.clone());
        self.keep(step, Some(function), decision);
    }

    fn keep(&mut self, step: &PlannedStep, function: Option<&Arc<PlannedFunction>>, decision: Decision) {
        self.acts.push(DecidedAct {
            path: self.path.clone(),
            place: step.place.clone(),
            function: function.map(Arc::clone),
            decision,
        });
    }

    /// Returns the native program that a function starts, if it starts one and its name is known and not sensitive.
    fn program(&self, function: &PlannedFunction, inputs: &Values) -> Option<String> {
        let PlannedDefinition::Exec { command, .. } = &function.definition else { return None };
        let template = command.first().filter(|template| self.is_known(template, inputs))?;
        let folder = function.folder().unwrap_or(Path::new(""));
        let (program, sensitive) = self.with_scope(inputs, folder, |scope| template.evaluate_text(scope).ok())?;
        (!sensitive).then_some(program)
    }

    /// Returns the inputs of `function` that are known when `step` calls it from a function whose known inputs are
    /// `caller`.
    fn known_inputs(&self, step: &PlannedStep, function: &PlannedFunction, caller: &Values, folder: &Path) -> Values {
        let given = match &step.action {
            PlannedAction::Function { inputs, target: Target::Pinned(_), .. } => inputs.as_slice(),
            PlannedAction::Function { target: Target::WhenReached(_), .. } | PlannedAction::Script(_) => &[],
        };
        let given: HashMap<&str, &ValueTemplate> =
            given.iter().map(|(name, template, _)| (name.as_str(), template)).collect();
        let mut known = Values::new();
        for (name, input) in &function.function.spec.inputs {
            let value = match given.get(name.value.as_str()) {
                Some(template) => self.evaluate_value(template, caller, folder),
                None => input.default.clone().map(Marked::from),
            };
            if let Some(Marked { value, sensitive }) = value {
                let value = as_declared(value, input.value_type);
                known.insert(name.value.clone(), Marked { value, sensitive: sensitive || input.sensitive });
            }
        }
        known
    }

    fn needs(&self, function: &PlannedFunction, inputs: &Values) -> NeedsState {
        let folder = function.folder().unwrap_or(Path::new(""));
        let mut open = Vec::new();
        let mut requests: Vec<Request> = Vec::new();
        for need in &function.needs.paths {
            let evaluated = self.with_scope(inputs, folder, |scope| {
                let depends_on_known = self.is_known(&need.template, inputs);
                // A sensitive path is kept out of the plan.
                let is_public = depends_on_known && need.template.evaluate(scope).is_ok_and(|path| !path.sensitive);
                is_public.then(|| need.requests(scope).ok()).flatten()
            });
            match evaluated {
                // Too many are an error of the run.
                Some(paths) if requests.len() + paths.len() <= MAX_REQUESTS => requests.extend(paths),
                Some(_) | None => open.push(need.as_written()),
            }
        }
        requests.extend(function.needs.fixed.iter().cloned());
        let Some(passed) = self.passed.iter().cloned().collect::<Option<Vec<_>>>() else {
            let known = requests.into_iter().map(|request| request.capability);
            return NeedsState::WhenReached {
                known: Decisions::default(),
                open: open.into_iter().chain(known).collect(),
            };
        };
        let Known { policy, job, work_dir, .. } = self.known;
        let decisions = policy.decide(job, &function.facts, &unique(requests), &passed, work_dir);
        if open.is_empty() {
            NeedsState::Decided(decisions)
        } else {
            NeedsState::WhenReached { known: decisions, open }
        }
    }

    /// Returns what a step passes; none where a path of it is not known yet.
    fn passed(&self, allow: &PlannedNeeds, inputs: &Values, folder: &Path) -> Option<Arc<Passed>> {
        let all_known = allow.paths.iter().all(|path| self.is_known(&path.template, inputs));
        if !all_known {
            return None;
        }
        self.with_scope(inputs, folder, |scope| allow.requests(scope).ok())
            .map(|allowed| Arc::new(Passed::new(allowed)))
    }

    fn evaluate_value(&self, template: &ValueTemplate, inputs: &Values, folder: &Path) -> Option<Marked> {
        let all_known = template.templates().iter().all(|(_, template)| self.is_known(template, inputs));
        if !all_known {
            return None;
        }
        self.with_scope(inputs, folder, |scope| template.evaluate(scope).ok())
    }

    fn is_known(&self, template: &Template, inputs: &Values) -> bool {
        template.contexts().all(|context_use| {
            let member_of = |values: &Values| is_member(&context_use, values);
            match context_use.context {
                Context::Inputs => member_of(inputs),
                Context::Vars => member_of(self.known.vars),
                Context::WorkDir | Context::FuncDir => true,
                Context::Env | Context::Steps | Context::OutputFile | Context::ExportFile => false,
            }
        })
    }

    fn with_scope<T>(&self, inputs: &Values, folder: &Path, evaluate: impl FnOnce(&Scope<'_>) -> T) -> T {
        let (none, no_steps) = (Values::new(), StepOutputs::new());
        evaluate(&Scope {
            env: &none,
            vars: self.known.vars,
            inputs,
            steps: &no_steps,
            work_dir: &self.known.work_dir.to_string_lossy(),
            func_dir: &folder.to_string_lossy(),
            output_file: None,
            export_file: None,
        })
    }
}

/// A context as a whole, or a computed member of it, is not known: some members may not be.
fn is_member(context_use: &ContextUse<'_>, values: &Values) -> bool {
    context_use.path.first().is_some_and(|name| values.contains_key(*name))
}

/// Turns a number or truth value given to a text input into text, as the run does.
fn as_declared(value: Value, declared: ValueType) -> Value {
    match (&value, declared) {
        (Value::Number(_) | Value::Boolean(_), ValueType::String) => value.to_text().map_or(value, Value::String),
        _ => value,
    }
}
