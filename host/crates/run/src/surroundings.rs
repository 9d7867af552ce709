//! What a job is given beside its plan.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stepwell_expr::{Marked, Values};
use stepwell_policy::Policy;
use stepwell_schema::Value;

use crate::execute::MaskSink;
use crate::failure::Failed;

/// What a job is given beside its plan, by whoever starts it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The job's work dir: absolute, UTF-8, and there.
    pub work_dir: PathBuf,
    /// Levels 5 and 6 of section 5.4 of the contract, merged. A variable `CI_STEPS_LOG_LEVEL` is replaced by its
    /// normalised value.
    pub environment: BTreeMap<String, String>,
    /// Job variables; values are text.
    pub variables: Values,
    /// Where the job's own temporary folder is made, if one is needed: absolute and there.
    pub scratch_folder: PathBuf,
    /// How long a step may take to end by itself when it is cancelled.
    pub grace: Duration,
    /// How long the whole job may take; none means as long as it likes.
    pub time_limit: Option<Duration>,
    /// What is checked, and what messages may hold.
    pub options: Options,
    /// What the operator allows; the one that the plan was made with.
    pub policy: Arc<Policy>,
    /// Is told each sensitive text of at least [`crate::MIN_MASKED_BYTES`] before anything could show it.
    pub mask: MaskSink,
}

/// What is checked while a job runs, and what messages may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether an input must have its declared type (a number or truth value for a text input becomes text).
    pub check_input_types: bool,
    /// Whether a sensitive value is refused for an input that is not sensitive.
    pub enforce_sensitive: bool,
    /// Whether a message about a line of an output or export file quotes the line, which may be secret.
    pub quote_lines: bool,
}

impl Default for Options {
    /// Checks everything, quotes nothing.
    fn default() -> Self {
        Self { check_input_types: true, enforce_sensitive: true, quote_lines: false }
    }
}

impl Surroundings {
    /// Makes surroundings with these defaults: no environment, no variables, 5 s of grace, no time limit, everything
    /// checked, the policy `local`, masks to nowhere.
    pub fn new(work_dir: impl Into<PathBuf>, scratch_folder: impl Into<PathBuf>) -> Self {
        Self {
            work_dir: work_dir.into(),
            environment: BTreeMap::new(),
            variables: Values::new(),
            scratch_folder: scratch_folder.into(),
            grace: Duration::from_secs(5),
            time_limit: None,
            options: Options::default(),
            policy: Policy::local(),
            mask: MaskSink(Arc::new(|_| {})),
        }
    }
}

/// The variable that says how much the engine and its functions log.
const LOG_LEVEL: &str = "CI_STEPS_LOG_LEVEL";

/// Returns the environment of the job before any export: the given one with a normalised log level, from the job
/// variable of that name, else from the environment, else `info`.
///
/// # Errors
/// A log level that does not exist.
pub(crate) fn base_environment(surroundings: &Surroundings) -> Result<Values, Failed> {
    let written = match surroundings.variables.get(LOG_LEVEL) {
        Some(Marked { value: Value::String(text), .. }) => Some(text),
        Some(_) | None => surroundings.environment.get(LOG_LEVEL),
    };
    let level = match written.map(|text| text.trim().to_lowercase()).as_deref() {
        None | Some("") => "info".to_owned(),
        Some(level @ ("debug" | "info" | "warn" | "error")) => level.to_owned(),
        Some(other) => {
            return Err(Failed::engine(format!("init global environment: log level: {other} not supported"))
                .hint(Some(format!("set `{LOG_LEVEL}` to `debug`, `info`, `warn` or `error`"))));
        }
    };
    let mut environment: Values =
        surroundings.environment.iter().map(|(name, value)| (name.clone(), Marked::plain(value.as_str()))).collect();
    environment.insert(LOG_LEVEL.to_owned(), Marked::plain(level));
    Ok(environment)
}
