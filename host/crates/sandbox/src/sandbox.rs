//! The façade: one engine, and calls of modules in it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use stepwell_http::{Client, ClientError};
use stepwell_policy::{Grants, Subject};
use stepwell_run::{
    Control, EventKind, Failure, FailureKind, Invocation, Module, ModuleRefused, Outcome, Usage, WasmCall,
};
use stepwell_schema::Spec;

use crate::admission::{Admission, Place};
use crate::check;
use crate::code_cache::CacheUnusable;
use crate::engine::{self, Machine, Numbers};
use crate::http::{Door, Gateway};
use crate::instance;
use crate::log_sink::LogSink;
use crate::modules::{Modules, NotReady};
use crate::preopens::{self, PreopenError};
use crate::secrets::{self, credentials};
use crate::setup::Setup;
use crate::tenant::{Caller, Load, Quotas, Tenant};
use crate::worker::{Isolation, Workers};

/// Runs WebAssembly steps. Each call has a fresh instance that is dropped after it; compiled modules are shared.
/// Serves any number of calls at the same time, on whatever tokio runtime they are made from, which must be a
/// multi-threaded one with time turned on.
pub struct Sandbox {
    plain: Workshop,
    /// For deterministic steps; made when the first of them comes.
    canonical: OnceLock<Result<Workshop, SandboxError>>,
    builder: SandboxBuilder,
    /// As many places as the pool has, so that a step waits for one rather than fails.
    admission: Admission,
    /// Made when it is first needed, unless one was given.
    client: OnceLock<Client>,
    cache_unusable: Option<CacheUnusable>,
}

/// Where guests run.
enum Workshop {
    /// Here, under an engine of this process.
    Here(Box<Here>),
    /// In workers.
    Workers(Box<Workers>),
}

/// An engine with its modules.
struct Here {
    // Dropped before the machine that made them.
    modules: Modules,
    machine: Machine,
}

/// Settings of a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct SandboxBuilder {
    scratch_folder: PathBuf,
    cache_folder: Option<PathBuf>,
    instances: u32,
    quotas: Quotas,
    isolation: Isolation,
    client: Option<Client>,
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
            quotas: Quotas::default(),
            isolation: Isolation::InProcess,
            client: None,
        }
    }

    /// Returns a tenant, made with these quotas if it was not there before; without any with those of
    /// [`SandboxBuilder::quotas`]. It is kept as long as the sandbox.
    pub fn tenant(&self, name: &str, quotas: Option<Quotas>) -> Tenant {
        self.admission.tenant(name, quotas)
    }

    /// Runs a module for the tenant of jobs of which nobody said whom they run for; see [`Sandbox::execute_for`].
    pub async fn execute(&self, invocation: &Invocation, call: &WasmCall, control: &Control) -> Outcome {
        let caller = Caller { tenant: self.tenant(Subject::DEFAULT_TENANT, None), deterministic: false };
        self.execute_for(&caller, invocation, call, control).await
    }

    /// Runs a module for a tenant to its end, whatever that end is, and says how it ended.
    ///
    /// The guest gets what `call` grants and nothing else. Time for making the module ready does not count. When this
    /// returns nothing of the call runs any more and its private folders are gone; a call that is dropped meanwhile is
    /// stopped at once.
    pub async fn execute_for(
        &self,
        caller: &Caller,
        invocation: &Invocation,
        call: &WasmCall,
        control: &Control,
    ) -> Outcome {
        let tenant = &caller.tenant;
        let grants = tenant.quotas().within(&call.grants);
        let workshop = match self.workshop(caller.deterministic) {
            Ok(workshop) => workshop,
            Err(error) => return Outcome::EngineError { message: error.to_string() },
        };
        let log =
            LogSink::new(control.events.clone(), invocation.step.clone(), control.mask.clone(), grants.limits.log);
        let log = Arc::new(log.without_waits(caller.deterministic));
        secrets::mask(call, &control.mask);
        let outcome = match workshop {
            Workshop::Here(here) => self.execute_here(here, caller, invocation, call, &grants, control, &log).await,
            Workshop::Workers(workers) => {
                self.execute_in_worker(workers, caller, invocation, call, &grants, control, &log).await
            }
        };
        log.finish();
        outcome
    }

    #[expect(clippy::too_many_arguments, reason = "all of them are what one call is")]
    async fn execute_here(
        &self,
        here: &Here,
        caller: &Caller,
        invocation: &Invocation,
        call: &WasmCall,
        grants: &Grants,
        control: &Control,
        log: &Arc<LogSink>,
    ) -> Outcome {
        let ready = match unless_cancelled(control, here.modules.get(&call.module, log)).await {
            Some(Ok(ready)) => ready,
            Some(Err(error)) => return not_ready(&error),
            None => return Outcome::Cancelled,
        };
        // Held until the store is dropped.
        let waiting = self.place(&caller.tenant, Load::of(grants), |event| log.notice(event));
        let Some(_place) = unless_cancelled(control, waiting).await else { return Outcome::Cancelled };
        let folders = match preopens::open(&invocation.work_dir, grants, call.function_folder.as_deref()) {
            Ok(folders) => folders,
            Err(error) => return folder_missing(&error),
        };
        let gateway = match self.gateway(&caller.tenant, call, grants, log) {
            Ok(gateway) => gateway,
            Err(error) => return Outcome::EngineError { message: error.to_string() },
        };
        let setup = Setup::new(invocation, call, grants, caller, control, Arc::clone(log), folders, gateway);
        instance::run(&here.machine.engine, &ready, call, setup, &self.builder.scratch_folder).await
    }

    #[expect(clippy::too_many_arguments, reason = "all of them are what one call is")]
    async fn execute_in_worker(
        &self,
        workers: &Workers,
        caller: &Caller,
        invocation: &Invocation,
        call: &WasmCall,
        grants: &Grants,
        control: &Control,
        log: &Arc<LogSink>,
    ) -> Outcome {
        let code = match unless_cancelled(control, workers.code(call, log)).await {
            Some(Ok(code)) => code,
            Some(Err(error)) => return not_ready(&error),
            None => return Outcome::Cancelled,
        };
        let waiting = self.place(&caller.tenant, Load::of(grants), |event| log.notice(event));
        let Some(_place) = unless_cancelled(control, waiting).await else { return Outcome::Cancelled };
        let gateway = match self.gateway(&caller.tenant, call, grants, log) {
            Ok(gateway) => gateway,
            Err(error) => return Outcome::EngineError { message: error.to_string() },
        };
        let outcome = workers.run(&code, &caller.tenant, invocation, call, grants, control, gateway).await;
        // The account is on this side: what a step in a worker used is known when it has ended.
        if let (Some(account), Some(cpu)) = (&caller.tenant.0.account, cpu_of(&outcome)) {
            account.charge(cpu, Instant::now());
        }
        outcome
    }

    /// Waits until a native step of a tenant may start, and says so by an event of that step. It counts among the steps of
    /// the tenant until what is returned is dropped. None: the step was cancelled.
    pub async fn admit_native(&self, tenant: &Tenant, invocation: &Invocation, control: &Control) -> Option<Place<'_>> {
        let notice = |event| control.events.send(&invocation.step, event);
        unless_cancelled(control, self.place(tenant, Load::native(), notice)).await
    }

    /// Waits for a place, and for processor time if the tenant has none left.
    async fn place(&self, tenant: &Tenant, load: Load, notice: impl Fn(EventKind)) -> Place<'_> {
        let told = AtomicBool::new(false);
        let waits = || {
            if !told.swap(true, Ordering::Relaxed) {
                notice(EventKind::Busy { what: format!("waiting for a place of tenant `{}`", tenant.name()) });
            }
        };
        if let Some(account) = &tenant.0.account {
            while let Some(until) = account.charge(Duration::ZERO, Instant::now()) {
                waits();
                tokio::time::sleep_until(until.into()).await;
            }
        }
        let place = self.admission.place(tenant, load, waits).await;
        if told.into_inner() {
            notice(EventKind::BusyOver);
        }
        place
    }

    /// Returns the engine for deterministic steps, or that for all others.
    fn workshop(&self, deterministic: bool) -> Result<&Workshop, &SandboxError> {
        if !deterministic {
            return Ok(&self.plain);
        }
        // Where the cache folder cannot be used, the plain one has said so.
        let make = || self.builder.workshop(Numbers::Canonical).map(|(workshop, _)| workshop);
        self.canonical.get_or_init(make).as_ref()
    }

    /// Returns what sends the requests of a call; none where none are granted.
    fn gateway(
        &self,
        tenant: &Tenant,
        call: &WasmCall,
        grants: &Grants,
        log: &Arc<LogSink>,
    ) -> Result<Option<Arc<dyn Gateway>>, ClientError> {
        if grants.http.is_empty() {
            return Ok(None);
        }
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let made = Client::new(stepwell_http::Settings::default())?;
                self.client.get_or_init(|| made)
            }
        };
        let client = tenant.0.client.get_or_init(|| client.for_another_tenant());
        let session = client.session(grants.http.clone(), credentials(call));
        Ok(Some(Arc::new(Door::new(session, Arc::clone(log)))))
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

    /// Sends outgoing requests of steps with a client. Default: one that reaches public addresses alone, trusts the
    /// certificate authorities of the machine and uses no proxy.
    #[must_use]
    pub fn http(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets how many steps run at the same time. Address space is set aside for that many. Default: 256.
    #[must_use]
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Sets what tenants have that have no quotas of their own. Default: [`Quotas::default`].
    #[must_use]
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
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
        let (plain, cache_unusable) = self.workshop(Numbers::AsComputed)?;
        let admission = Admission::new(self.instances as usize, self.quotas);
        let client = self.client.clone().map(OnceLock::from).unwrap_or_default();
        Ok(Sandbox { plain, canonical: OnceLock::new(), builder: self, admission, client, cache_unusable })
    }

    fn workshop(&self, numbers: Numbers) -> Result<(Workshop, Option<CacheUnusable>), SandboxError> {
        let failed = |error: wasmtime::Error| SandboxError { cause: error.to_string() };
        let cache_folder = self.cache_folder.as_deref();
        match &self.isolation {
            Isolation::InProcess => {
                let machine = Machine::start(self.instances, numbers).map_err(failed)?;
                let (modules, cache_unusable) = Modules::new(&machine.engine, cache_folder).map_err(failed)?;
                Ok((Workshop::Here(Box::new(Here { modules, machine })), cache_unusable))
            }
            Isolation::Worker(program) => {
                // Nothing runs in this engine: it tells under which name code is kept.
                let engine = engine::without_pool(numbers).map_err(failed)?;
                let scratch = self.scratch_folder.clone();
                let (workers, cache_unusable) =
                    Workers::new(&engine, program.clone(), scratch, cache_folder, self.instances, numbers);
                Ok((Workshop::Workers(Box::new(workers)), cache_unusable))
            }
        }
    }
}

/// Waits for something; none: the step was cancelled before.
async fn unless_cancelled<T>(control: &Control, waiting: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = waiting => Some(done),
        () = control.cancelled.cancelled() => None,
    }
}

/// Returns the processor time that a step used, where it was measured.
fn cpu_of(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Returned(_, usage) | Outcome::Failed(_, usage) | Outcome::LimitReached(_, usage) => usage.cpu,
        Outcome::Exited { .. }
        | Outcome::Signalled { .. }
        | Outcome::NotStarted { .. }
        | Outcome::Cancelled
        | Outcome::EngineError { .. } => None,
    }
}

/// Returns the outcome of a step whose module cannot be made ready.
pub(crate) fn not_ready(error: &NotReady) -> Outcome {
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
