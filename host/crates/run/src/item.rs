//! One step, from its place in the list to its end, in the order of sections 2.8.3 and 5.3 of the contract: what the
//! caller gives it is in `call`, commands are in `native`, modules in `module`.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use stepwell_expr::{StepOutputs, Template};
use stepwell_plan::{PlannedDefinition, PlannedFunction};
use stepwell_policy::Decision;

use crate::call::{Call, Callee};
use crate::event::{EventKind, StepFacts, Stream};
use crate::execute::{Action, BoxFuture, Control, Invocation, Outcome, Usage};
use crate::failure::Failed;
use crate::file_use::uses_files;
use crate::frame::{Context, Item, List};
use crate::inputs::evaluate_env;
use crate::result::StepResult;
use crate::scratch::StepFiles;
use crate::sequencer::{Sequencer, Stopped};
use crate::status::{Change, Status};
use crate::table::Note;

/// How a step without a list ended.
pub(crate) type Ended = Result<Option<Usage>, Failed>;

impl Sequencer {
    /// Takes one step to its end, or, if it is a list, to its first item.
    pub(crate) async fn step(&mut self, item: Item) -> Result<(), Box<Stopped>> {
        let mut call = match self.prepare(&item).await {
            Ok(call) => call,
            Err(failed) => return self.end_item(&item, None, failed.within("failed to load")),
        };
        let mut result = call.open_result(&item);
        match self.decide_call(&item, &call.callee) {
            Ok(decision) => call.decision = Some(decision),
            Err(denied) => return self.end_item(&item, Some(result), denied),
        }
        let ended = match &call.callee {
            Callee::Script { text, .. } => self.script(&item, text, &call, &mut result).await,
            Callee::Function(function) => match &function.definition {
                PlannedDefinition::Exec { .. } => self.exec(&item, function, &call, &mut result).await,
                PlannedDefinition::Wasm(wasm) => self.wasm(&item, function, wasm, &call, &mut result).await,
                PlannedDefinition::Sequence(_) => return self.enter(&item, function, &call, result),
            },
        };
        match ended {
            Ok(usage) => {
                self.succeed(&item, result, usage);
                Ok(())
            }
            Err(failed) => self.end_item(&item, Some(result), failed),
        }
    }

    fn succeed(&mut self, item: &Item, result: StepResult, usage: Option<Usage>) {
        self.masks.values(&result.outputs);
        self.ground.export(&result.exports);
        self.table.change(item.id, Change::Succeed, Note { usage, ..Note::default() });
        if let Some(frame) = self.frames.last_mut() {
            frame.record(StepResult { status: Status::Succeeded, ..result });
        }
    }

    /// Puts the list of a function on the stack.
    fn enter(
        &mut self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        call: &Call,
        mut result: StepResult,
    ) -> Result<(), Box<Stopped>> {
        self.prepared(item, call, function_facts(function, Vec::new()));
        let files = match self.files(function) {
            Ok(files) => files,
            Err(failed) => return self.end_item(item, Some(result), failed),
        };
        self.table.change(item.id, Change::Start, Note::default());
        match self.enter_context(function, call, files.clone(), &mut result) {
            Ok(context) => {
                self.push_frame(item.id, List::Function(Arc::clone(function)), context, result);
                Ok(())
            }
            Err(failed) => {
                if let Some(files) = files {
                    files.remove();
                }
                self.end_item(item, Some(result), failed)
            }
        }
    }

    /// Makes the context of a call: its inputs, and the environment with the definition's own on top.
    pub(crate) fn enter_context(
        &self,
        function: &PlannedFunction,
        call: &Call,
        files: Option<StepFiles>,
        result: &mut StepResult,
    ) -> Result<Context, Failed> {
        let mut context = Context::call(function, call.inputs.all.clone(), call.layers.clone(), files);
        let none = StepOutputs::new();
        let block = evaluate_env(&function.env, &self.scope(&context, &none), "expand step env: env variable")?;
        block.iter().for_each(|(_, marked)| self.masks.value(marked));
        context.passed.clone_from(&call.passed);
        context.layers = context.layers.with(&block);
        result.env = Arc::clone(context.layers.environment().values());
        Ok(context)
    }

    pub(crate) fn arguments(&self, templates: &[Template], context: &Context) -> Result<Vec<String>, Failed> {
        let none = StepOutputs::new();
        let scope = self.scope(context, &none);
        templates
            .iter()
            .map(|template| match template.evaluate_text(&scope) {
                Ok((text, sensitive)) => {
                    self.masks.text(&text, sensitive);
                    Ok(text)
                }
                Err(error) => Err(Failed::step(format!("interpolate command argument {:?}: {error}", template.text()))),
            })
            .collect()
    }

    /// Makes output file and export file, if the function uses them.
    pub(crate) fn files(&mut self, function: &PlannedFunction) -> Result<Option<StepFiles>, Failed> {
        if !uses_files(function) {
            return Ok(None);
        }
        let files = self.scratch.files();
        files.map(Some).map_err(|error| {
            let hint = format!(
                "the folder for temporary files, `{}`, must be there, be writable and have room",
                self.scratch.parent().display()
            );
            Failed::engine(format!("making the output file: {error}")).hint(Some(hint))
        })
    }

    /// Says what a step is going to do, that it may do it first.
    pub(crate) fn prepared(&self, item: &Item, call: &Call, mut facts: StepFacts) {
        facts.decisions.splice(..0, call.decision.clone());
        self.events.send(&item.path, EventKind::Prepared(facts));
    }

    /// Starts a step that runs something itself, and writes the line that the contract asks for.
    pub(crate) async fn begin(&mut self, item: &Item) {
        self.table.change(item.id, Change::Start, Note::default());
        let line = format!("Running step name={}\n", item.name());
        tokio::select! {
            biased;
            () = self.events.log(&item.path, Stream::Out, line.into_bytes()) => {}
            () = self.stop.stopped() => {}
        }
    }

    /// Hands an invocation to the executor, in a task of its own: an executor that breaks down takes its step with it,
    /// not the job's engine.
    pub(crate) async fn execute(
        &self,
        item: &Item,
        environment: Arc<BTreeMap<String, String>>,
        action: Action,
    ) -> Result<Outcome, Failed> {
        const FIRST: u32 = 1;
        if let Some(cause) = self.stop.cause() {
            return Err(cause.into());
        }
        let invocation = Invocation {
            step: item.path.clone(),
            id: invocation_id(item, FIRST),
            attempt: FIRST,
            environment,
            work_dir: self.work_dir.clone().into(),
            action,
        };
        let control = Control {
            events: self.events.clone(),
            cancelled: self.stop.token(),
            grace: self.grace,
            mask: self.masks.0.clone(),
        };
        caught(self.executor.execute(&invocation, &control)).await.ok_or_else(|| {
            Failed::engine("the executor broke down; it is not known whether the step ended").changing(Change::Lose)
        })
    }
}

/// Waits for an executor, and answers none where it panicked. A task of its own would do the same for two changes of
/// threads a step, which cost more than a small step itself.
async fn caught<T>(mut running: BoxFuture<'_, T>) -> Option<T> {
    // The future is not polled again after a panic, so nobody sees it half changed.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(outcome)) => Poll::Ready(Some(outcome)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Returns the positions on the way to a step and the number of the try, such as `0.2-1`.
fn invocation_id(item: &Item, attempt: u32) -> String {
    let positions: Vec<String> = item.path.segments().map(|(position, _)| position.to_string()).collect();
    format!("{}-{attempt}", positions.join("."))
}

pub(crate) fn function_facts(function: &PlannedFunction, decisions: Vec<Decision>) -> StepFacts {
    StepFacts {
        kind: function.kind(),
        reference: function.resolved.origin.reference.clone(),
        function: Some(function.resolved.digest),
        module: function.module().map(|module| module.digest),
        decisions,
    }
}
