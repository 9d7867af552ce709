//! `stepwell run`: a job, from its file to its exit code.

use std::path::Path;

use super::args::{JobArguments, PlanArguments, RunArguments};
use super::error::{CommandError, Exit};
use super::fetches::Fetches;
use super::pipeline::Project;
use super::policies::PolicyArguments;
use super::signals::cancel_on_signals;
use super::watch::{LogTo, Watch};
use super::{lenient, pipeline, plan, surroundings, variables, watcher, worker};
use crate::{Host, HostBuilder, Isolation, JobRequest, request};

/// Runs a job, or shows its plan.
pub(super) fn run(arguments: &RunArguments) -> Result<Exit, CommandError> {
    if arguments.dry_run {
        return plan::plan(&PlanArguments { job: arguments.job.clone(), json: false });
    }
    let isolation = worker::isolation(arguments.output.isolation, &arguments.job.policy)?;
    let host = host(&arguments.job.policy, isolation)?;
    let mut request = request(&arguments.job)?;
    request = lenient::apply(&arguments.output.lenient, request)?;
    request = request.deterministic(arguments.deterministic);
    if let Some(limit) = arguments.output.timeout {
        request = request.time_limit(limit);
    }
    // Files that were asked for are opened first: a run whose record cannot be kept does not start.
    let watch = Watch::open(&arguments.output, LogTo::StandardOutput)?;
    cancel_on_signals(&host, request.canceller())?;
    let handle = host.run(request)?;
    Ok(watch.until_over(&host, handle).exit)
}

/// Reads a job file, or a job of a pipeline, with the variables of the command line.
pub(super) fn request(arguments: &JobArguments) -> Result<JobRequest, CommandError> {
    let from_file = match &arguments.vars_file {
        Some(path) => variables::load(path).map_err(CommandError::Document)?,
        None => Default::default(),
    };
    let given = from_file.into_iter().chain(arguments.vars.iter().cloned());
    let source = request::read(&arguments.file).map_err(CommandError::Document)?;
    match &arguments.job {
        Some(job) => Project::load(&arguments.file, source)?.request(job, arguments.workdir.as_deref(), given),
        None if pipeline::is_pipeline(&source) => Err(CommandError::Usage {
            message: format!("`{}` is a pipeline, and no job of it is named", arguments.file.display()),
            hint: format!("add `--job NAME`; `stepwell list {}` shows the names", arguments.file.display()),
        }),
        None => {
            let request = JobRequest::from_source(source)
                .map_err(CommandError::Document)?
                .work_dir(arguments.workdir.as_deref().unwrap_or(Path::new(".")))
                .environment(surroundings::environment());
            Ok(given.fold(request, |request, (name, value)| request.variable(name, value)))
        }
    }
}

/// Sets up a host as the program needs it: caches in the user's folder, and no process left when it ends.
pub(super) fn host(policy: &PolicyArguments, isolation: Isolation) -> Result<Host, CommandError> {
    let mut builder = builder(policy, isolation)?;
    if let Some(folder) = surroundings::cache_folder() {
        builder = builder.cache_folder(folder);
    }
    Ok(builder.build()?)
}

/// Starts to set up such a host, without the cache of compiled modules.
pub(super) fn builder(policy: &PolicyArguments, isolation: Isolation) -> Result<HostBuilder, CommandError> {
    let (policy, http) = (policy.load()?, policy.http()?);
    // One job runs one step at a time; a component may need the places of several.
    let mut builder = Host::builder()
        .scratch_folder(surroundings::scratch_folder())
        .sandboxed_steps(8)
        .isolation(isolation)
        .subreaper(true)
        .watcher(watcher::command());
    if let Ok(folder) = surroundings::current_folder() {
        builder = builder.shown_from(folder);
    }
    let fetches = Fetches::new();
    Ok(builder.http(http).policy(policy).git(surroundings::git()).on_fetch(move |progress| fetches.take(progress)))
}
