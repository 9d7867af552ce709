//! Calls of WebAssembly modules: from needs to a checked completion.

use std::sync::Arc;

use stepwell_expr::{Marked, StepOutputs, Values};
use stepwell_plan::{PlannedFunction, PlannedWasm};
use stepwell_policy::{Decision, decide};

use crate::call::Call;
use crate::ending::module_end;
use crate::execute::{Action, WasmCall};
use crate::failure::Failed;
use crate::frame::Item;
use crate::item::{Ended, function_facts};
use crate::outputs::check_returned;
use crate::result::{JobErrorKind, StepResult};
use crate::sequencer::Sequencer;

impl Sequencer {
    /// Calls a module. It has a way of its own to hand over outputs, so the two files do not exist for it.
    pub(crate) async fn wasm(
        &mut self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        wasm: &PlannedWasm,
        call: &Call,
        result: &mut StepResult,
    ) -> Ended {
        let context = &self.enter_context(function, call, None, result)?;
        let none = StepOutputs::new();
        let requests = function
            .requests(&self.scope(context, &none))
            .map_err(|error| Failed::step(error.to_string()).within("wasm"))?;
        let decided = decide(&requests, self.work_dir.as_ref());
        let refused: Vec<&Decision> = decided.refusals().collect();
        let denied = denial(&refused);
        self.prepared(item, function_facts(function, decided.decisions.clone()));
        if let Some(denied) = denied {
            return Err(denied);
        }
        self.begin(item).await;
        let wasm_call = WasmCall {
            module: Arc::clone(&wasm.module),
            arguments: self.arguments(&wasm.args, context).map_err(|failed| failed.within("wasm"))?,
            inputs: in_order(function, &context.inputs),
            function_folder: function.folder().map(Into::into),
            grants: decided.grants,
        };
        let environment = context.layers.environment().plain();
        let outcome = self.execute(item, environment, Action::Wasm(wasm_call)).await?;
        let (returned, usage) = module_end(outcome, &self.stop)?;
        let exports = returned.exports.iter().cloned().collect();
        result.outputs = check_returned(&function.function.spec, returned)
            .map_err(|problems| Failed::step(format!("wasm: internal: invalid completion: {problems}")).usage(usage))?;
        result.exports = exports;
        Ok(Some(usage))
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

/// Returns all inputs in the order of the function file.
fn in_order(function: &PlannedFunction, inputs: &Values) -> Vec<(String, Marked)> {
    let declared = function.function.spec.inputs.iter();
    declared
        .filter_map(|(name, _)| inputs.get_key_value(&name.value))
        .map(|(name, marked)| (name.clone(), marked.clone()))
        .collect()
}
