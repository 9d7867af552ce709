//! The façade: one engine, and calls of modules in it.

use std::path::PathBuf;
use std::sync::Arc;

use stepwell_run::{Control, Failure, FailureKind, Invocation, Module, ModuleRefused, Outcome, Usage, WasmCall};
use stepwell_schema::Spec;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::check;
use crate::code_cache::CacheUnusable;
use crate::engine::{self, Machine};
use crate::instance;
use crate::log_sink::LogSink;
use crate::modules::{Modules, NotReady, Ready};
use crate::preopens::{self, PreopenError};
use crate::setup::Setup;
use crate::worker::{Isolation, Workers};

/// Runs WebAssembly steps. Each call has a fresh instance that is dropped after it; compiled modules are shared.
/// Serves any number of calls at the same time, on whatever tokio runtime they are made from, which must be a
/// multi-threaded one with time turned on.
pub struct Sandbox {
    place: Place,
    /// As many as the pool has places, so that a step waits for one rather than fails.
    places: Semaphore,
    cache_unusable: Option<CacheUnusable>,
}

/// Where guests run.
enum Place {
    Here(Box<Here>),
    Workers(Box<Workers>),
}

/// The engine of this process, with what it runs.
struct Here {
    // Dropped before the machine that made them.
    modules: Modules,
    machine: Machine,
    scratch_folder: PathBuf,
}

/// Settings of a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct SandboxBuilder {
    scratch_folder: PathBuf,
    cache_folder: Option<PathBuf>,
    instances: u32,
    isolation: Isolation,
}

/// Why there is no sandbox: the engine does not start on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine does not start: {cause}")]
pub struct SandboxError {
    cause: String,
}

impl Sandbox {
    /// Starts to set up a sandbox. Private folders of commands are made below the scratch folder, which must exist
    /// and be writable for this user alone.
    pub fn builder(scratch_folder: impl Into<PathBuf>) -> SandboxBuilder {
        SandboxBuilder {
            scratch_folder: scratch_folder.into(),
            cache_folder: None,
            instances: 256,
            isolation: Isolation::InProcess,
        }
    }

    /// Runs a module to its end, whatever that end is, and says how it ended.
    ///
    /// The guest gets what `call` grants and nothing else. Time for making the module ready does not count. When this
    /// returns nothing of the call runs any more and its private folders are gone; a call that is dropped meanwhile is
    /// stopped at once.
    pub async fn execute(&self, invocation: &Invocation, call: &WasmCall, control: &Control) -> Outcome {
        match &self.place {
            Place::Here(here) => self.execute_here(here, invocation, call, control).await,
            Place::Workers(workers) => self.execute_in_worker(workers, invocation, call, control).await,
        }
    }

    async fn execute_here(&self, here: &Here, invocation: &Invocation, call: &WasmCall, control: &Control) -> Outcome {
        let log = Arc::new(LogSink::new(
            control.events.clone(),
            invocation.step.clone(),
            control.mask.clone(),
            call.grants.limits.log,
        ));
        let ready = tokio::select! {
            biased;
            ready = here.modules.get(&call.module, &log) => ready,
            () = control.cancelled.cancelled() => return Outcome::Cancelled,
        };
        let outcome = match ready {
            Ok(ready) => self.call(here, &ready, invocation, call, control, &log).await,
            Err(error) => not_ready(&error),
        };
        log.finish();
        outcome
    }

    async fn call(
        &self,
        here: &Here,
        ready: &Ready,
        invocation: &Invocation,
        call: &WasmCall,
        control: &Control,
        log: &Arc<LogSink>,
    ) -> Outcome {
        // Held until the store is dropped.
        let Some(_place) = self.place_for(control).await else { return Outcome::Cancelled };
        let folders = match preopens::open(&invocation.work_dir, &call.grants, call.function_folder.as_deref()) {
            Ok(folders) => folders,
            Err(error) => return folder_missing(&error),
        };
        let setup = Setup::new(invocation, call, control, Arc::clone(log), folders);
        instance::run(&here.machine.engine, ready, call, setup, &here.scratch_folder).await
    }

    async fn execute_in_worker(
        &self,
        workers: &Workers,
        invocation: &Invocation,
        call: &WasmCall,
        control: &Control,
    ) -> Outcome {
        let code = tokio::select! {
            biased;
            code = workers.code(invocation, call, control) => code,
            () = control.cancelled.cancelled() => return Outcome::Cancelled,
        };
        let code = match code {
            Ok(code) => code,
            Err(error) => return not_ready(&error),
        };
        let Some(_place) = self.place_for(control).await else { return Outcome::Cancelled };
        workers.run(&code, invocation, call, control).await
    }

    /// Waits for a place among those that run; none where the job is cancelled meanwhile.
    async fn place_for(&self, control: &Control) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            // It is never closed, so there is always a place in the end.
            place = self.places.acquire() => place.ok(),
            () = control.cancelled.cancelled() => None,
        }
    }

    /// Looks at a module, without running or compiling it, and compares what it says of itself with the function file.
    ///
    /// # Errors
    /// The file is no step, imports what is not served, or differs from the function file. The message names all of
    /// it, a line each.
    pub fn check_module(module: &Module, spec: &Spec) -> Result<(), ModuleRefused> {
        check::check_module(module, spec)
    }

    /// Returns why the cache folder is not used, if it is not: worth a warning, for every process compiles anew then.
    pub fn cache_unusable(&self) -> Option<&CacheUnusable> {
        self.cache_unusable.as_ref()
    }
}

impl SandboxBuilder {
    /// Keeps compiled code in a folder, which is made if it is missing. It must be this user's alone; one that is not
    /// is left out (see [`Sandbox::cache_unusable`]). Default: nothing is kept between processes.
    #[must_use]
    pub fn cache_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache_folder = Some(folder.into());
        self
    }

    /// Sets how many steps run at the same time. Address space is set aside for that many. Default: 256.
    #[must_use]
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Sets where guests run. Default: in this process.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Starts the engine. Workers start when they are needed.
    ///
    /// # Errors
    /// It does not start on this machine.
    pub fn build(self) -> Result<Sandbox, SandboxError> {
        let failed = |error: wasmtime::Error| SandboxError { cause: error.to_string() };
        let cache_folder = self.cache_folder.as_deref();
        let (place, cache_unusable) = match self.isolation {
            Isolation::InProcess => {
                let machine = Machine::start(self.instances).map_err(failed)?;
                let (modules, cache_unusable) = Modules::new(&machine.engine, cache_folder).map_err(failed)?;
                let here = Here { modules, machine, scratch_folder: self.scratch_folder };
                (Place::Here(Box::new(here)), cache_unusable)
            }
            Isolation::Worker(program) => {
                // Nothing runs in this engine: it tells under which name code is kept.
                let engine = engine::without_pool().map_err(failed)?;
                let (workers, cache_unusable) =
                    Workers::new(&engine, program, self.scratch_folder, cache_folder, self.instances);
                (Place::Workers(Box::new(workers)), cache_unusable)
            }
        };
        Ok(Sandbox { place, places: Semaphore::new(self.instances as usize), cache_unusable })
    }
}

fn not_ready(error: &NotReady) -> Outcome {
    let failure = |kind, hint: Option<String>| {
        Outcome::Failed(Failure { kind, message: error.to_string(), causes: Vec::new(), hint }, Usage::default())
    };
    match error {
        NotReady::Refused(refused) => {
            let kind = if refused.denied { FailureKind::Denied } else { FailureKind::Internal };
            failure(kind, refused.hint.clone())
        }
        NotReady::NotCompiled { .. } | NotReady::NotLinked { .. } => failure(FailureKind::Internal, None),
        NotReady::OtherDigest { .. } | NotReady::NoCompiler { .. } | NotReady::Interrupted { .. } => {
            Outcome::EngineError { message: error.to_string() }
        }
    }
}

/// Returns the outcome of a step whose folders cannot be shown to it.
pub(crate) fn folder_missing(error: &PreopenError) -> Outcome {
    let causes = std::error::Error::source(error).map(ToString::to_string).into_iter().collect();
    Outcome::Failed(
        Failure { kind: FailureKind::Failed, message: error.to_string(), causes, hint: error.hint() },
        Usage::default(),
    )
}
