//! One step, from its place in the list to its end, in the order of sections 2.8.3 and 5.3 of the contract.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use stepwell_expr::{Marked, Scope, StepOutputs, Template, Values};
use stepwell_plan::{
    Base, MAX_DEPTH, MAX_STEPS, PlannedAction, PlannedDefinition, PlannedFunction, PlannedWasm, Target,
};
use stepwell_policy::{Decision, decide};
use stepwell_schema::{OutputsSpec, Value};
use tokio::task::JoinSet;

use crate::ending::{command_end, exit_code, module_end};
use crate::environment::{Block, Layers};
use crate::event::{EventKind, StepFacts, Stream};
use crate::execute::{Action, Control, Invocation, Outcome, Usage, WasmCall};
use crate::exports::variables;
use crate::failure::Failed;
use crate::file_use::uses_files;
use crate::frame::{Context, Item, List};
use crate::inputs::{Given, Inputs, assign, evaluate, evaluate_env, refuse_undeclared};
use crate::lines::{self, ReadError};
use crate::load::{self, Request, evaluate_reference, is_script};
use crate::outputs::{check_outputs, check_returned, parse_delegate};
use crate::result::{ExecResult, JobErrorKind, StepReference, StepResult};
use crate::scratch::StepFiles;
use crate::sequencer::{Sequencer, Stopped, open_result};
use crate::status::{Change, Status};
use crate::table::Note;

/// A step whose loading is over: everything from the caller is evaluated.
struct Call {
    callee: Callee,
    inputs: Inputs,
    /// The caller's layers with the item's `env`.
    layers: Layers,
}

enum Callee {
    /// The text, evaluated, and as written.
    Script {
        text: String,
        written: String,
    },
    Function(Arc<PlannedFunction>),
}

/// How a step without a list ended.
type Ended = Result<Option<Usage>, Failed>;

impl Sequencer {
    /// Takes one step to its end, or, if it is a list, to its first item.
    pub(crate) async fn step(&mut self, item: Item) -> Result<(), Box<Stopped>> {
        let call = match self.prepare(&item).await {
            Ok(call) => call,
            Err(failed) => return self.end_item(&item, None, failed.within("failed to load")),
        };
        let mut result = call.open_result(&item);
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

    /// Loads the function and evaluates what the caller gives it.
    async fn prepare(&mut self, item: &Item) -> Result<Call, Failed> {
        match &item.planned().action {
            PlannedAction::Script(template) => {
                let (text, sensitive) = template
                    .evaluate_text(&self.caller_scope())
                    .map_err(|error| Failed::step(format!("expand input \"script\": {error}")))?;
                let given = Values::from([("script".to_owned(), Marked { value: Value::String(text), sensitive })]);
                self.script_call(item, given, template.text().to_owned())
            }
            PlannedAction::Function { reference, inputs, target } => {
                let reference = match target {
                    Target::Pinned(_) => reference.clone(),
                    Target::WhenReached(_) => evaluate_reference(reference, &self.caller_scope())?,
                };
                if is_script(&reference) {
                    let given = evaluate(inputs, &self.caller_scope())?;
                    return self.script_call(item, given, reference_text(inputs));
                }
                let function =
                    self.load(item, Request { reference, base: self.base(), target: target.clone() }).await?;
                self.function_call(item, function, inputs)
            }
        }
    }

    fn function_call(&self, item: &Item, function: Arc<PlannedFunction>, given: &Given) -> Result<Call, Failed> {
        let spec = &function.function.spec;
        refuse_undeclared(spec, given)?;
        let scope = self.caller_scope();
        let values = evaluate(given, &scope)?;
        let env = self.item_env(item, &scope)?;
        let inputs = assign(spec, values, given, &scope, &self.options)?;
        self.masks.values(&inputs.all);
        let layers = self.caller_layers().with(&env);
        Ok(Call { callee: Callee::Function(function), inputs, layers })
    }

    /// A call of the built-in script function, which has one input, a text.
    fn script_call(&self, item: &Item, given: Values, written: String) -> Result<Call, Failed> {
        if let Some(name) = given.keys().find(|name| *name != "script") {
            return Err(Failed::step(format!("step does not accept input with name {name:?}")));
        }
        let env = self.item_env(item, &self.caller_scope())?;
        let Some(script) = given.get("script") else {
            let text = "failed to parse spec definition: input \"script\" required, but not defined";
            return Err(Failed::step(text));
        };
        let text = script.value.to_text().map_err(|error| Failed::step(format!("assign input \"script\": {error}")))?;
        let layers = self.caller_layers().with(&env);
        let inputs = Inputs { all: given.clone(), given };
        Ok(Call { callee: Callee::Script { text, written }, inputs, layers })
    }

    /// Evaluates the item's `env` and masks what is sensitive in it.
    fn item_env(&self, item: &Item, scope: &Scope<'_>) -> Result<Block, Failed> {
        let block = evaluate_env(&item.planned().env, scope, "env")?;
        block.iter().for_each(|(_, marked)| self.masks.value(marked));
        Ok(block)
    }

    /// Loads a function without holding the loop up: a cancellation ends the wait.
    async fn load(&mut self, item: &Item, request: Request) -> Result<Arc<PlannedFunction>, Failed> {
        let (resolver, executor) = (Arc::clone(&self.resolver), Arc::clone(&self.executor));
        let checked = std::mem::take(&mut self.checked);
        let loading = tokio::task::spawn_blocking(move || {
            let found = load::load(&request, &*resolver, &*executor, &checked);
            (found, checked)
        });
        let (found, checked) = tokio::select! {
            biased;
            () = self.stop.stopped() => return Err(self.stop.failed_or(|| Failed::engine("loading was given up"))),
            loaded = loading => loaded.map_err(|error| Failed::engine(format!("loading broke off: {error}")))?,
        };
        self.checked = checked;
        let found = found?;
        self.checked.extend(found.checked);
        for warning in found.warnings {
            self.events.send(&item.path, warning);
        }
        self.refuse_too_much(&found.function)?;
        Ok(found.function)
    }

    /// Holds what the plan could not see, such as a function that leads to itself by an expression, to the plan's bounds.
    fn refuse_too_much(&self, function: &PlannedFunction) -> Result<(), Failed> {
        let message = if self.frames.len() + function.extent.depth > MAX_DEPTH + 1 {
            format!("functions are nested deeper than {MAX_DEPTH} levels")
        } else if self.table.len() > MAX_STEPS {
            format!("the job has more than {MAX_STEPS} steps")
        } else {
            return Ok(());
        };
        Err(Failed::new(JobErrorKind::Document, message))
    }

    async fn script(&mut self, item: &Item, text: &str, call: &Call, result: &mut StepResult) -> Ended {
        self.prepared(item, StepFacts { kind: "script", ..no_facts() });
        self.begin(item).await;
        let action = Action::Script { text: text.to_owned() };
        let outcome = self.execute(item, call.layers.environment().plain(), action).await?;
        result.exec = Some(ExecResult {
            command: vec![text.to_owned()],
            work_dir: self.work_dir.clone(),
            exit_code: exit_code(&outcome),
        });
        command_end(outcome, &self.stop).map(|()| None)
    }

    async fn exec(
        &mut self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        call: &Call,
        result: &mut StepResult,
    ) -> Ended {
        self.prepared(item, function_facts(function, Vec::new()));
        let files = self.files(function)?;
        self.begin(item).await;
        let ended = self.command(item, function, call, files.as_ref(), result).await;
        if let Some(files) = files {
            files.remove();
        }
        ended.map(|()| None)
    }

    async fn command(
        &mut self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        call: &Call,
        files: Option<&StepFiles>,
        result: &mut StepResult,
    ) -> Result<(), Failed> {
        let context = self.enter_context(function, call, files.cloned(), result)?;
        let (arguments, directory) = self.command_line(function, &context).map_err(|failed| failed.within("exec"))?;
        let exec = ExecResult { command: arguments.clone(), work_dir: directory.clone(), exit_code: 0 };
        let action = Action::Command { arguments, directory: directory.into() };
        let outcome = self.execute(item, context.layers.environment().plain(), action).await?;
        result.exec = Some(ExecResult { exit_code: exit_code(&outcome), ..exec });
        command_end(outcome, &self.stop)?;
        let Some(files) = files else {
            let outputs = check_outputs(&function.function.spec, []);
            result.outputs = outputs.map_err(|problems| output_file(&problems))?;
            return Ok(());
        };
        let (files, function) = (files.clone(), Arc::clone(function));
        let collected = tokio::task::spawn_blocking(move || collect(&function, &files))
            .await
            .map_err(|error| Failed::engine(format!("reading the output file broke off: {error}")))?;
        (result.outputs, result.exports) = collected?;
        Ok(())
    }

    /// Evaluates program, arguments and working directory.
    fn command_line(&self, function: &PlannedFunction, context: &Context) -> Result<(Vec<String>, String), Failed> {
        let PlannedDefinition::Exec { command, work_dir } = &function.definition else {
            return Err(Failed::engine("the definition is no command"));
        };
        let arguments = self.arguments(command, context)?;
        let none = StepOutputs::new();
        let directory = match work_dir {
            None => self.work_dir.clone(),
            Some(template) => {
                let (text, sensitive) = template
                    .evaluate_text(&self.scope(context, &none))
                    .map_err(|error| Failed::step(format!("interpolate work_dir {:?}: {error}", template.text())))?;
                self.masks.text(&text, sensitive);
                join(&self.work_dir, &text)
            }
        };
        Ok((arguments, directory))
    }

    fn arguments(&self, templates: &[Template], context: &Context) -> Result<Vec<String>, Failed> {
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

    /// Calls a module. It has a way of its own to hand over outputs, so the two files do not exist for it.
    async fn wasm(
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

    /// Puts the list of a function on the stack.
    fn enter(
        &mut self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        call: &Call,
        mut result: StepResult,
    ) -> Result<(), Box<Stopped>> {
        self.prepared(item, function_facts(function, Vec::new()));
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
    fn enter_context(
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
        context.layers = context.layers.with(&block);
        result.env = Arc::clone(context.layers.environment().values());
        Ok(context)
    }

    /// Makes output file and export file, if the function uses them.
    fn files(&mut self, function: &PlannedFunction) -> Result<Option<StepFiles>, Failed> {
        if !uses_files(function) {
            return Ok(None);
        }
        let files = self.scratch.files();
        files.map(Some).map_err(|error| Failed::engine(format!("making the output file: {error}")))
    }

    fn prepared(&self, item: &Item, facts: StepFacts) {
        self.events.send(&item.path, EventKind::Prepared(facts));
    }

    /// Starts a step that runs something itself, and writes the line that the contract asks for.
    async fn begin(&mut self, item: &Item) {
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
    async fn execute(
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
        let executor = Arc::clone(&self.executor);
        // The set ends the task when it is dropped.
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { executor.execute(&invocation, &control).await });
        match tasks.join_next().await {
            Some(Ok(outcome)) => Ok(outcome),
            Some(Err(_)) | None => {
                Err(Failed::engine("the executor broke down; it is not known whether the step ended")
                    .changing(Change::Lose))
            }
        }
    }

    fn caller_scope(&self) -> Scope<'_> {
        let frame = self.frames.last().expect("a step is taken from the list on top");
        self.scope(&frame.context, &frame.outputs)
    }

    fn caller_layers(&self) -> &Layers {
        &self.frames.last().expect("a step is taken from the list on top").context.layers
    }

    fn base(&self) -> Base {
        self.frames.last().expect("a step is taken from the list on top").context.base.clone()
    }
}

impl Call {
    fn open_result(&self, item: &Item) -> StepResult {
        let reference = match &self.callee {
            Callee::Script { written, .. } => StepReference::Script(written.clone()),
            Callee::Function(function) => StepReference::Function(Arc::clone(function)),
        };
        let env = self.layers.environment().values();
        StepResult {
            inputs: self.inputs.given.clone(),
            call_env: Arc::clone(env),
            env: Arc::clone(env),
            ..open_result(item.path.clone(), reference)
        }
    }
}

/// Reads the two files of a command that succeeded: outputs first, and exports only if they are good.
fn collect(function: &PlannedFunction, files: &StepFiles) -> Result<(Values, BTreeMap<String, String>), Failed> {
    let spec = &function.function.spec;
    let bytes = lines::read(files.output.as_ref()).map_err(|error| output_file(&error))?;
    let outputs = match &spec.outputs {
        OutputsSpec::Delegate(_) => parse_delegate(&bytes).map_err(|error| output_file(&error))?,
        OutputsSpec::Declared(_) => {
            let entries = lines::parse(&bytes).map_err(|error| output_file(&error))?;
            check_outputs(spec, entries).map_err(|problems| output_file(&problems))?
        }
    };
    drop(bytes);
    let exports = read_exports(files)?;
    Ok((outputs, exports))
}

fn read_exports(files: &StepFiles) -> Result<BTreeMap<String, String>, Failed> {
    let bytes = lines::read(files.export.as_ref()).map_err(|error: ReadError| export_file(&error))?;
    let entries = lines::parse(&bytes).map_err(|error| export_file(&error))?;
    variables(entries).map_err(|error| export_file(&error))
}

fn output_file(error: &dyn fmt::Display) -> Failed {
    Failed::step(format!("output file: read output file: {error}"))
}

fn export_file(error: &dyn fmt::Display) -> Failed {
    Failed::step(format!("export file: read env file: {error}"))
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

/// Returns the positions on the way to a step and the number of the try, such as `0.2-1`.
fn invocation_id(item: &Item, attempt: u32) -> String {
    let positions: Vec<String> = item.path.segments().map(|(position, _)| position.to_string()).collect();
    format!("{}-{attempt}", positions.join("."))
}

fn function_facts(function: &PlannedFunction, decisions: Vec<Decision>) -> StepFacts {
    StepFacts {
        kind: function.kind(),
        reference: function.resolved.origin.reference.clone(),
        function: Some(function.resolved.digest),
        module: function.module().map(|module| module.digest),
        decisions,
    }
}

fn no_facts() -> StepFacts {
    StepFacts { kind: "script", reference: String::new(), function: None, module: None, decisions: Vec::new() }
}

/// Returns the text of the script input as far as the plan has it.
fn reference_text(inputs: &Given) -> String {
    let script = inputs.iter().find(|(name, ..)| name == "script");
    let literal = script.and_then(|(_, template, _)| template.as_literal()).and_then(|value| value.to_text().ok());
    literal.unwrap_or_default()
}

/// Makes a path absolute. Paths of a job are UTF-8.
fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", folder.trim_end_matches('/')) }
}
