//! `stepwell explain`: what one step asks for, what it is given, and by which rule.

use std::fmt::Write as _;

use stepwell_plan::{DecidedAct, NeedsState, PlannedAction, PlannedInvocation, PlannedSequence, PlannedStep};
use stepwell_policy::{Capability, Decision, Verdict};

use super::args::ExplainArguments;
use super::error::{CommandError, Exit};
use super::{plan, table};
use crate::Plan;

/// Shows one step of a job. Ends as the run would if the step were alone in it.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<Exit, CommandError> {
    let plan = plan::planned(&arguments.job)?;
    let step = find(&plan, &arguments.step)?;
    super::print(step.text(&arguments.step).as_bytes())?;
    let is_denied = step.decisions().any(Decision::refuses);
    Ok(if is_denied { Exit::Denied } else { Exit::Success })
}

/// A step with everything that is decided about it.
struct Explained<'p> {
    step: &'p PlannedStep,
    acts: Vec<&'p DecidedAct>,
    needs: Vec<&'p PlannedInvocation>,
}

/// Finds a step by the names on the way to it.
fn find<'p>(plan: &'p Plan, name: &str) -> Result<Explained<'p>, CommandError> {
    let mut known = Vec::new();
    let step = walk(&plan.root, "", name, &mut known).ok_or_else(|| CommandError::Usage {
        message: format!("the job has no step `{name}` that is known before it runs"),
        hint: format!("steps: {}", known.join(", ")),
    })?;
    Ok(Explained {
        step,
        acts: plan.acts.iter().filter(|act| act.step() == name).collect(),
        needs: plan.invocations.iter().filter(|invocation| invocation.step() == name).collect(),
    })
}

fn walk<'p>(list: &'p PlannedSequence, above: &str, name: &str, known: &mut Vec<String>) -> Option<&'p PlannedStep> {
    list.steps.iter().find_map(|step| {
        let path = format!("{above}{}", step.name);
        if path == name {
            return Some(step);
        }
        known.push(format!("`{path}`"));
        let below = step.pinned().and_then(|function| match &function.definition {
            stepwell_plan::PlannedDefinition::Sequence(list) => Some(list),
            stepwell_plan::PlannedDefinition::Exec { .. } | stepwell_plan::PlannedDefinition::Wasm(_) => None,
        });
        walk(below?, &format!("{path}/"), name, known)
    })
}

impl Explained<'_> {
    fn decisions(&self) -> impl Iterator<Item = &Decision> {
        let needs = self.needs.iter().flat_map(|invocation| match &invocation.needs {
            NeedsState::Decided(decisions) | NeedsState::WhenReached { known: decisions, .. } => &decisions.decisions,
        });
        self.acts.iter().map(|act| &act.decision).chain(needs)
    }

    fn open(&self) -> impl Iterator<Item = &Capability> {
        self.needs.iter().flat_map(|invocation| match &invocation.needs {
            NeedsState::Decided(_) => &[],
            NeedsState::WhenReached { open, .. } => open.as_slice(),
        })
    }

    fn text(&self, name: &str) -> String {
        let mut text = format!("step `{name}` at {}: {}\n\n", self.step.place, self.what());
        let mut rows = table::table(["asked", "", "by", "because"]);
        for decision in self.decisions() {
            let optional = if decision.request.optional { " (optional)" } else { "" };
            rows.add_row([
                format!("{}{optional}", decision.request.capability),
                decision.verdict.to_string(),
                decision.decided_by.to_string(),
                decision.reason.clone(),
            ]);
        }
        for capability in self.open() {
            let later = "an expression in it is only known when the step is reached";
            rows.add_row([capability.to_string(), "open".to_owned(), String::new(), later.to_owned()]);
        }
        text += &table::text(&rows);
        for decision in self.decisions().filter(|decision| decision.verdict != Verdict::Allowed) {
            if let Some(remedy) = &decision.remedy {
                // Writing into a text cannot fail.
                let _ = write!(text, "\n{}: {remedy}\n", decision.request.capability);
            }
        }
        text
    }

    fn what(&self) -> String {
        match (&self.step.action, self.step.pinned()) {
            (PlannedAction::Script(_), _) => "a script, native and not confined".to_owned(),
            (PlannedAction::Function { reference, .. }, None) => format!("calls {reference}, pinned when reached"),
            (PlannedAction::Function { reference, .. }, Some(function)) => {
                let confined = match function.kind() {
                    "exec" => ", native and not confined",
                    _ => "",
                };
                format!("calls {reference} ({}{confined}), {}", function.kind(), function.resolved.digest)
            }
        }
    }
}
