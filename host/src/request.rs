//! A job with its surroundings, as whoever starts it gives it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwell_expr::Marked;
use stepwell_plan::Pinning;
use stepwell_policy::Subject;
use stepwell_run::Options;
use stepwell_schema::yaml::MAX_DOCUMENT_BYTES;
use stepwell_schema::{
    Job, Node, Passes, Problem, Problems, Reference, Source, Span, Spanned, Step, StepAction, Value, When,
};
use tokio_util::sync::CancellationToken;

use crate::handle::Canceller;

/// A job to plan or run, with everything that it may know of its surroundings.
#[derive(Clone, Debug)]
pub struct JobRequest {
    pub(crate) document: Job,
    pub(crate) work_dir: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) variables: BTreeMap<String, Marked>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) pinning: Pinning,
    pub(crate) options: Options,
    pub(crate) tenant: String,
    pub(crate) deterministic: bool,
    pub(crate) cancelled: CancellationToken,
}

impl JobRequest {
    /// Reads and parses a job file. The work dir is the folder of the file until [`JobRequest::work_dir`] says otherwise.
    ///
    /// # Errors
    /// All problems of the document; one problem without place where the file cannot be read.
    pub fn from_file(path: &Path) -> Result<Self, Problems> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self::from_source(read(path)?)?.work_dir(folder))
    }

    /// Parses the text of a job. `name` is what messages show. The work dir is `.` until [`JobRequest::work_dir`] says
    /// otherwise.
    ///
    /// # Errors
    /// All problems of the document.
    pub fn from_text(name: &str, text: &str) -> Result<Self, Problems> {
        Self::from_source(Source::new(name, text))
    }

    pub(crate) fn from_source(source: Arc<Source>) -> Result<Self, Problems> {
        Job::parse(source).map(Self::from_job)
    }

    /// Parses the list of a job by itself, as a runner hands it over. `name` is what messages show. The work dir is `.` until
    /// [`JobRequest::work_dir`] says otherwise.
    ///
    /// # Errors
    /// All problems of the list.
    pub fn from_steps(name: &str, text: &str) -> Result<Self, Problems> {
        Job::parse_list(Source::new(name, text)).map(Self::from_job)
    }

    /// Makes a job whose only step, `call`, calls one function. `text` is the reference as the user wrote it; inputs may
    /// hold expressions, so a literal `${{` in them is written `\\${{`.
    pub fn call(text: &str, reference: Reference, inputs: impl IntoIterator<Item = (String, Value)>) -> Self {
        let source = Source::new("call", text);
        let span = Span::new(0, text.len());
        let action = StepAction::Function { reference: Spanned::new(reference, span), inputs: Vec::new() };
        let name = Spanned::new("call".to_owned(), span);
        let step = Step { name, action, env: Vec::new(), passes: Passes::default(), when: When::OnSuccess, span };
        let job =
            Job { source, steps: vec![step], env: Vec::new(), outputs: Vec::new(), warnings: Problems::default() };
        Self::from_job(job).call_with(inputs, [])
    }

    /// Gives inputs and environment to every step of the job that calls a function; values may hold expressions. Of two of
    /// one name the later counts.
    pub(crate) fn call_with(
        mut self,
        inputs: impl IntoIterator<Item = (String, Value)>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let (inputs, variables): (Vec<_>, Vec<_>) = (inputs.into_iter().collect(), env.into_iter().collect());
        for step in &mut self.document.steps {
            let StepAction::Function { reference, inputs: given } = &mut step.action else { continue };
            let span = reference.span;
            for (name, value) in &inputs {
                given.retain(|(known, _)| known.value != *name);
                given.push((Spanned::new(name.clone(), span), Node::from_value(value.clone(), span)));
            }
            for (name, value) in &variables {
                step.env.retain(|(known, _)| known.value != *name);
                step.env.push((Spanned::new(name.clone(), span), Spanned::new(value.clone(), span)));
            }
        }
        self
    }

    /// Passes secrets and rights to every step of the job; values may hold expressions.
    #[cfg(feature = "cli")]
    pub(crate) fn passing(mut self, passes: &Passes) -> Self {
        self.document.steps.iter_mut().for_each(|step| step.passes = passes.clone());
        self
    }

    /// Has the job cancelled by somebody who cancels others too.
    #[cfg(feature = "cli")]
    pub(crate) fn cancelled_by(mut self, cancelled: CancellationToken) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Takes the names of all steps away.
    #[cfg(feature = "cli")]
    pub(crate) fn without_names(mut self) -> Self {
        self.document.steps.iter_mut().for_each(|step| step.name.value.clear());
        self
    }

    /// Makes a request of a job that was read already.
    pub(crate) fn from_job(document: Job) -> Self {
        Self {
            document,
            work_dir: PathBuf::from("."),
            environment: BTreeMap::new(),
            variables: BTreeMap::new(),
            time_limit: None,
            pinning: Pinning::default(),
            options: Options::default(),
            tenant: Subject::DEFAULT_TENANT.to_owned(),
            deterministic: false,
            cancelled: CancellationToken::new(),
        }
    }

    /// Returns the job as it was read.
    #[cfg(feature = "cli")]
    pub(crate) fn document(&self) -> &Job {
        &self.document
    }

    /// Sets the job's work dir. A relative one starts where the process stands when the job is planned.
    #[must_use]
    pub fn work_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.work_dir = folder.into();
        self
    }

    /// Adds to the environment that native steps see. By default it is empty: not even `PATH` is set.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Sets a job variable, `${{ vars.NAME }}`.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), Marked::plain(value.into()));
        self
    }

    /// Sets a job variable whose value is kept out of logs, events, messages and results.
    #[must_use]
    pub fn sensitive_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), Marked::sensitive(value.into()));
        self
    }

    /// Looks at each function, and at each expression, when its step is reached, as GitLab's engine does: steps before a
    /// mistake have run by then. By default all of them are looked at before the first step runs.
    #[must_use]
    pub fn pinned_when_reached(mut self) -> Self {
        self.pinning = Pinning::WhenReached;
        self
    }

    /// Sets whether an input must have the type that its function declares. By default it must; a number or truth value
    /// for a text input becomes text.
    #[must_use]
    pub fn check_input_types(mut self, on: bool) -> Self {
        self.options.check_input_types = on;
        self
    }

    /// Sets whether a value that was made from a sensitive one is refused for an input that is not sensitive. By default
    /// it is. Such values are masked in either case.
    #[must_use]
    pub fn enforce_sensitive(mut self, on: bool) -> Self {
        self.options.enforce_sensitive = on;
        self
    }

    /// Sets whether a message about a line of an output or export file quotes the line, whatever it holds. By default it
    /// does not.
    #[must_use]
    pub fn quote_lines(mut self, on: bool) -> Self {
        self.options.quote_lines = on;
        self
    }

    /// Returns what cancels every job that is started with this request, also while it is still being planned: for a
    /// signal handler that must be there before [`crate::Host::run`] is called. Clones of a request are cancelled
    /// together.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.cancelled.clone())
    }

    /// Sets whom the job runs for: policies know it, and its steps share the quotas of [`crate::HostBuilder::tenant`].
    /// Default: `local`.
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.tenant = name.into();
        self
    }

    /// Sets whether WebAssembly steps see nothing that differs from one run to the next: random numbers are seeded, clocks
    /// start at the same time and go on with each reading, folders are listed in the order of names, and results that are
    /// not a number have the same bits. The same job over the same files then has the same outputs and the same events but
    /// for times. Commands and scripts run as always. Default: off.
    #[must_use]
    pub fn deterministic(mut self, on: bool) -> Self {
        self.deterministic = on;
        self
    }

    /// Ends the job after this time as timed out. By default there is no limit.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }
}

/// Reads a document that the user named.
pub(crate) fn read(path: &Path) -> Result<Arc<Source>, Problems> {
    read_as(path, path)
}

/// Reads a document; messages show it as `shown`.
pub(crate) fn read_as(path: &Path, shown: &Path) -> Result<Arc<Source>, Problems> {
    let name = shown.display().to_string();
    let unreadable = |cause: &dyn std::fmt::Display, help: &str| {
        Problems::from(Problem::error("unreadable", format!("cannot read `{name}`: {cause}")).help(help))
    };
    let elsewhere =
        |cause: &dyn std::fmt::Display| unreadable(cause, "check the path; it starts at the current directory");
    let metadata = std::fs::metadata(path).map_err(|error| elsewhere(&error))?;
    if !metadata.is_file() {
        return Err(elsewhere(&"it is not a file"));
    }
    // Known before it is read.
    if metadata.len() > MAX_DOCUMENT_BYTES as u64 {
        let length = format_args!("it is {} bytes long, more than {MAX_DOCUMENT_BYTES}", metadata.len());
        return Err(unreadable(&length, "move parts of it into functions, and large data into files"));
    }
    let bytes = std::fs::read(path).map_err(|error| elsewhere(&error))?;
    Source::from_bytes(name.clone(), bytes).map_err(Problems::from)
}
