//! What every call has in common before its guest starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use stepwell_http::Gateway;
use stepwell_run::{Control, Invocation, Stream, WasmCall};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use crate::files::Files;
use crate::http::Outgoing;
use crate::limits::Meter;
use crate::log_sink::LogSink;
use crate::preopens::{Preopen, PreopenError, open_granted, open_step};
use crate::secrets::Secrets;
use crate::state::{Facts, State};
use crate::stdio::LogOutput;
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
    meter: Meter,
    secrets: Secrets,
    http: Outgoing,
}

impl<'a> Setup<'a> {
    /// Prepares a call: clocks, random numbers, log, the granted variables, folders and secrets. What a secret must not
    /// show is masked from here on. `gateway` sends the requests; none where there is no client.
    ///
    /// # Errors
    /// A folder cannot be shown.
    pub(crate) fn new(
        invocation: &Invocation,
        call: &WasmCall,
        control: &'a Control,
        log: Arc<LogSink>,
        gateway: Option<Arc<dyn Gateway>>,
    ) -> Result<Self, PreopenError> {
        let grants = &call.grants;
        let mut preopens = open_granted(&invocation.work_dir, grants)?;
        if let Some(folder) = &call.function_folder {
            preopens.push(open_step(folder)?);
        }
        let mut wasi = WasiCtx::builder();
        clocks::add(&mut wasi, grants.clock);
        let step = invocation.step.to_string();
        random::add(&mut wasi, grants.random, &[step.as_bytes(), call.module.digest.as_bytes()]);
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
            clock: grants.clock,
        };
        let secrets = Secrets::new(call, gateway.clone());
        secrets.mask(&control.mask);
        let http = Outgoing::new(gateway, Arc::clone(&log));
        Ok(Self { control, log, facts, wasi, preopens, variables, meter: Meter::new(&grants.limits), secrets, http })
    }

    /// Makes the data of the store; `finish` makes the flavour of WASI from what was set up.
    pub(crate) fn into_state<W>(mut self, finish: impl FnOnce(&mut WasiCtxBuilder) -> W) -> State<W> {
        for (name, value) in &self.variables {
            self.wasi.env(name, value);
        }
        State {
            wasi: finish(&mut self.wasi),
            meter: self.meter,
            files: Files::new(self.preopens),
            facts: self.facts,
            log: self.log,
            secrets: self.secrets,
            http: self.http,
        }
    }
}
