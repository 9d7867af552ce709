//! The façade: one host, many jobs.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwell_plan::code::NOT_THERE_YET;
use stepwell_plan::{Base, Pinning, Plan, PlanOptions, PlannedFunction, Resolver, load_function, resolve_problem};
use stepwell_policy::Policy;
use stepwell_process::{Leftovers, NativeExecutor, Subreaper, WatcherCommand};
use stepwell_report::Masker;
use stepwell_resolve::{JobResolver, ProgressSink, StandardResolver};
use stepwell_run::{Surroundings, event_channel};
use stepwell_sandbox::{Caller, Sandbox};
use stepwell_schema::{Problems, Reference};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::builder::HostBuilder;
use crate::error::{Denied, RunError};
use crate::events::Events;
use crate::executors::Executors;
use crate::handle::{JobHandle, Recorder};
use crate::modules;
use crate::request::JobRequest;

/// Runs jobs, many at once. Owns the threads, the WebAssembly engine and its compiled modules; dropping it cancels what
/// still runs.
pub struct Host {
    // Always there until `drop`.
    runtime: Option<Runtime>,
    parts: Parts,
}

/// What a host is made of besides its threads.
pub(crate) struct Parts {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) resolver: Arc<StandardResolver>,
    pub(crate) on_fetch: Option<ProgressSink>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) subreaper: Option<Arc<Subreaper>>,
    pub(crate) watcher: Option<WatcherCommand>,
    pub(crate) scratch_folder: PathBuf,
    pub(crate) grace: Duration,
}

impl Host {
    /// Starts to set up a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::new()
    }

    pub(crate) fn new(runtime: Runtime, parts: Parts) -> Self {
        Self { runtime: Some(runtime), parts }
    }

    /// Says what a job would run, without running anything. Reads the function files and modules that the job leads to,
    /// so it may block. Needs that are denied are in the plan and are no error here.
    ///
    /// # Errors
    /// [`RunError::Document`] with all problems of all documents; [`RunError::Environment`] where the work dir is not
    /// there; [`RunError::Cancelled`].
    pub fn plan(&self, request: &JobRequest) -> Result<Plan, RunError> {
        let work_dir = absolute_work_dir(&request.work_dir)?;
        self.plan_in(request, &work_dir, &self.resolver(&request.cancelled))
    }

    /// Starts a job. Plans it first, so it may block for as long as reading its documents takes.
    ///
    /// # Errors
    /// As for [`Host::plan`], and [`RunError::Denied`] where a step needs what it is not given. Nothing has run then.
    pub fn run(&self, request: JobRequest) -> Result<JobHandle, RunError> {
        let work_dir = absolute_work_dir(&request.work_dir)?;
        let resolver = self.resolver(&request.cancelled);
        let plan = self.plan_in(&request, &work_dir, &resolver)?;
        let denied: Vec<Denied> = plan.denials().map(Denied::from).collect();
        if !denied.is_empty() {
            return Err(RunError::Denied(denied));
        }
        // What could not be fetched beforehand is tried again by the step that needs it.
        resolver.forget_failures();
        self.start(request, work_dir, plan, resolver)
    }

    /// Finds and reads the function that a reference leads to, with all that hangs below it. Relative references start
    /// at `folder`. May block.
    ///
    /// # Errors
    /// [`RunError::Document`] with all problems; [`RunError::Environment`] where the folder is not there.
    pub fn function(&self, reference: &Reference, folder: &Path) -> Result<Arc<PlannedFunction>, RunError> {
        let resolver: &dyn Resolver = &self.resolver(&CancellationToken::new());
        let base = Base::Folder(absolute_work_dir(folder)?);
        let resolved = resolver
            .resolve(reference, &base)
            .map_err(|error| RunError::Document(resolve_problem(&error, None).into()))?;
        let function = load_function(resolved, resolver, Pinning::BeforeTheFirstStep).map_err(RunError::Document)?;
        let problems = modules::check_function(&function);
        if problems.has_errors() { Err(RunError::Document(problems)) } else { Ok(function) }
    }

    /// Returns why compiled modules are not kept between processes although a folder was given for them, if that is so:
    /// the folder, or the key in it, is not this user's alone.
    pub fn cache_unusable(&self) -> Option<&(dyn Error + 'static)> {
        self.parts.sandbox.cache_unusable().map(|error| error as &(dyn Error + 'static))
    }

    /// Makes the resolver of one job.
    fn resolver(&self, cancelled: &CancellationToken) -> JobResolver {
        self.parts.resolver.for_job(cancelled.clone(), self.parts.on_fetch.clone())
    }

    fn plan_in(&self, request: &JobRequest, work_dir: &Path, resolver: &JobResolver) -> Result<Plan, RunError> {
        let options = PlanOptions {
            vars: request.variables.clone(),
            pinning: request.pinning,
            policy: Arc::clone(&self.parts.policy),
            tenant: request.tenant.clone(),
        };
        let plan = stepwell_plan::plan(&request.document, work_dir, resolver, &options);
        if request.cancelled.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        let plan = plan.map_err(RunError::Document)?;
        let refused = modules::check_plan(&plan);
        if refused.is_empty() {
            return Ok(plan);
        }
        let mut problems = plan.warnings;
        problems.extend(refused);
        Err(RunError::Document(problems))
    }

    fn start(
        &self,
        request: JobRequest,
        work_dir: PathBuf,
        plan: Plan,
        resolver: JobResolver,
    ) -> Result<JobHandle, RunError> {
        let masker = Masker::new();
        // The run itself finds out what becomes of what is not there yet.
        let mut warnings = Problems::default();
        warnings.extend(plan.warnings.iter().filter(|warning| warning.code != NOT_THERE_YET).cloned());
        let (sender, stream) = event_channel();
        let cancel = request.cancelled.child_token();
        let (finished, result) = oneshot::channel();
        let leftovers = self.parts.watcher.clone().map_or_else(Leftovers::default, Leftovers::watched_by);
        let executors = Executors {
            native: NativeExecutor::new(leftovers.clone()),
            sandbox: Arc::clone(&self.parts.sandbox),
            caller: Caller {
                tenant: self.parts.sandbox.tenant(&request.tenant, None),
                deterministic: request.deterministic,
            },
        };
        let surroundings = Surroundings {
            environment: request.environment,
            variables: request.variables,
            grace: self.parts.grace,
            time_limit: request.time_limit,
            options: request.options,
            policy: Arc::clone(&self.parts.policy),
            mask: masker.sink(),
            ..Surroundings::new(work_dir, self.parts.scratch_folder.clone())
        };
        let job = stepwell_run::run(
            Arc::new(plan),
            surroundings,
            Arc::new(executors),
            Arc::new(resolver),
            sender,
            cancel.clone(),
        );
        let grace = self.parts.grace;
        let subreaper = self.parts.subreaper.clone();
        self.runtime().spawn(async move {
            let result = job.await;
            leftovers.end_all(grace).await;
            if let Some(subreaper) = subreaper {
                // Where `/proc` cannot be read nothing more can be found; the groups were ended above.
                let _ = subreaper.end_descendants(grace).await;
            }
            // Nobody waits for it where the handle was dropped.
            let _ = finished.send(result);
        });
        Ok(JobHandle {
            warnings,
            events: Events::new(stream, masker.clone()),
            recorder: Recorder { document: Arc::new(request.document), masker },
            _cancel_on_drop: cancel.clone().drop_guard(),
            cancel,
            result,
        })
    }

    /// Runs a future on this thread, with the host's timers and signals.
    #[cfg(feature = "cli")]
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime().block_on(future)
    }

    /// Runs a future on the host's threads.
    #[cfg(feature = "cli")]
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime().spawn(future);
    }

    /// Returns what finds every process below this one, if the host inherits them.
    #[cfg(feature = "cli")]
    pub(crate) fn subreaper(&self) -> Option<Arc<Subreaper>> {
        self.parts.subreaper.clone()
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("the runtime is there until the host is dropped")
    }
}

impl Drop for Host {
    /// Leaves at once, also inside an async runtime, where waiting for threads is not allowed.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("scratch_folder", &self.parts.scratch_folder).finish_non_exhaustive()
    }
}

/// Returns the work dir with every link followed, so that decisions are made about what will be touched.
fn absolute_work_dir(folder: &Path) -> Result<PathBuf, RunError> {
    let not_usable = |error: std::io::Error| RunError::Environment {
        message: format!("the work dir `{}` cannot be used", folder.display()),
        cause: Some(Box::new(error)),
        hint: Some("make the folder, or name another one".to_owned()),
    };
    let absolute = std::fs::canonicalize(folder).map_err(not_usable)?;
    let metadata = std::fs::metadata(&absolute).map_err(not_usable)?;
    if !metadata.is_dir() {
        return Err(not_usable(std::io::ErrorKind::NotADirectory.into()));
    }
    Ok(absolute)
}
