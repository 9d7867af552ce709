//! The façade: one engine, and calls of modules in it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use stepwell_http::{Client, ClientError, Gateway};
use stepwell_run::{Control, Failure, FailureKind, Invocation, Module, ModuleRefused, Outcome, Usage, WasmCall};
use stepwell_schema::Spec;
use tokio::sync::Semaphore;

use crate::check;
use crate::code_cache::CacheUnusable;
use crate::command::{self, Program};
use crate::engine::Machine;
use crate::log_sink::LogSink;
use crate::modules::{Modules, NotReady, Ready};
use crate::preopens::PreopenError;
use crate::secrets::credentials;
use crate::setup::Setup;
use crate::typed;

/// Runs WebAssembly steps. Each call has a fresh instance that is dropped after it; compiled modules are shared.
/// Serves any number of calls at the same time, on whatever tokio runtime they are made from, which must be a
/// multi-threaded one with time turned on.
pub struct Sandbox {
    // Dropped before the machine that made them.
    modules: Modules,
    machine: Machine,
    /// As many as the pool has places, so that a step waits for one rather than fails.
    places: Semaphore,
    scratch_folder: PathBuf,
    cache_unusable: Option<CacheUnusable>,
    /// Made when it is first needed, unless one was given.
    client: OnceLock<Client>,
}

/// Settings of a [`Sandbox`].
#[derive(Clone, Debug)]
pub struct SandboxBuilder {
    client: Option<Client>,
    scratch_folder: PathBuf,
    cache_folder: Option<PathBuf>,
    instances: u32,
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
        SandboxBuilder { client: None, scratch_folder: scratch_folder.into(), cache_folder: None, instances: 256 }
    }

    /// Runs a module to its end, whatever that end is, and says how it ended.
    ///
    /// The guest gets what `call` grants and nothing else. Time for making the module ready does not count. When this
    /// returns nothing of the call runs any more and its private folders are gone; a call that is dropped meanwhile is
    /// stopped at once.
    pub async fn execute(&self, invocation: &Invocation, call: &WasmCall, control: &Control) -> Outcome {
        let log = Arc::new(LogSink::new(
            control.events.clone(),
            invocation.step.clone(),
            control.mask.clone(),
            call.grants.limits.log,
        ));
        let ready = tokio::select! {
            biased;
            ready = self.modules.get(&call.module, &log) => ready,
            () = control.cancelled.cancelled() => return Outcome::Cancelled,
        };
        let outcome = match ready {
            Ok(ready) => self.call(&ready, invocation, call, control, &log).await,
            Err(error) => not_ready(&error),
        };
        log.finish();
        outcome
    }

    async fn call(
        &self,
        ready: &Ready,
        invocation: &Invocation,
        call: &WasmCall,
        control: &Control,
        log: &Arc<LogSink>,
    ) -> Outcome {
        let place = tokio::select! {
            biased;
            place = self.places.acquire() => place,
            () = control.cancelled.cancelled() => return Outcome::Cancelled,
        };
        // Held until the store is dropped. It is never closed, so there is always one.
        let _place = place;
        let gateway = match self.gateway(call) {
            Ok(gateway) => gateway,
            Err(error) => return Outcome::EngineError { message: error.to_string() },
        };
        let setup = match Setup::new(invocation, call, control, Arc::clone(log), gateway) {
            Ok(setup) => setup,
            Err(error) => return folder_missing(&error),
        };
        let engine = &self.machine.engine;
        match ready {
            Ready::Typed(pre) => typed::run(engine, pre, call, setup).await,
            Ready::Command(pre) => {
                command::run(engine, Program::Preview2(pre), call, setup, &self.scratch_folder).await
            }
            Ready::Preview1(pre) => {
                command::run(engine, Program::Preview1(pre), call, setup, &self.scratch_folder).await
            }
        }
    }

    /// Returns what sends the requests of a call; none where none are granted.
    fn gateway(&self, call: &WasmCall) -> Result<Option<Arc<dyn Gateway>>, ClientError> {
        if call.grants.http.is_empty() {
            return Ok(None);
        }
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let made = Client::new(stepwell_http::Settings::default())?;
                self.client.get_or_init(|| made)
            }
        };
        Ok(Some(Arc::new(client.session(call.grants.http.clone(), credentials(call)))))
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

    /// Starts the engine.
    ///
    /// # Errors
    /// It does not start on this machine.
    pub fn build(self) -> Result<Sandbox, SandboxError> {
        let failed = |error: wasmtime::Error| SandboxError { cause: error.to_string() };
        let machine = Machine::start(self.instances).map_err(failed)?;
        let (modules, cache_unusable) = Modules::new(&machine.engine, self.cache_folder.as_deref()).map_err(failed)?;
        Ok(Sandbox {
            modules,
            machine,
            places: Semaphore::new(self.instances as usize),
            scratch_folder: self.scratch_folder,
            cache_unusable,
            client: self.client.map(OnceLock::from).unwrap_or_default(),
        })
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
        NotReady::OtherDigest { .. } | NotReady::Interrupted { .. } => {
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
