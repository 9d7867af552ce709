//! Calls of WebAssembly modules: from needs to a checked completion.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_expr::{Marked, Values};
use stepwell_plan::{PlannedFunction, PlannedWasm};

use crate::call::Call;
use crate::ending::module_end;
use crate::execute::{Action, WasmCall};
use crate::failure::Failed;
use crate::frame::Item;
use crate::item::Ended;
use crate::outputs::check_returned;
use crate::result::StepResult;
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
        let grants = self.decide(item, function, call, context)?;
        self.begin(item).await;
        let wasm_call = WasmCall {
            module: Arc::clone(&wasm.module),
            arguments: self.arguments(&wasm.args, context).map_err(|failed| failed.within("wasm"))?,
            inputs: in_order(function, &context.inputs),
            function_folder: function.folder().map(Into::into),
            grants,
            secrets: call.secrets.clone(),
        };
        let environment = context.layers.environment().plain();
        let outcome = self.execute(item, environment, Action::Wasm(wasm_call)).await?;
        let (returned, usage) = module_end(outcome, &self.stop)?;
        let exports: BTreeMap<String, String> = returned.exports.iter().cloned().collect();
        result.outputs = check_returned(&function.function.spec, returned)
            .map_err(|problems| Failed::step(format!("wasm: internal: invalid completion: {problems}")).usage(usage))?;
        self.decide_exports(item, function, exports.keys()).map_err(|failed| failed.usage(usage))?;
        result.exports = exports;
        Ok(Some(usage))
    }
}
/// Returns all inputs in the order of the function file.
fn in_order(function: &PlannedFunction, inputs: &Values) -> Vec<(String, Marked)> {
    let declared = function.function.spec.inputs.iter();
    declared
        .filter_map(|(name, _)| inputs.get_key_value(&name.value))
        .map(|(name, marked)| (name.clone(), marked.clone()))
        .collect()
}
