//! Pipelines: the jobs of a `.gitlab-ci.yml` and of the files that it includes, each with what a run of it alone needs.
//!
//! [`Pipeline::load`] does what GitLab does with the text before a runner sees it: files are merged, `extends` and
//! `!reference` are followed, defaults and global variables reach the jobs. What GitLab does with jobs afterwards (when
//! they run, on which machine, with which files of other jobs) has no meaning in a run of one job;
//! [`PipelineJob::not_honoured`] lists it.

mod recognise;
mod script;
pub mod variables;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub(crate) use recognise::PIPELINE_KEYS;
pub use recognise::is_pipeline;
pub use script::ScriptJob;
use variables::Variable;

use crate::code;
use crate::excerpt::excerpt;
use crate::job::Job;
use crate::problem::{Problem, Problems};
use crate::source::{Place, Source};
use crate::suggest::did_you_mean;

/// Most files of one pipeline, the main one counted. As many as GitLab takes.
pub const MAX_FILES: usize = 150;

/// Most job names that a message lists, and with which a mistaken one is compared.
const MAX_NAMES: usize = 50;

/// The files that an include means, in the order in which they are merged; or why there are none, as a fragment for
/// people.
pub type Included = Result<Vec<Arc<Source>>, String>;

/// The jobs of a pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The text of all its files.
    pub(crate) source: Arc<Source>,
    pub(crate) stages: Vec<String>,
    pub(crate) jobs: Vec<PipelineJob>,
    /// What the includes say that are not followed, such as `template: Jobs/Build.gitlab-ci.yml`.
    pub(crate) unread: Vec<String>,
    pub(crate) warnings: Problems,
}

impl Pipeline {
    /// Returns the text of all files that were read, the main one first: the source of every job.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns the stages in order, `.pre` first and `.post` last; each once.
    pub fn stages(&self) -> &[String] {
        &self.stages
    }

    /// Returns the jobs in the order of their stages, those of one stage in the order of the document; without hidden
    /// ones, whose names begin with a dot.
    pub fn jobs(&self) -> &[PipelineJob] {
        &self.jobs
    }

    /// Returns the job of a name.
    pub fn job(&self, name: &str) -> Option<&PipelineJob> {
        self.jobs.iter().find(|job| job.name == name)
    }

    /// Returns the job of a name that somebody asked for.
    ///
    /// # Errors
    /// There is no such job: a problem without place, with the names that there are, and the includes that were not
    /// followed, in one of which it may stand.
    pub fn find(&self, name: &str) -> Result<&PipelineJob, Problem> {
        self.job(name).ok_or_else(|| self.no_such_job(name))
    }

    /// Returns what was odd but accepted in the pipeline as a whole; all of severity warning. What is odd in one job
    /// stands in [`PipelineJob::warnings`].
    pub fn warnings(&self) -> &Problems {
        &self.warnings
    }

    fn no_such_job(&self, name: &str) -> Problem {
        let message = format!("there is no job `{}`", excerpt(name));
        let names = || self.jobs.iter().take(MAX_NAMES).map(|job| job.name.as_str());
        let mut help = if name.starts_with('.') {
            "a name that begins with a dot is a template for other jobs; ".to_owned()
        } else {
            did_you_mean(name, names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default()
        };
        let known: Vec<String> = names().map(|name| format!("`{}`", excerpt(name))).collect();
        help.push_str(&format!("jobs of this pipeline: {}", known.join(", ")));
        if self.jobs.len() > MAX_NAMES {
            help.push_str(&format!(" and {} more", self.jobs.len() - MAX_NAMES));
        }
        if !self.unread.is_empty() {
            help.push_str(&format!("; it may stand in an include that is not followed: {}", self.unread.join(", ")));
        }
        Problem::error(code::UNKNOWN_JOB, message).help(help)
    }
}

/// One visible job, with everything merged in that reaches it.
#[derive(Clone, Debug)]
pub struct PipelineJob {
    /// The name; any text that does not begin with a dot.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// The stage, one of [`Pipeline::stages`]; where that depends on an include that is not followed, maybe none of them.
    pub stage: String,
    /// What it does.
    pub work: PipelineWork,
    /// The keywords that say something about it and have no effect in a run of it alone, each with its place: first its
    /// own, then those of `default` and of the pipeline that reach it.
    pub not_honoured: Vec<(String, Place)>,
    /// What was odd but accepted in this job; all of severity warning.
    pub warnings: Problems,
    pub(crate) own_variables: Vec<PipelineVariable>,
    /// Shared by all jobs.
    pub(crate) global_variables: Arc<[PipelineVariable]>,
    pub(crate) inherited_variables: Inherited,
}

impl PipelineJob {
    /// Returns the variables: the global ones that it inherits, in the order of the document, its own in place of those
    /// of the same name and behind them; each name once. Values are as they are written; [`variables::expand`] takes them
    /// behind those that the pipeline does not know.
    pub fn variables(&self) -> Vec<&PipelineVariable> {
        let own: HashMap<&str, &PipelineVariable> =
            self.own_variables.iter().map(|variable| (variable.name.as_str(), variable)).collect();
        let inherited = || self.global_variables.iter().filter(|global| self.inherited_variables.has(&global.name));
        let names: HashSet<&str> = inherited().map(|global| global.name.as_str()).collect();
        let behind = self.own_variables.iter().filter(|variable| !names.contains(variable.name.as_str()));
        inherited().map(|global| own.get(global.name.as_str()).copied().unwrap_or(global)).chain(behind).collect()
    }
}

/// Which defaults or global variables a job takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Inherited {
    /// All of them.
    #[default]
    All,
    /// None of them.
    Nothing,
    /// Those of these names.
    Only(HashSet<String>),
}

impl Inherited {
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Only(names) => names.contains(name),
        }
    }
}

/// What a job does.
#[derive(Clone, Debug)]
pub enum PipelineWork {
    /// A list of steps, `run:`. Its source is [`Pipeline::source`]; it has no warnings of its own, since those stand in
    /// [`PipelineJob::warnings`].
    Run(Job),
    /// Shell commands, `script:`.
    Script(ScriptJob),
    /// Nothing that can be run here.
    Nothing(NoWork),
}

/// Why a job has nothing that can be run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWork {
    /// It starts or follows another pipeline: `trigger:`, or `needs:` with a pipeline.
    OtherPipeline,
    /// What it does, or a part of that, stands in an include that is not followed.
    NotIncluded,
}

/// A variable of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineVariable {
    /// The name; mostly one by the name rule, never empty, without `=` and NUL.
    pub name: String,
    /// The value as it is written: of a number or boolean its source text.
    pub value: String,
    /// Whether references in the value are expanded.
    pub expand: bool,
    /// Where the name stands.
    pub place: Place,
}

impl From<&PipelineVariable> for Variable {
    fn from(variable: &PipelineVariable) -> Self {
        Self { name: variable.name.clone(), value: variable.value.clone(), raw: !variable.expand }
    }
}
