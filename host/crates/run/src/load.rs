//! From a reference to the function that is called, when its step is reached.

use std::collections::BTreeSet;
use std::sync::Arc;

use stepwell_expr::{Scope, Template};
use stepwell_plan::{
    Base, Pinning, PlannedDefinition, PlannedFunction, ResolveError, Resolver, Target, load_function, resolve_problem,
};
use stepwell_schema::reference::without_written_credentials;
use stepwell_schema::{Digest, GitReference, OciReference, Problems, Reference, Severity};

use crate::event::EventKind;
use crate::execute::{Executor, ModuleRefused};
use crate::failure::{Failed, warning};
use crate::result::JobErrorKind;

/// How often a reference that evaluates to a reference with an expression is evaluated again. The number is that of
/// section 3.6 of the contract.
const MAX_ROUNDS: usize = 10;

/// Modules that were checked, each with the function file that it was checked against.
pub(crate) type Checked = BTreeSet<(Digest, Digest)>;

/// Evaluates the expressions in a reference in the caller's scope, until none is left.
pub(crate) fn evaluate_reference(reference: &Reference, scope: &Scope<'_>) -> Result<Reference, Failed> {
    let mut reference = reference.clone();
    for _ in 0..MAX_ROUNDS {
        reference = match reference {
            Reference::Dynamic { text } => classify(&evaluate_text(&text, scope)?)?,
            Reference::Git(git) => return git_reference(&git, scope).map(Reference::Git),
            Reference::Oci(oci) => return oci_reference(&oci, scope).map(Reference::Oci),
            fixed @ (Reference::File { .. } | Reference::BuiltIn { .. }) => return Ok(fixed),
        };
    }
    match reference {
        // Its text may hold credentials by now.
        Reference::Dynamic { .. } => {
            Err(Failed::step(format!("the reference still holds an expression after {MAX_ROUNDS} rounds")))
        }
        Reference::Git(_) | Reference::Oci(_) | Reference::File { .. } | Reference::BuiltIn { .. } => Ok(reference),
    }
}

fn evaluate_text(text: &str, scope: &Scope<'_>) -> Result<String, Failed> {
    let evaluated = Template::parse(text).and_then(|template| template.evaluate_text(scope));
    match evaluated {
        Ok((text, _)) => Ok(text),
        Err(error) => {
            let text = without_written_credentials(text);
            Err(Failed::step(format!("expand reference `{text}`: {error}")))
        }
    }
}

fn classify(text: &str) -> Result<Reference, Failed> {
    Reference::parse(text).map_err(|error| Failed::new(JobErrorKind::Document, error.to_string()))
}

/// The members of the long form are evaluated once: what comes out is a name, not a reference.
fn git_reference(git: &GitReference, scope: &Scope<'_>) -> Result<GitReference, Failed> {
    Ok(GitReference {
        url: evaluate_text(&git.url, scope)?,
        revision: evaluate_text(&git.revision, scope)?,
        directory: evaluate_text(&git.directory, scope)?,
        file: git.file.as_ref().map(|file| evaluate_text(file, scope)).transpose()?,
    })
}

fn oci_reference(oci: &OciReference, scope: &Scope<'_>) -> Result<OciReference, Failed> {
    Ok(OciReference {
        registry: evaluate_text(&oci.registry, scope)?,
        repository: evaluate_text(&oci.repository, scope)?,
        tag: evaluate_text(&oci.tag, scope)?,
        directory: evaluate_text(&oci.directory, scope)?,
        file: oci.file.as_ref().map(|file| evaluate_text(file, scope)).transpose()?,
    })
}

/// A function to be loaded.
pub(crate) struct Request {
    /// The reference, without expressions.
    pub(crate) reference: Reference,
    /// Where relative references start.
    pub(crate) base: Base,
    /// What the plan has.
    pub(crate) target: Target,
    /// How the job is planned.
    pub(crate) pinning: Pinning,
}

/// A function that was loaded.
pub(crate) struct Found {
    pub(crate) function: Arc<PlannedFunction>,
    /// What is odd, as events for its step.
    pub(crate) warnings: Vec<EventKind>,
    /// Modules that were checked in addition.
    pub(crate) checked: Checked,
}

/// Finds the content of a request, reading again what has changed since the plan. Blocks.
pub(crate) fn load(
    request: &Request,
    resolver: &dyn Resolver,
    executor: &dyn Executor,
    checked: &Checked,
) -> Result<Found, LoadError> {
    let mut warnings = Vec::new();
    if let Target::Pinned(function) = &request.target {
        if function.is_current(resolver) {
            return Ok(Found { function: Arc::clone(function), warnings, checked: Checked::new() });
        }
        let reference = &function.resolved.origin.reference;
        warnings.push(warning(format!("`{reference}` has changed since the job was planned and was read again")));
    }
    let resolved = resolver.resolve(&request.reference, &request.base)?;
    let reference = &resolved.origin.reference;
    warnings.extend(resolved.notes.iter().map(|note| warning(format!("`{reference}`: {note}"))));
    let function = load_function(resolved, resolver, request.pinning)?;
    let mut visit = Visit { executor, checked, added: Checked::new(), seen: BTreeSet::new(), warnings };
    visit.function(&function)?;
    Ok(Found { function, warnings: visit.warnings, checked: visit.added })
}

/// A walk over the functions that hang below a newly loaded one. Its depth is bounded by the loader.
struct Visit<'v> {
    executor: &'v dyn Executor,
    checked: &'v Checked,
    added: Checked,
    seen: BTreeSet<*const PlannedFunction>,
    warnings: Vec<EventKind>,
}

impl Visit<'_> {
    fn function(&mut self, function: &Arc<PlannedFunction>) -> Result<(), ModuleRefused> {
        if !self.seen.insert(Arc::as_ptr(function)) {
            return Ok(());
        }
        self.warnings.extend(function.warnings.iter().map(|problem| EventKind::Warning {
            message: problem.message.clone(),
            place: problem.labels.first().map(|label| label.place.clone()),
        }));
        match &function.definition {
            PlannedDefinition::Exec { .. } => Ok(()),
            PlannedDefinition::Wasm(_) => self.module(function),
            PlannedDefinition::Sequence(sequence) => {
                sequence.steps.iter().filter_map(|step| step.pinned()).try_for_each(|step| self.function(step))
            }
        }
    }

    fn module(&mut self, function: &PlannedFunction) -> Result<(), ModuleRefused> {
        let Some(module) = function.module() else { return Ok(()) };
        let key = (module.digest, function.resolved.digest);
        if !self.checked.contains(&key) && !self.added.contains(&key) {
            self.executor.check_module(module, &function.function.spec)?;
            self.added.insert(key);
        }
        Ok(())
    }
}

/// Why a function cannot be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    Resolve(ResolveError),
    Document(Problems),
    Module(ModuleRefused),
}

impl From<ResolveError> for LoadError {
    fn from(error: ResolveError) -> Self {
        Self::Resolve(error)
    }
}

impl From<Problems> for LoadError {
    fn from(problems: Problems) -> Self {
        Self::Document(problems)
    }
}

impl From<ModuleRefused> for LoadError {
    fn from(refused: ModuleRefused) -> Self {
        Self::Module(refused)
    }
}

impl From<LoadError> for Failed {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Resolve(error) => {
                let problem = resolve_problem(&error, None);
                Self::new(JobErrorKind::Document, problem.message).hint(problem.help)
            }
            LoadError::Document(problems) => document_failed(&problems),
            LoadError::Module(refused) => {
                let kind = if refused.denied { JobErrorKind::Denied } else { JobErrorKind::Document };
                Self::new(kind, refused.to_string()).hint(refused.hint)
            }
        }
    }
}

/// Shows the first problem, and says how many more there are.
fn document_failed(problems: &Problems) -> Failed {
    let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let integrity = errors.iter().any(|problem| problem.code == stepwell_plan::code::INTEGRITY);
    let kind = if integrity { JobErrorKind::Integrity } else { JobErrorKind::Document };
    match errors.as_slice() {
        [] => Failed::new(kind, "the function file is not valid"),
        [only] => Failed::new(kind, only.to_string()).hint(only.help.clone()),
        [first, others @ ..] => {
            Failed::new(kind, format!("{first} (and {} more)", others.len())).hint(first.help.clone())
        }
    }
}
