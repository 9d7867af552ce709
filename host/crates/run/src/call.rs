//! What a caller gives a step: the function, its inputs, the item's `env`; section 2.8.3 of the contract.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_expr::{Marked, Scope, Values};
use stepwell_plan::{
    Base, MAX_DEPTH, MAX_STEPS, PlannedAction, PlannedFunction, Target, missing_secrets, secret_refused,
};
use stepwell_policy::{Decision, Passed};
use stepwell_schema::Value;

use crate::environment::{Block, Layers};
use crate::execute::SecretText;
use crate::failure::Failed;
use crate::frame::Item;
use crate::inputs::{Given, Inputs, assign, evaluate, evaluate_env, refuse_undeclared};
use crate::load::{self, Request, evaluate_reference};
use crate::result::{JobErrorKind, StepReference, StepResult};
use crate::sequencer::{Sequencer, open_result};

/// A step whose loading is over: everything from the caller is evaluated.
pub(crate) struct Call {
    /// What is called.
    pub(crate) callee: Callee,
    /// What it is given.
    pub(crate) inputs: Inputs,
    /// The caller's layers with the item's `env`.
    pub(crate) layers: Layers,
    /// That it may be called at all.
    pub(crate) decision: Option<Decision>,
    /// What the steps on the way pass, this one the last.
    pub(crate) passed: Vec<Arc<Passed>>,
    /// The secrets it is given.
    pub(crate) secrets: BTreeMap<String, SecretText>,
}

/// What a step calls.
pub(crate) enum Callee {
    /// A shell script.
    Script {
        /// Evaluated.
        text: String,
        /// As the document has it.
        written: String,
    },
    /// A function.
    Function(Arc<PlannedFunction>),
}

impl Call {
    /// Makes the result of the step as far as it is known before anything runs.
    pub(crate) fn open_result(&self, item: &Item) -> StepResult {
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

impl Sequencer {
    /// Loads the function and evaluates what the caller gives it.
    pub(crate) async fn prepare(&mut self, item: &Item) -> Result<Call, Failed> {
        match &item.planned().action {
            PlannedAction::Script(template) => {
                let (text, sensitive) = template
                    .evaluate_text(&self.caller_scope())
                    .map_err(|error| Failed::step(format!("expand input \"script\": {error}")))?;
                let given = Values::from([("script".to_owned(), Marked { value: Value::String(text), sensitive })]);
                self.script_call(item, given, template.text().to_owned())
            }
            // A look at the stamps of its files is all that content which the plan pins needs: no change of threads.
            PlannedAction::Function { inputs, target: Target::Pinned(function), .. }
                if function.is_current(&*self.resolver) =>
            {
                self.refuse_too_much(function)?;
                self.function_call(item, Arc::clone(function), inputs)
            }
            PlannedAction::Function { reference, inputs, target } => {
                let reference = match target {
                    Target::Pinned(_) => reference.clone(),
                    Target::WhenReached(_) => evaluate_reference(reference, &self.caller_scope())?,
                };
                if reference.is_script() {
                    let given = evaluate(inputs, &self.caller_scope())?;
                    return self.script_call(item, given, reference_text(inputs));
                }
                let request = Request { reference, base: self.base(), target: target.clone(), pinning: self.pinning };
                let function = self.load(item, request).await?;
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
        let secrets = self.secrets(item, &function, &scope)?;
        let passed = self.passed(item, &scope)?;
        Ok(Call { callee: Callee::Function(function), inputs, layers, decision: None, passed, secrets })
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
        Ok(Call {
            callee: Callee::Script { text, written },
            inputs,
            layers,
            decision: None,
            passed: Vec::new(),
            secrets: BTreeMap::new(),
        })
    }

    /// Evaluates the item's `env` and masks what is sensitive in it.
    fn item_env(&self, item: &Item, scope: &Scope<'_>) -> Result<Block, Failed> {
        let block = evaluate_env(&item.planned().env, scope, "env")?;
        block.iter().for_each(|(_, marked)| self.masks.value(marked));
        Ok(block)
    }

    /// Evaluates the secrets that the item passes, and masks them whatever they come from.
    fn secrets(
        &self,
        item: &Item,
        function: &PlannedFunction,
        scope: &Scope<'_>,
    ) -> Result<BTreeMap<String, SecretText>, Failed> {
        let mut secrets = BTreeMap::new();
        for (name, template) in &item.planned().passes.secrets {
            if let Some(refused) = secret_refused(function, name) {
                return Err(Failed::step(refused.message).hint(Some(refused.label)));
            }
            let (text, _) = template
                .evaluate_text(scope)
                .map_err(|error| Failed::step(format!("expand secret {name:?}: {error}")))?;
            self.masks.text(&text, true);
            secrets.insert(name.clone(), SecretText::new(text));
        }
        if let Some(need) = missing_secrets(function, |name| secrets.contains_key(name)).next() {
            return Err(Failed::step(format!("secret `{}` required, but not passed", need.name.value)));
        }
        Ok(secrets)
    }

    /// Evaluates what the item passes, and adds it to what the list it stands in was passed.
    fn passed(&self, item: &Item, scope: &Scope<'_>) -> Result<Vec<Arc<Passed>>, Failed> {
        let frame = self.frames.last().expect("a step is taken from the list on top");
        let mut passed = frame.context.passed.clone();
        if let Some(allow) = &item.planned().passes.allow {
            let allowed = allow.requests(scope).map_err(|error| Failed::step(format!("expand allow: {error}")))?;
            passed.push(Arc::new(Passed::new(allowed)));
        }
        Ok(passed)
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
        if let Some(cause) = self.stop.cause() {
            return Err(cause.into());
        }
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
        let message = if self.frames.len() + function.extent.depth > MAX_DEPTH {
            format!("functions are nested deeper than {MAX_DEPTH} levels")
        } else if self.table.len() > MAX_STEPS {
            format!("the job has more than {MAX_STEPS} steps")
        } else {
            return Ok(());
        };
        Err(Failed::new(JobErrorKind::Document, message))
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

/// Returns the text of the script input as far as the plan has it.
fn reference_text(inputs: &Given) -> String {
    let script = inputs.iter().find(|(name, ..)| name == "script");
    let literal = script.and_then(|(_, template, _)| template.as_literal()).and_then(|value| value.to_text().ok());
    literal.unwrap_or_default()
}
