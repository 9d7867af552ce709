//! The baseline of WebAssembly steps: wasmtime alone, with the same engine settings, calling the same component.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::measure::timed;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../guest-sdk/wit/0.1.0",
        world: "step",
        imports: { default: trappable },
        exports: { default: async },
    });
}

use bindings::stepwell::step::types::{Host as TypesHost, Item, Value};
use bindings::stepwell::step::{context, lifetime, log, secrets};

/// What a store holds: WASI with nothing granted, and nothing for the step's own imports.
struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl TypesHost for State {}

impl context::Host for State {
    fn get(&mut self) -> wasmtime::Result<context::Info> {
        Ok(context::Info { step: "bare".to_owned(), invocation: "1".to_owned(), attempt: 1 })
    }

    fn granted(&mut self, _: String) -> wasmtime::Result<bool> {
        Ok(false)
    }
}

impl lifetime::Host for State {
    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(false)
    }

    fn remaining(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(None)
    }
}

impl log::Host for State {
    fn emit(&mut self, _: log::Level, _: String, _: Vec<(String, String)>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn open_group(&mut self, _: String) -> wasmtime::Result<()> {
        Ok(())
    }

    fn close_group(&mut self) -> wasmtime::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: String) -> wasmtime::Result<()> {
        Ok(())
    }

    fn mask(&mut self, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl secrets::Host for State {
    fn open(
        &mut self,
        _: String,
    ) -> wasmtime::Result<Result<wasmtime::component::Resource<secrets::Secret>, secrets::Denied>> {
        Ok(Err(secrets::Denied::Unknown))
    }
}

impl secrets::HostSecret for State {
    fn reveal(
        &mut self,
        _: wasmtime::component::Resource<secrets::Secret>,
    ) -> wasmtime::Result<Result<String, secrets::Denied>> {
        Ok(Err(secrets::Denied::Unknown))
    }

    fn header_value(
        &mut self,
        _: wasmtime::component::Resource<secrets::Secret>,
        _: secrets::HeaderForm,
    ) -> wasmtime::Result<String> {
        Ok(String::new())
    }

    fn drop(&mut self, _: wasmtime::component::Resource<secrets::Secret>) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// An engine with one component, ready to be called.
pub(crate) struct Bare {
    engine: Engine,
    pre: bindings::StepPre<State>,
    runtime: tokio::runtime::Runtime,
}

impl Bare {
    /// Sets wasmtime up as the sandbox does, and compiles the component.
    pub(crate) fn new(module: &[u8]) -> wasmtime::Result<Self> {
        Self::with_places(module, 16)
    }

    /// As [`Bare::new`], for so many calls at the same time.
    pub(crate) fn with_places(module: &[u8], places: u32) -> wasmtime::Result<Self> {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(places)
            .total_stacks(places)
            .total_memories(places * 2)
            .total_tables(places * 3)
            .total_core_instances(places * 6);
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .concurrency_support(false)
            .max_wasm_stack(512 << 10)
            .async_stack_size(2 << 20)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = Component::from_binary(&engine, module)?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        bindings::Step::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        let pre = bindings::StepPre::new(linker.instantiate_pre(&component)?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Ok(Self { engine, pre, runtime })
    }

    /// Calls the component so many times, each in a fresh instance, and returns the times.
    pub(crate) fn calls(&self, count: usize) -> wasmtime::Result<Vec<Duration>> {
        self.runtime.block_on(async {
            let mut times = Vec::with_capacity(count);
            for _ in 0..count {
                let start = Instant::now();
                self.call().await?;
                times.push(start.elapsed());
            }
            Ok(times)
        })
    }

    /// Calls the component so many times each in so many tasks, on one thread for each processor, and returns the time that
    /// took and the time of each call.
    pub(crate) fn at_once(self: &Arc<Self>, tasks: usize, calls: usize) -> (Duration, Vec<Duration>) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let start = Instant::now();
        let times = runtime.block_on(async {
            let calls = |bare: Arc<Self>| async move {
                let mut times = Vec::with_capacity(calls);
                for _ in 0..calls {
                    let start = Instant::now();
                    bare.call().await.expect("the component runs");
                    times.push(start.elapsed());
                    tokio::task::yield_now().await;
                }
                times
            };
            let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(calls(Arc::clone(self)))).collect();
            let mut times = Vec::new();
            for task in tasks {
                times.extend(task.await.expect("the task ends"));
            }
            times
        });
        (start.elapsed(), times)
    }

    async fn call(&self) -> wasmtime::Result<()> {
        let state = State { wasi: WasiCtxBuilder::new().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(1_000_000);
        let step = self.pre.instantiate_async(&mut store).await?;
        let inputs = [Item { name: "number".to_owned(), value: Value::Number(1.0) }];
        let completion = step.call_run(&mut store, &inputs).await?;
        completion.map(|_| ()).map_err(|failure| wasmtime::Error::msg(format!("{failure:?}")))
    }
}

/// Spawns a program so many times with both streams piped, as an engine must, and waits for it.
pub(crate) fn spawns(program: &str, count: usize) -> Vec<Duration> {
    let spawn = || {
        #[expect(clippy::disallowed_methods, reason = "the baseline is a bare spawn")]
        let mut command = std::process::Command::new(program);
        timed(|| command.env_clear().stdin(std::process::Stdio::null()).output().expect("the program starts")).0
    };
    (0..count).map(|_| spawn()).collect()
}
