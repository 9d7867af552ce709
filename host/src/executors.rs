//! Which executor runs what.

use std::sync::Arc;

use stepwell_process::NativeExecutor;
use stepwell_run::{Action, BoxFuture, Control, Executor, Invocation, Module, ModuleRefused, Outcome};
use stepwell_sandbox::{Caller, Sandbox};
use stepwell_schema::Spec;

/// The executors of one job behind one face: native commands and scripts go one way, WebAssembly the other. The sandbox
/// serves all jobs; the native executor knows what this job leaves running.
pub(crate) struct Executors {
    pub(crate) native: NativeExecutor,
    pub(crate) sandbox: Arc<Sandbox>,
    /// Whom the job runs for, and how.
    pub(crate) caller: Caller,
}

impl Executor for Executors {
    fn execute<'a>(&'a self, invocation: &'a Invocation, control: &'a Control) -> BoxFuture<'a, Outcome> {
        match &invocation.action {
            Action::Command { .. } | Action::Script { .. } => Box::pin(async move {
                match self.sandbox.admit_native(&self.caller.tenant, invocation, control).await {
                    Some(_place) => self.native.execute(invocation, control).await,
                    None => Outcome::Cancelled,
                }
            }),
            Action::Wasm(call) => Box::pin(self.sandbox.execute_for(&self.caller, invocation, call, control)),
        }
    }

    fn check_module(&self, module: &Module, spec: &Spec) -> Result<(), ModuleRefused> {
        Sandbox::check_module(module, spec)
    }
}
