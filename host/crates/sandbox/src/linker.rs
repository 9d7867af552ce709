//! What guests may import, registered interface by interface. What is not registered here cannot be imported.

use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Result};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random, sockets};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};

use crate::bindings::stepwell::step;
use crate::quota_fs::{HasQuotaFs, QuotaFs};
use crate::state::{Preview2, State};

type ComponentState = State<Preview2>;

/// Makes the linker for components: our own package and the base set of WASI 0.2. Sockets are there because
/// interpreters import them; no address is allowed.
pub(crate) fn for_components(engine: &Engine) -> Result<Linker<ComponentState>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    add_step(l)?;
    add_io(l)?;
    add_cli(l)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, |state| state.clocks())?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, |state| state.clocks())?;
    random::random::add_to_linker::<_, WasiRandom>(l, |state| state.wasi.ctx.random())?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, |state| state.wasi.ctx.random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |state| state.wasi.ctx.random())?;
    filesystem::types::add_to_linker::<_, HasQuotaFs>(l, |state| QuotaFs::of(state))?;
    filesystem::preopens::add_to_linker::<_, HasQuotaFs>(l, |state| QuotaFs::of(state))?;
    add_sockets(l)?;
    Ok(linker)
}

/// Makes the linker for components that import outgoing requests. Having the import gives no access by itself.
pub(crate) fn with_http(base: &Linker<ComponentState>) -> Result<Linker<ComponentState>> {
    let mut linker = base.clone();
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}

fn add_step(l: &mut Linker<ComponentState>) -> Result<()> {
    step::types::add_to_linker::<_, HasSelf<ComponentState>>(l, |state| state)?;
    step::context::add_to_linker::<_, HasSelf<ComponentState>>(l, |state| state)?;
    step::lifetime::add_to_linker::<_, HasSelf<ComponentState>>(l, |state| state)?;
    step::log::add_to_linker::<_, HasSelf<ComponentState>>(l, |state| state)?;
    step::secrets::add_to_linker::<_, HasSelf<ComponentState>>(l, |state| state)
}

fn add_io(l: &mut Linker<ComponentState>) -> Result<()> {
    io::error::add_to_linker::<_, HasPlainErrors>(l, |state| PlainErrors(&mut state.wasi.table))?;
    io::poll::add_to_linker::<_, HasTable>(l, |state| &mut state.wasi.table)?;
    io::streams::add_to_linker::<_, HasTable>(l, |state| &mut state.wasi.table)
}

fn add_cli(l: &mut Linker<ComponentState>) -> Result<()> {
    cli::environment::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::exit::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, |state| state.cli())?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, |state| state.cli())
}

fn add_sockets(l: &mut Linker<ComponentState>) -> Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(l, &options, |state| state.sockets())?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(l, |state| state.sockets())?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, |state| state.sockets())?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(l, |state| state.sockets())?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, |state| state.sockets())?;
    sockets::udp::add_to_linker::<_, WasiSockets>(l, |state| state.sockets())?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, |state| state.sockets())
}

/// Makes the linker for preview 1 modules.
pub(crate) fn for_modules(engine: &Engine) -> Result<wasmtime::Linker<State<WasiP1Ctx>>> {
    let mut linker = wasmtime::Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut State<WasiP1Ctx>| &mut state.wasi)?;
    crate::quota_p1::shadow(&mut linker)?;
    Ok(linker)
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

struct HasPlainErrors;

impl HasData for HasPlainErrors {
    type Data<'a> = PlainErrors<'a>;
}

/// `wasi:io/error` that shows the message alone. wasmtime's own shows the host's stack where backtraces are captured.
struct PlainErrors<'a>(&'a mut ResourceTable);

impl io::error::Host for PlainErrors<'_> {}

impl io::error::HostError for PlainErrors<'_> {
    fn to_debug_string(&mut self, error: Resource<wasmtime::Error>) -> Result<String> {
        Ok(self.0.get(&error)?.to_string())
    }

    fn drop(&mut self, error: Resource<wasmtime::Error>) -> Result<()> {
        self.0.delete(error)?;
        Ok(())
    }
}

impl step::types::Host for ComponentState {}
