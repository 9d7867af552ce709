//! What a step asks for when it is reached: evaluated, decided, and told.

use std::sync::Arc;

use stepwell_expr::StepOutputs;
use stepwell_plan::PlannedFunction;
use stepwell_policy::{Capability, Decision, Grants, Verdict};

use crate::call::{Call, Callee};
use crate::event::{EventKind, StepFacts};
use crate::failure::Failed;
use crate::frame::{Context, Item};
use crate::item::function_facts;
use crate::native::script_facts;
use crate::result::JobErrorKind;
use crate::sequencer::Sequencer;

impl Sequencer {
    /// Decides whether a step may run at all: a function be called, or a script be started.
    pub(crate) fn decide_call(&self, item: &Item, callee: &Callee) -> Result<Decision, Failed> {
        let (decision, facts) = match callee {
            Callee::Script { .. } => {
                (self.policy.decide_script(&self.subject, item.planned().place.clone()), script_facts())
            }
            Callee::Function(function) => {
                let run = Capability::Run { function: function.facts.name.clone() };
                (self.decide_act(item, function, run), function_facts(function, Vec::new()))
            }
        };
        let Some(denied) = denial(&[&decision]) else { return Ok(decision) };
        self.events.send(&item.path, EventKind::Prepared(StepFacts { decisions: vec![decision], ..facts }));
        Err(denied)
    }

    /// Decides whether a function may start a native program.
    pub(crate) fn decide_program(
        &self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        arguments: &[String],
    ) -> Result<(), Failed> {
        let program = arguments.first().cloned().unwrap_or_default();
        self.allowed(item, function, [Capability::Exec { program }])
    }

    /// Decides whether a function may hand these variables to later steps.
    pub(crate) fn decide_exports<'n>(
        &self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        names: impl Iterator<Item = &'n String>,
    ) -> Result<(), Failed> {
        self.allowed(item, function, names.map(|name| Capability::Export { name: name.clone() }))
    }

    /// Decides the needs of one call and says what the step is going to do.
    pub(crate) fn decide(
        &self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        call: &Call,
        context: &Context,
    ) -> Result<Grants, Failed> {
        let none = StepOutputs::new();
        let requests = function
            .requests(&self.scope(context, &none))
            .map_err(|error| Failed::step(error.to_string()).within(function.kind()))?;
        let decided =
            self.policy.decide(&self.subject, &function.facts, &requests, &context.passed, self.work_dir.as_ref());
        let refused: Vec<&Decision> = decided.refusals().collect();
        let denied = denial(&refused);
        self.prepared(item, call, function_facts(function, decided.decisions.clone()));
        denied.map_or(Ok(decided.grants), Err)
    }

    /// Decides about what a function does, and tells it.
    fn allowed(
        &self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        acts: impl IntoIterator<Item = Capability>,
    ) -> Result<(), Failed> {
        let decisions: Vec<Decision> = acts.into_iter().map(|act| self.decide_act(item, function, act)).collect();
        if decisions.is_empty() {
            return Ok(());
        }
        let denied = denial(&decisions.iter().collect::<Vec<_>>());
        self.events.send(&item.path, EventKind::Decided(decisions));
        denied.map_or(Ok(()), Err)
    }

    fn decide_act(&self, item: &Item, function: &Arc<PlannedFunction>, capability: Capability) -> Decision {
        self.policy.decide_act(&self.subject, &function.facts, capability, item.planned().place.clone())
    }
}

/// Returns the failure that denials make; none if nothing of it is denied.
fn denial(decisions: &[&Decision]) -> Option<Failed> {
    let refused = || decisions.iter().filter(|decision| decision.verdict == Verdict::Denied);
    let hint = refused().find_map(|decision| decision.remedy.clone());
    let texts: Vec<String> = refused()
        .map(|decision| {
            let Decision { request, reason, decided_by, .. } = decision;
            format!("`{}` is denied: {reason} (rule `{decided_by}`)", request.capability)
        })
        .collect();
    (!texts.is_empty()).then(|| Failed::new(JobErrorKind::Denied, texts.join("; ")).hint(hint))
}
