//! `wasi:http`: requests of a guest on their way to the client, and what becomes of them on the way back.

mod errors;
mod gateway;
mod hooks;

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView};

pub(crate) use self::gateway::{Door, Gateway, Sending};
use self::hooks::Hooks;
use crate::log_sink::LogSink;

/// Most bytes of one set of headers in memory, which is several times what it takes on the wire; the client bounds that.
const MAX_FIELD_BYTES: usize = 64 << 10;

/// The outgoing requests of one call.
pub(crate) struct Outgoing {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl Outgoing {
    /// Prepares for requests. Without a gateway each one is refused.
    pub(crate) fn new(gateway: Option<Arc<dyn Gateway>>, log: Arc<LogSink>) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(MAX_FIELD_BYTES);
        Self { context, hooks: Hooks::new(gateway, log) }
    }

    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.hooks, table, ctx: &mut self.context }
    }
}
