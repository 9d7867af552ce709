//! What belongs to one call of a step: made before it, dropped after it, never used again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell_schema::Clock;
use tokio_util::sync::CancellationToken;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::files::Files;
use crate::http::Outgoing;
use crate::limits::{MAX_CALL_BYTES, MAX_HANDLES, Meter};
use crate::log_sink::LogSink;
use crate::secrets::Secrets;

/// Data of a store. `W` is the flavour of WASI.
pub(crate) struct State<W> {
    pub(crate) wasi: W,
    pub(crate) meter: Meter,
    pub(crate) files: Files,
    pub(crate) facts: Facts,
    pub(crate) log: Arc<LogSink>,
    pub(crate) secrets: Secrets,
    pub(crate) http: Outgoing,
}

/// WASI for components.
pub(crate) struct Preview2 {
    pub(crate) ctx: WasiCtx,
    pub(crate) table: ResourceTable,
}

/// What a step may know about its call.
pub(crate) struct Facts {
    pub(crate) step: String,
    pub(crate) invocation: String,
    pub(crate) attempt: u32,
    pub(crate) capabilities: Vec<String>,
    pub(crate) cancelled: CancellationToken,
    pub(crate) deadline: Option<Instant>,
    pub(crate) wall: Duration,
    pub(crate) clock: Clock,
}

impl Preview2 {
    pub(crate) fn new(builder: &mut WasiCtxBuilder) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self { ctx: builder.build(), table }
    }
}

impl WasiView for State<Preview2> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi.ctx, table: &mut self.wasi.table }
    }
}

impl WasiHttpView for State<Preview2> {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http.view(&mut self.wasi.table)
    }
}

/// Makes WASI for core modules, its table bounded.
pub(crate) fn preview1(builder: &mut WasiCtxBuilder) -> WasiP1Ctx {
    let mut wasi = builder.build_p1();
    wasi.ctx().table.set_max_capacity(MAX_HANDLES);
    wasi
}

/// Makes a store with every limit set.
pub(crate) fn store<W: Send + 'static>(engine: &Engine, state: State<W>) -> Store<State<W>> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(MAX_CALL_BYTES);
    store.set_max_component_handles(MAX_HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context| {
        let meter = &mut context.data_mut().meter;
        if !meter.tick() {
            return Ok(UpdateDeadline::Interrupt);
        }
        Ok(match meter.charge() {
            None => UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())),
            Some(until) => UpdateDeadline::YieldCustom(1, Box::pin(tokio::time::sleep_until(until.into()))),
        })
    });
    store
}
