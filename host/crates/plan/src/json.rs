//! The plan as JSON: versioned, with keys and lists in a stable order.

use serde_json::{Map, Value, json};
use stepwell_policy::Decisions;

use crate::function::{PlannedDefinition, PlannedFunction, PlannedSequence};
use crate::invocation::{NeedsState, PlannedInvocation};
use crate::plan::Plan;
use crate::step::{Deferred, PlannedAction, PlannedStep, Target};

/// Version of the JSON form. Goes up when a reader of the version before would misunderstand.
pub const JSON_VERSION: u32 = 1;

impl Plan {
    /// Returns the plan as one JSON object:
    ///
    /// - `version`: [`JSON_VERSION`]
    /// - `job`: `{name, digest}`
    /// - `steps`: a list of `{name, kind, reference?, function?, module?, needs?, open?, steps?, pinned?}`; `kind` is
    ///   `script`, `exec`, `sequence`, `wasm`, or `when-reached` with the reason under `because`; `function` and `module`
    ///   are digests; `needs` are decisions, `open` the needs that are decided when the step is reached
    /// - `functions`: a list of `{reference, protocol, file, digest, commit?, module?: {name, digest}}`
    /// - `denials`: how many needs are denied that cannot be done without
    /// - `warnings`: a list of texts
    ///
    /// Nothing in it depends on time, on the machine, or on where the work dir lies.
    pub fn to_json(&self) -> Value {
        let mut invocations = self.invocations.iter();
        json!({
            "version": JSON_VERSION,
            "job": { "name": self.source.name(), "digest": self.digest },
            "steps": steps(&self.root, &mut invocations),
            "functions": self.functions.iter().map(|function| function_json(function)).collect::<Vec<_>>(),
            "denials": self.denials().count(),
            "warnings": self.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

/// The invocations come in the order in which a walk of the tree meets them.
fn steps<'p>(sequence: &PlannedSequence, invocations: &mut impl Iterator<Item = &'p PlannedInvocation>) -> Vec<Value> {
    let mut list = Vec::with_capacity(sequence.steps.len());
    for step in &sequence.steps {
        list.push(Value::Object(step_json(step, invocations)));
    }
    list
}

fn step_json<'p>(
    step: &PlannedStep,
    invocations: &mut impl Iterator<Item = &'p PlannedInvocation>,
) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("name".into(), json!(step.name));
    match &step.action {
        PlannedAction::Script(_) => {
            object.insert("kind".into(), json!("script"));
        }
        PlannedAction::Function { reference, target, .. } => {
            object.insert("reference".into(), json!(reference.to_string()));
            match target {
                Target::Pinned(function) => insert_function(&mut object, function, invocations),
                Target::WhenReached(deferred) => {
                    object.insert("kind".into(), json!("when-reached"));
                    let because = match deferred {
                        Deferred::Dynamic => "expression".to_owned(),
                        Deferred::NotThere(text) => text.clone(),
                        Deferred::Asked => "asked".to_owned(),
                    };
                    object.insert("because".into(), json!(because));
                }
            }
        }
    }
    object
}

fn insert_function<'p>(
    object: &mut Map<String, Value>,
    function: &PlannedFunction,
    invocations: &mut impl Iterator<Item = &'p PlannedInvocation>,
) {
    object.insert("kind".into(), json!(function.kind()));
    object.insert("function".into(), json!(function.resolved.digest));
    match &function.definition {
        PlannedDefinition::Exec { .. } => {}
        PlannedDefinition::Sequence(sequence) => {
            object.insert("steps".into(), Value::Array(steps(sequence, invocations)));
        }
        PlannedDefinition::Wasm(wasm) => {
            object.insert("module".into(), json!(wasm.module.digest));
        }
    }
    if function.is_decided()
        && let Some(invocation) = invocations.next()
    {
        insert_needs(object, &invocation.needs);
    }
}

fn insert_needs(object: &mut Map<String, Value>, needs: &NeedsState) {
    let decisions = |decisions: &Decisions| json!(decisions.decisions);
    match needs {
        NeedsState::Decided(known) => {
            object.insert("needs".into(), decisions(known));
        }
        NeedsState::WhenReached { known, open } => {
            object.insert("needs".into(), decisions(known));
            object.insert("open".into(), json!(open));
        }
    }
}

fn function_json(function: &PlannedFunction) -> Value {
    let origin = &function.resolved.origin;
    let mut object = Map::new();
    object.insert("reference".into(), json!(origin.reference));
    object.insert("protocol".into(), json!(origin.protocol.as_str()));
    object.insert("file".into(), json!(origin.file));
    object.insert("digest".into(), json!(function.resolved.digest));
    if let Some(commit) = &origin.commit {
        object.insert("commit".into(), json!(commit));
    }
    if let Some(module) = function.module() {
        object.insert("module".into(), json!({ "name": module.name, "digest": module.digest }));
    }
    Value::Object(object)
}
