//! What every call has in common before its guest starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use stepwell_policy::{Grants, Limits};
use stepwell_run::{Control, Invocation, Stream, WasmCall};
use stepwell_schema::{Clock, Random};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use crate::files::Files;
use crate::http::{Gateway, Outgoing};
use crate::limits::Meter;
use crate::log_sink::LogSink;
use crate::preopens::{Opened, Preopen, show};
use crate::secrets::Secrets;
use crate::state::{Facts, State};
use crate::stdio::LogOutput;
use crate::tenant::Caller;
use crate::{clocks, random};

/// A call that is about to start.
pub(crate) struct Setup<'a> {
    pub(crate) control: &'a Control,
    pub(crate) log: Arc<LogSink>,
    pub(crate) facts: Facts,
    pub(crate) wasi: WasiCtxBuilder,
    pub(crate) preopens: Vec<Preopen>,
    /// Variables that the guest sees, each once.
    pub(crate) variables: BTreeMap<String, String>,
    /// The limits of the step, none above what its tenant has.
    pub(crate) limits: Limits,
    pub(crate) caller: Caller,
    meter: Meter,
    secrets: Secrets,
    http: Outgoing,
}

impl<'a> Setup<'a> {
    /// Prepares a call with these grants, which lie within those of the call: clocks, random numbers, log, the granted
    /// variables and secrets, and the folders that were opened for it. `gateway` sends the requests; none where none are
    /// granted.
    #[expect(clippy::too_many_arguments, reason = "all of them are what one call is")]
    pub(crate) fn new(
        invocation: &Invocation,
        call: &WasmCall,
        grants: &Grants,
        caller: &Caller,
        control: &'a Control,
        log: Arc<LogSink>,
        folders: Vec<Opened>,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Self {
        let preopens = show(folders, &invocation.work_dir);
        let mut wasi = WasiCtx::builder();
        // Whatever kind was granted, a deterministic step sees what follows from the step alone.
        let (clock, random) = match caller.deterministic {
            true => (Clock::Frozen, Random::Seeded),
            false => (grants.clock, grants.random),
        };
        match caller.deterministic && grants.clock != Clock::None {
            true => clocks::add_stepped(&mut wasi),
            false => clocks::add(&mut wasi, grants.clock),
        }
        let step = invocation.step.to_string();
        random::add(&mut wasi, random, &[step.as_bytes(), call.module.digest.as_bytes()]);
        wasi.stdout(LogOutput { sink: Arc::clone(&log), stream: Stream::Out })
            .stderr(LogOutput { sink: Arc::clone(&log), stream: Stream::Error })
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            // See `preopens`: file calls are made on the guest's thread.
            .allow_blocking_current_thread(true);
        let value = |name: &String| Some((name.clone(), invocation.environment.get(name)?.clone()));
        let variables = grants.env.iter().filter_map(value).collect();
        let facts = Facts {
            step: invocation.step.name().to_owned(),
            invocation: invocation.id.clone(),
            attempt: invocation.attempt,
            capabilities: grants.capabilities.clone(),
            cancelled: control.cancelled.clone(),
            // A time beyond what the clock can tell is no deadline.
            deadline: Instant::now().checked_add(grants.limits.wall),
            wall: grants.limits.wall,
            clock,
        };
        let secrets = Secrets::new(call, gateway.clone());
        let http = Outgoing::new(gateway, Arc::clone(&log));
        let meter = Meter::new(&grants.limits).on_account(caller.tenant.0.account.clone());
        let (limits, caller) = (grants.limits, caller.clone());
        Self { control, log, facts, wasi, preopens, variables, limits, caller, meter, secrets, http }
    }

    /// Makes the data of the store; `finish` makes the flavour of WASI from what was set up.
    pub(crate) fn into_state<W>(mut self, finish: impl FnOnce(&mut WasiCtxBuilder) -> W) -> State<W> {
        for (name, value) in &self.variables {
            self.wasi.env(name, value);
        }
        State {
            wasi: finish(&mut self.wasi),
            meter: self.meter,
            files: Files::new(self.preopens, self.caller.deterministic),
            facts: self.facts,
            log: self.log,
            secrets: self.secrets,
            http: self.http,
        }
    }
}
