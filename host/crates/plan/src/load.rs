//! From references to functions: each found once, read once, compiled once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use stepwell_schema::{
    Definition, DefinitionKind, Digest, Function, Place, Problem, Problems, Reference, Span, Spanned, Spec, Step,
    StepAction, WasmModule,
};

use crate::code;
use crate::document::Document;
use crate::facts;
use crate::function::{Extent, Module, PlannedDefinition, PlannedFunction, PlannedSequence, PlannedWasm};
use crate::inputs::{Given, check_inputs};
use crate::names::{Names, StepOutputs};
use crate::needs::PlannedNeeds;
use crate::passes::check_secrets;
use crate::pinning::Pinning;
use crate::problem::{in_document_order, resolve_problem};
use crate::resolver::{Base, Protocol, ResolveError, Resolved, Resolver};
use crate::script;
use crate::step::{Deferred, PlannedAction, PlannedPasses, PlannedStep, Target};

/// Most functions inside each other. People nest three or four; every level costs the host a stack frame or ten.
pub const MAX_DEPTH: usize = 50;

/// Most steps of a job, those of nested lists counted as often as they run. Two functions that call each other's
/// successor twice double the number with each level; this is where that ends.
pub const MAX_STEPS: usize = 100_000;

/// Largest WebAssembly file, in bytes: 32 MiB, from the step ABI, section 5.
pub const MAX_MODULE_BYTES: u64 = 32 << 20;

/// Loads the function that a reference leads to, and checks it as [`crate::plan`] does: with all that hangs below it where
/// `pinning` is [`Pinning::BeforeTheFirstStep`], else by itself. For whoever reaches a reference that the plan left open,
/// or content that has changed since.
///
/// # Errors
/// All problems of the function file and of those below it. A module that does not have its digest is one with the code
/// [`code::INTEGRITY`]; a module that is not there is one too.
pub fn load_function(
    resolved: Resolved,
    resolver: &dyn Resolver,
    pinning: Pinning,
) -> Result<Arc<PlannedFunction>, Problems> {
    let mut loader = Loader::new(resolver, pinning);
    let source = Arc::clone(&resolved.source);
    let call = Place::new(Arc::clone(&source), Span::default());
    let loaded = loader.load(resolved, &call);
    if let Loaded::NotThere(text) = &loaded {
        loader.problems.push(Problem::error(code::NOT_THERE_YET, text.clone()).at(call, ""));
    }
    let problems = in_document_order(loader.problems, &source);
    match loaded {
        Loaded::Function(function) if !problems.has_errors() => Ok(function),
        Loaded::Function(_) | Loaded::NotThere(_) | Loaded::Failed => Err(problems),
    }
}

/// Everything that has been loaded for one plan.
pub(crate) struct Loader<'r> {
    resolver: &'r dyn Resolver,
    pinning: Pinning,
    found: HashMap<(Base, String), Found>,
    loaded: HashMap<FunctionKey, Loaded>,
    /// The functions that are being loaded, outermost first: what the function is, and its reference.
    open: Vec<(FunctionKey, String)>,
    pub(crate) problems: Vec<Problem>,
}

/// What makes two function files the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct FunctionKey {
    protocol: Protocol,
    folder: Option<PathBuf>,
    file: String,
    digest: Digest,
}

/// What came of a reference.
#[derive(Clone)]
enum Found {
    Content(Resolved),
    NotThere(String),
    /// Reported already.
    Failed,
}

/// What came of a function file.
#[derive(Clone)]
enum Loaded {
    Function(Arc<PlannedFunction>),
    NotThere(String),
    /// Reported already.
    Failed,
}

impl<'r> Loader<'r> {
    pub(crate) fn new(resolver: &'r dyn Resolver, pinning: Pinning) -> Self {
        Self {
            resolver,
            pinning,
            found: HashMap::new(),
            loaded: HashMap::new(),
            open: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Returns all functions that were loaded, sorted by reference and digest.
    pub(crate) fn functions(&self) -> Vec<Arc<PlannedFunction>> {
        let mut functions: Vec<Arc<PlannedFunction>> = self
            .loaded
            .values()
            .filter_map(|loaded| match loaded {
                Loaded::Function(function) => Some(Arc::clone(function)),
                Loaded::NotThere(_) | Loaded::Failed => None,
            })
            .collect();
        functions.sort_by_cached_key(|function| (function.resolved.origin.reference.clone(), function.resolved.digest));
        functions
    }

    /// Compiles a list of steps. `names` holds what its expressions can see, and afterwards all its steps.
    pub(crate) fn steps(
        &mut self,
        document: &mut Document,
        steps: &[Step],
        base: &Base,
        names: &mut Names<'_>,
    ) -> Vec<PlannedStep> {
        self.prefetch(steps, base);
        steps
            .iter()
            .map(|step| {
                let planned = self.step(document, step, base, names);
                names.add(&planned.name, outputs_of(&planned.action));
                planned
            })
            .collect()
    }

    /// Has everything that a list refers to fetched at once, rather than one after another.
    fn prefetch(&self, steps: &[Step], base: &Base) {
        let references: Vec<(&Reference, &Base)> = steps
            .iter()
            .filter_map(|step| match &step.action {
                StepAction::Function { reference, .. } => Some(&reference.value),
                StepAction::Script(_) => None,
            })
            .filter(|reference| dynamic_text(reference).is_none())
            .map(|reference| (reference, base))
            .collect();
        if !references.is_empty() {
            self.resolver.prefetch(&references);
        }
    }

    fn step(&mut self, document: &mut Document, step: &Step, base: &Base, names: &Names<'_>) -> PlannedStep {
        let named = !step.name.value.is_empty();
        let place = document.place(if named { step.name.span } else { step.span });
        let env = document.env(&step.env, names);
        let action = match &step.action {
            StepAction::Script(text) => PlannedAction::Script(script::compile(document, text, names)),
            StepAction::Function { reference, inputs } if self.is_script_call(reference) => {
                PlannedAction::Script(script::compile_call(document, reference, inputs, names))
            }
            StepAction::Function { reference, inputs } => {
                let given = inputs.iter().map(|(name, node)| (name, node, document.value(node, names))).collect();
                self.call(document, reference, &place, given, base, names)
            }
        };
        if let (PlannedAction::Function { target: Target::Pinned(function), .. }, Pinning::BeforeTheFirstStep) =
            (&action, self.pinning)
        {
            check_secrets(document, &place, &step.passes.secrets, function);
        }
        let passes = PlannedPasses {
            secrets: document.env(&step.passes.secrets, names),
            allow: step.passes.allow.as_ref().map(|allow| PlannedNeeds::compile(allow, document, names)),
        };
        PlannedStep { name: step.name.value.clone(), place, env, action, passes, when: step.when }
    }

    /// Tells whether a call is as good as a script; its inputs are checked then.
    fn is_script_call(&self, reference: &Spanned<Reference>) -> bool {
        self.pinning == Pinning::BeforeTheFirstStep && reference.value.is_script()
    }

    fn call(
        &mut self,
        document: &mut Document,
        reference: &Spanned<Reference>,
        call: &Place,
        given: Vec<Given<'_>>,
        base: &Base,
        names: &Names<'_>,
    ) -> PlannedAction {
        let at = document.place(reference.span);
        let target = if let Some(text) = dynamic_text(&reference.value) {
            document.text(&Spanned::new(text.to_owned(), reference.span), names);
            Target::WhenReached(Deferred::Dynamic)
        } else if self.pinning == Pinning::WhenReached {
            Target::WhenReached(Deferred::Asked)
        } else {
            self.target(&reference.value, &at, base)
        };
        if let Target::Pinned(function) = &target {
            check_inputs(document, call, &given, function);
        }
        let inputs = given
            .into_iter()
            .map(|(name, _, template)| (name.value.clone(), template, document.place(name.span)))
            .collect();
        PlannedAction::Function { reference: reference.value.clone(), inputs, target }
    }

    fn target(&mut self, reference: &Reference, at: &Place, base: &Base) -> Target {
        let loaded = match self.find(reference, at, base) {
            Found::Content(resolved) => self.load(resolved, at),
            Found::NotThere(text) => Loaded::NotThere(text),
            Found::Failed => Loaded::Failed,
        };
        match loaded {
            Loaded::Function(function) => Target::Pinned(function),
            Loaded::NotThere(text) => {
                let warning = Problem::warning(code::NOT_THERE_YET, text.clone())
                    .at(at.clone(), "nothing is there now; it is looked for again when the step is reached");
                self.problems.push(warning);
                Target::WhenReached(Deferred::NotThere(text))
            }
            // There will be no plan; any target does.
            Loaded::Failed => Target::WhenReached(Deferred::Dynamic),
        }
    }

    fn find(&mut self, reference: &Reference, at: &Place, base: &Base) -> Found {
        let key = (base.clone(), format!("{reference:?}"));
        if let Some(found) = self.found.get(&key) {
            return found.clone();
        }
        let found = match self.resolver.resolve(reference, base) {
            Ok(resolved) => {
                self.problems.extend(notes(&resolved, at));
                Found::Content(resolved)
            }
            Err(error) if error.may_come_later() => Found::NotThere(error.to_string()),
            Err(error) => {
                self.problems.push(resolve_problem(&error, Some(at)));
                Found::Failed
            }
        };
        self.found.insert(key, found.clone());
        found
    }

    /// Loads a function file that is referred to at `call`.
    fn load(&mut self, resolved: Resolved, call: &Place) -> Loaded {
        let key = FunctionKey::of(&resolved);
        if let Some(cycle) = self.cycle(&key, &resolved) {
            self.problems.push(cycle.at(call.clone(), "leads back to a function that is already on the way"));
            return Loaded::Failed;
        }
        let loaded = match self.loaded.get(&key) {
            Some(loaded) => loaded.clone(),
            None => {
                let loaded = self.load_new(&key, resolved, call);
                self.loaded.insert(key, loaded.clone());
                loaded
            }
        };
        match &loaded {
            Loaded::Function(function) if self.open.len() + 1 + function.extent.depth > MAX_DEPTH => {
                self.push_too_deep(call);
                Loaded::Failed
            }
            _ => loaded,
        }
    }

    fn load_new(&mut self, key: &FunctionKey, resolved: Resolved, call: &Place) -> Loaded {
        if self.open.len() >= MAX_DEPTH {
            self.push_too_deep(call);
            return Loaded::Failed;
        }
        let function = match Function::parse(Arc::clone(&resolved.source)) {
            Ok(function) => function,
            Err(problems) => {
                self.problems.extend(problems);
                return Loaded::Failed;
            }
        };
        self.open.push((key.clone(), resolved.origin.reference.clone()));
        let loaded = self.compile(resolved, function);
        self.open.pop();
        loaded
    }

    fn compile(&mut self, resolved: Resolved, function: Function) -> Loaded {
        let mut document = Document::new(&function.source, self.pinning);
        let names = Names::new(Some(&function.spec));
        let env = document.env(&function.definition.env, &names);
        let needs = PlannedNeeds::compile(&function.spec.needs, &mut document, &names);
        let definition = self.definition(&mut document, &function.definition, &function.spec, &resolved);
        let mut warnings = function.warnings.clone();
        warnings.extend(document.into_problems());
        self.problems.extend(warnings.iter().cloned());
        match definition {
            Ok(definition) => {
                let extent = match &definition {
                    PlannedDefinition::Sequence(sequence) => sequence.extent(),
                    PlannedDefinition::Exec { .. } | PlannedDefinition::Wasm(_) => Extent::default(),
                };
                Loaded::Function(Arc::new(PlannedFunction {
                    facts: Arc::new(facts::of(&resolved, &definition)),
                    resolved,
                    function,
                    env,
                    definition,
                    needs,
                    warnings,
                    extent,
                }))
            }
            Err(loaded) => loaded,
        }
    }

    fn definition(
        &mut self,
        document: &mut Document,
        definition: &Definition,
        spec: &Spec,
        resolved: &Resolved,
    ) -> Result<PlannedDefinition, Loaded> {
        let mut names = Names::new(Some(spec));
        Ok(match &definition.kind {
            DefinitionKind::Exec(exec) => PlannedDefinition::Exec {
                command: document.texts(&exec.command, &names),
                work_dir: exec.work_dir.as_ref().map(|text| document.text(text, &names)),
            },
            DefinitionKind::Sequence(sequence) => {
                let steps = self.steps(document, &sequence.steps, &resolved.base(), &mut names);
                let outputs = document.outputs(&sequence.outputs, &names);
                let delegate = sequence.delegate.as_ref().map(|name| name.value.clone());
                PlannedDefinition::Sequence(PlannedSequence { steps, outputs, delegate })
            }
            DefinitionKind::Wasm(wasm) => PlannedDefinition::Wasm(PlannedWasm {
                args: document.texts(&wasm.args, &names),
                module: Arc::new(self.module(document, wasm, resolved)?),
            }),
        })
    }

    fn module(&mut self, document: &mut Document, wasm: &WasmModule, resolved: &Resolved) -> Result<Module, Loaded> {
        let name = &wasm.module.value;
        let at = document.place(wasm.module.span);
        let bytes = match self.resolver.read_beside(resolved, name, MAX_MODULE_BYTES) {
            Ok(bytes) => bytes,
            Err(ResolveError::NotFound { .. }) => {
                let reference = &resolved.origin.reference;
                return Err(Loaded::NotThere(format!("module `{name}` of `{reference}` not found")));
            }
            Err(error) => {
                document.push(resolve_problem(&error, Some(&at)));
                return Err(Loaded::Failed);
            }
        };
        let digest = Digest::of(&bytes);
        match &wasm.sha256 {
            Some(expected) if expected.value != digest => {
                let message = format!("module `{name}` has the digest {digest}, not {}", expected.value);
                let problem = Problem::error(code::INTEGRITY, message)
                    .at(document.place(expected.span), "the digest that it must have")
                    .help(
                        "use the module that this digest was made from, or, after looking at the new one, its digest",
                    );
                document.push(problem);
                Err(Loaded::Failed)
            }
            Some(_) | None => Ok(Module { name: name.clone(), digest, bytes }),
        }
    }

    fn cycle(&self, key: &FunctionKey, resolved: &Resolved) -> Option<Problem> {
        let start = self.open.iter().position(|(open, _)| open.is_same_file(key))?;
        let mut path: Vec<&str> = self.open[start..].iter().map(|(_, reference)| reference.as_str()).collect();
        path.push(&resolved.origin.reference);
        let message = format!("function `{}` reaches itself: {}", resolved.origin.reference, path.join(" → "));
        Some(Problem::error(code::CYCLE, message))
    }

    fn push_too_deep(&mut self, call: &Place) {
        let message = format!("functions are nested deeper than {MAX_DEPTH} levels");
        self.problems.push(Problem::error(code::TOO_DEEP, message).at(call.clone(), "this one is too deep"));
    }
}

impl FunctionKey {
    fn of(resolved: &Resolved) -> Self {
        let origin = &resolved.origin;
        Self {
            protocol: origin.protocol,
            folder: origin.folder.clone(),
            file: origin.file.clone(),
            digest: resolved.digest,
        }
    }

    fn is_same_file(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.folder == other.folder && self.file == other.file
    }
}

/// Returns what is odd about content that was found, as warnings at the reference to it.
fn notes<'n>(resolved: &'n Resolved, at: &'n Place) -> impl Iterator<Item = Problem> + 'n {
    resolved.notes.iter().map(|note| {
        let message = format!("`{}`: {note}", resolved.origin.reference);
        Problem::warning(code::ODD_CONTENT, message).at(at.clone(), "")
    })
}

/// Returns the text of a reference that holds an expression. Of the long forms only the first such member.
fn dynamic_text(reference: &Reference) -> Option<&str> {
    let has_expression = |text: &&str| text.contains("${{");
    match reference {
        Reference::Dynamic { text } => Some(text),
        Reference::File { .. } | Reference::BuiltIn { .. } => None,
        Reference::Git(git) => [Some(&git.url), Some(&git.revision), Some(&git.directory), git.file.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(has_expression),
        Reference::Oci(oci) => {
            [Some(&oci.registry), Some(&oci.repository), Some(&oci.tag), Some(&oci.directory), oci.file.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .find(has_expression)
        }
    }
}

fn outputs_of(action: &PlannedAction) -> StepOutputs {
    match action {
        PlannedAction::Script(_) => StepOutputs::None,
        PlannedAction::Function { target: Target::Pinned(function), .. } => StepOutputs::Of(Arc::clone(function)),
        PlannedAction::Function { target: Target::WhenReached(_), .. } => StepOutputs::Unknown,
    }
}
