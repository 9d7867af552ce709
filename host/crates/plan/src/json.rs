//! The plan as JSON: versioned, with keys and lists in a stable order.

use std::slice;

use serde_json::{Map, Value, json};
use stepwell_policy::Decisions;

use crate::acts::Acts;
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
    /// - `steps`: a list of `{name, kind, reference?, function?, module?, acts?, needs?, open?, steps?, pinned?}`; `kind` is
    ///   `script`, `exec`, `sequence`, `wasm`, or `when-reached` with the reason under `because`; `function` and `module`
    ///   are digests; `acts` are the decisions about the call itself and its native program, `needs` those about what the function asks for, `open` the needs that are decided when the step is reached
    /// - `functions`: a list of `{reference, protocol, file, digest, commit?, module?: {name, digest}}`
    /// - `denials`: how much is denied that cannot be done without
    /// - `warnings`: a list of texts
    ///
    /// Nothing in it depends on time, on the machine, or on where the work dir lies.
    pub fn to_json(&self) -> Value {
        let mut walk = Walk { at: Vec::new(), invocations: self.invocations.iter(), acts: Acts::new(&self.acts) };
        json!({
            "version": JSON_VERSION,
            "job": { "name": self.source.name(), "digest": self.digest },
            "steps": steps(&self.root, &mut walk),
            "functions": self.functions.iter().map(|function| function_json(function)).collect::<Vec<_>>(),
            "denials": self.denials().count(),
            "warnings": self.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

/// What is decided about the steps, for a walk of the tree in the order in which it was decided.
struct Walk<'p> {
    /// The positions on the way to the step.
    at: Vec<usize>,
    invocations: slice::Iter<'p, PlannedInvocation>,
    acts: Acts<'p>,
}

fn steps(sequence: &PlannedSequence, walk: &mut Walk<'_>) -> Vec<Value> {
    let mut list = Vec::with_capacity(sequence.steps.len());
    for (position, step) in sequence.steps.iter().enumerate() {
        walk.at.push(position);
        list.push(Value::Object(step_json(step, walk)));
        walk.at.pop();
    }
    list
}

fn step_json(step: &PlannedStep, walk: &mut Walk<'_>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("name".into(), json!(step.name));
    let acts = walk.acts.take(&walk.at);
    if !acts.is_empty() {
        object.insert("acts".into(), json!(acts));
    }
    match &step.action {
        PlannedAction::Script(_) => {
            object.insert("kind".into(), json!("script"));
        }
        PlannedAction::Function { reference, target, .. } => {
            object.insert("reference".into(), json!(reference.to_string()));
            match target {
                Target::Pinned(function) => insert_function(&mut object, function, walk),
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

fn insert_function(object: &mut Map<String, Value>, function: &PlannedFunction, walk: &mut Walk<'_>) {
    object.insert("kind".into(), json!(function.kind()));
    object.insert("function".into(), json!(function.resolved.digest));
    match &function.definition {
        PlannedDefinition::Exec { .. } => {}
        PlannedDefinition::Sequence(sequence) => {
            object.insert("steps".into(), Value::Array(steps(sequence, walk)));
        }
        PlannedDefinition::Wasm(wasm) => {
            object.insert("module".into(), json!(wasm.module.digest));
        }
    }
    if function.is_decided()
        && let Some(invocation) = walk.invocations.next()
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
