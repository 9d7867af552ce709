//! A job with its surroundings, as whoever starts it gives it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwell_expr::Marked;
use stepwell_schema::yaml::MAX_DOCUMENT_BYTES;
use stepwell_schema::{Job, Node, Problem, Problems, Reference, Source, Span, Spanned, Step, StepAction, Value, When};

/// A job to plan or run, with everything that it may know of its surroundings.
#[derive(Clone, Debug)]
pub struct JobRequest {
    pub(crate) document: Job,
    pub(crate) work_dir: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) variables: BTreeMap<String, Marked>,
    pub(crate) time_limit: Option<Duration>,
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
        Job::parse(source).map(Self::new)
    }

    /// Makes a job whose only step, `call`, calls one function. `text` is the reference as the user wrote it; inputs may
    /// hold expressions, so a literal `${{` in them is written `\\${{`.
    pub fn call(text: &str, reference: Reference, inputs: impl IntoIterator<Item = (String, Value)>) -> Self {
        let source = Source::new("call", text);
        let span = Span::new(0, text.len());
        let inputs =
            inputs.into_iter().map(|(name, value)| (Spanned::new(name, span), Node::from_value(value, span))).collect();
        let action = StepAction::Function { reference: Spanned::new(reference, span), inputs };
        let name = Spanned::new("call".to_owned(), span);
        let step = Step { name, action, env: Vec::new(), when: When::OnSuccess, span };
        Self::new(Job {
            source,
            steps: vec![step],
            env: Vec::new(),
            outputs: Vec::new(),
            warnings: Problems::default(),
        })
    }

    fn new(document: Job) -> Self {
        Self {
            document,
            work_dir: PathBuf::from("."),
            environment: BTreeMap::new(),
            variables: BTreeMap::new(),
            time_limit: None,
        }
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

    /// Ends the job after this time as timed out. By default there is no limit.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }
}

/// Reads a document that the user named.
pub(crate) fn read(path: &Path) -> Result<Arc<Source>, Problems> {
    let name = path.display().to_string();
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
