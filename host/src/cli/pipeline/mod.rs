//! Jobs of a pipeline on the machine of whoever writes it: from `.gitlab-ci.yml` and the name of a job to a request.

mod include;
mod list;
mod predefined;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_resolve::git::checkout::Checkout;
use stepwell_schema::pipeline::variables::{Variable, expand};
use stepwell_schema::pipeline::{NoWork, PipelineJob, PipelineWork};
use stepwell_schema::{Pipeline, Problem, Problems, Source};

pub(super) use self::list::list;
use super::error::CommandError;
use super::{diagnostics, surroundings, terminal};
use crate::JobRequest;

/// A pipeline and the project that it belongs to.
pub(super) struct Project {
    pipeline: Pipeline,
    /// Name of the pipeline's file, from the root of the project.
    file: PathBuf,
    /// The root of the project, absolute: that of the git checkout, else the folder of the pipeline's file.
    root: PathBuf,
    checkout: Option<Checkout>,
}

/// Tells whether a document is a pipeline.
pub(super) fn is_pipeline(source: &Source) -> bool {
    stepwell_schema::pipeline::is_pipeline(source)
}

impl Project {
    /// Reads a pipeline with all that it includes.
    ///
    /// # Errors
    /// All problems of all files.
    pub(super) fn load(path: &Path, source: Arc<Source>) -> Result<Self, CommandError> {
        let current = surroundings::current_folder()
            .map_err(|error| CommandError::file("cannot see where we stand", Path::new("."), error))?;
        let absolute = current.join(path);
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        let folder = folder.canonicalize().map_err(|error| CommandError::file("cannot use", folder, error))?;
        let checkout = Checkout::find(&folder);
        let root = checkout.as_ref().map_or_else(|| folder.clone(), |checkout| checkout.root.clone());
        let file = folder.strip_prefix(&root).unwrap_or(Path::new("")).join(path.file_name().unwrap_or_default());
        let mut include = |written: &str| include::files(&root, &current, written);
        let pipeline = Pipeline::load(source, &mut include).map_err(CommandError::Document)?;
        Ok(Self { pipeline, file, root, checkout })
    }

    /// Makes the request for one job. Its work dir is the root of the project, where `work_dir` does not say otherwise.
    /// `given` are variables on top of those of the pipeline; they are taken as they are.
    ///
    /// # Errors
    /// There is no such job, there is nothing in it to run, or its variables grow too large.
    pub(super) fn request(
        &self,
        name: &str,
        work_dir: Option<&Path>,
        given: impl Iterator<Item = (String, String)>,
    ) -> Result<JobRequest, CommandError> {
        let job = self.pipeline.find(name).map_err(document)?;
        self.warn(job);
        let work_dir = work_dir.map_or_else(|| self.root.clone(), Path::to_owned);
        let variables = self.variables(job, &work_dir, given).map_err(document)?;
        let (document, environment) = match &job.work {
            PipelineWork::Run(document) => (document.clone(), Vec::new()),
            PipelineWork::Script(script) => (script.job(), variables.clone()),
            PipelineWork::Nothing(why) => return Err(document_error(job, *why)),
        };
        let request = JobRequest::from_job(document)
            .work_dir(work_dir)
            .environment(surroundings::environment())
            // What GitLab hands to a script, but not to steps.
            .environment(environment);
        Ok(variables.into_iter().fold(request, |request, (name, value)| request.variable(name, value)))
    }

    /// Iterates over the jobs that are lists of steps, for a check of all of them.
    pub(super) fn runs(&self) -> impl Iterator<Item = JobRequest> {
        self.pipeline.jobs().iter().filter_map(|job| match &job.work {
            PipelineWork::Run(document) => Some(JobRequest::from_job(document.clone()).work_dir(self.root.clone())),
            PipelineWork::Script(_) | PipelineWork::Nothing(_) => None,
        })
    }

    /// Returns what is odd about the pipeline and its jobs.
    pub(super) fn warnings(&self) -> Problems {
        let mut warnings = self.pipeline.warnings().clone();
        warnings.extend(self.pipeline.jobs().iter().flat_map(|job| job.warnings.iter().cloned()));
        warnings
    }

    /// Returns the expanded variables of a job, those of one name once.
    fn variables(
        &self,
        job: &PipelineJob,
        work_dir: &Path,
        given: impl Iterator<Item = (String, String)>,
    ) -> Result<Vec<(String, String)>, Problem> {
        let raw = |(name, value)| Variable { name, value, raw: true };
        let mut variables: Vec<Variable> =
            predefined::variables(self.checkout.as_ref(), &self.file, work_dir, job).into_iter().map(raw).collect();
        variables.extend(job.variables().into_iter().map(Variable::from));
        variables.extend(given.map(raw));
        expand(&variables).map_err(|error| {
            Problem::error("too-large", error.to_string())
                .at(job.place.clone(), "the variables of this job")
                .help("look for a variable that refers to others which refer to others several times")
        })
    }

    fn warn(&self, job: &PipelineJob) {
        let mut warnings = self.pipeline.warnings().clone();
        warnings.extend(job.warnings.iter().cloned());
        warnings.extend(not_honoured(job));
        // Standard error may be closed; the job is run all the same.
        let _ = diagnostics::draw(&mut io::stderr(), &warnings, terminal::color_on_stderr());
    }
}

/// Returns one warning with everything that GitLab would do and a run of the job alone does not.
fn not_honoured(job: &PipelineJob) -> Option<Problem> {
    let (_, first) = job.not_honoured.first()?;
    let keywords: Vec<String> = job.not_honoured.iter().map(|(keyword, _)| format!("`{keyword}`")).collect();
    let message = format!("not honoured in a run of `{}` alone: {}", job.name, keywords.join(", "));
    Some(Problem::warning("not-honoured", message).at(first.clone(), "has no effect here"))
}

fn document(problem: Problem) -> CommandError {
    CommandError::Document(problem.into())
}

fn document_error(job: &PipelineJob, why: NoWork) -> CommandError {
    let (message, help) = match why {
        NoWork::OtherPipeline => ("starts another pipeline", "only GitLab can run it"),
        NoWork::NotIncluded => (
            "has parts in an include that is not followed",
            "copy what it needs into a file of the project, and include that with `local`",
        ),
    };
    let message = format!("there is nothing to run here: the job `{}` {message}", job.name);
    document(Problem::error("nothing-to-run", message).at(job.place.clone(), "this job").help(help))
}
