//! What a function asks for when its step is reached: evaluated, decided, and told.

use stepwell_expr::StepOutputs;
use stepwell_plan::PlannedFunction;
use stepwell_policy::{Decision, Grants, decide};

use crate::failure::Failed;
use crate::frame::{Context, Item};
use crate::item::function_facts;
use crate::result::JobErrorKind;
use crate::sequencer::Sequencer;

impl Sequencer {
    /// Decides the needs of one call and says what the step is going to do.
    pub(crate) fn decide(&self, item: &Item, function: &PlannedFunction, context: &Context) -> Result<Grants, Failed> {
        let none = StepOutputs::new();
        let requests = function
            .requests(&self.scope(context, &none))
            .map_err(|error| Failed::step(error.to_string()).within(function.kind()))?;
        let decided = decide(&requests, self.work_dir.as_ref());
        let refused: Vec<&Decision> = decided.refusals().collect();
        let denied = denial(&refused);
        self.prepared(item, function_facts(function, decided.decisions.clone()));
        denied.map_or(Ok(decided.grants), Err)
    }
}

/// Returns the failure that denied needs make; none if nothing is denied that the function cannot do without.
fn denial(refused: &[&Decision]) -> Option<Failed> {
    let hint = refused.iter().find_map(|decision| decision.remedy.clone());
    let texts: Vec<String> = refused
        .iter()
        .map(|decision| {
            format!("`{}` is denied: {} (rule `{}`)", decision.request.capability, decision.reason, decision.rule)
        })
        .collect();
    (!texts.is_empty()).then(|| Failed::new(JobErrorKind::Denied, texts.join("; ")).hint(hint))
}
