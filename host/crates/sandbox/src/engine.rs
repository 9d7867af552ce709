//! The one engine, and the thread that gives it a sense of time.

use std::num::NonZeroUsize;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

/// How often a running guest lets others run and its processor time is looked at. Short enough that a cancelled step
/// ends at once for people, long enough that an idle engine costs nothing one can measure.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Most memory of one linear memory, in bytes: what 32-bit addresses reach. The limiter of each step is below it.
const MAX_MEMORY_BYTES: usize = 1 << 32;

/// Most elements of one table. Interpreters compiled to WebAssembly need tens of thousands.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 100_000;

/// Most core modules that one component is made of. Python is made of about 50.
pub(crate) const MAX_CORE_INSTANCES: u32 = 64;

/// Most linear memories of one component: one for each program in it.
const MAX_MEMORIES: u32 = 4;

/// Most tables of one component.
const MAX_TABLES: u32 = 8;

/// Which bits a result has that is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Those of the processor.
    AsComputed,
    /// Always the same, for some speed.
    Canonical,
}

/// An engine with its ticker. The ticker stops when this is dropped.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Machine {
    /// Starts an engine for at most `instances` steps at a time. Where there is not enough address space for that many
    /// pooled instances, instances are made on demand, which is slower and otherwise the same.
    pub(crate) fn start(instances: u32, numbers: Numbers) -> wasmtime::Result<Self> {
        let engine = match Engine::new(&configure(Some(pool(instances)), numbers)) {
            Ok(engine) => engine,
            Err(_) => Engine::new(&configure(None, numbers))?,
        };
        let ticker = Some(start_ticker(&engine)?);
        Ok(Self { engine, ticker })
    }
}

/// Makes an engine that runs nothing, with the settings of those that do.
pub(crate) fn without_pool(numbers: Numbers) -> wasmtime::Result<Engine> {
    Engine::new(&configure(None, numbers))
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.ticker.take() {
            drop(stop);
            // The thread ends at once and cannot panic: it only counts.
            let _ = thread.join();
        }
    }
}

fn start_ticker(engine: &Engine) -> std::io::Result<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel::<()>();
    let engine = engine.clone();
    let thread = std::thread::Builder::new().name("stepwell-ticker".to_owned()).spawn(move || {
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
            engine.increment_epoch();
        }
    })?;
    Ok((stop, thread))
}

fn configure(pool: Option<PoolingAllocationConfig>, numbers: Numbers) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        // What is left between the two is for host functions; too little of it would end the process.
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(numbers == Numbers::Canonical)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(16));
    config.allocation_strategy(match pool {
        Some(pool) => InstanceAllocationStrategy::Pooling(pool),
        None => InstanceAllocationStrategy::OnDemand,
    });
    config
}

/// Sets places aside for as many of the largest components as may run at the same time, so that no step is refused for
/// what others are made of. Places are address space alone until they are used.
fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_memories(instances.saturating_mul(MAX_MEMORIES))
        .total_tables(instances.saturating_mul(MAX_TABLES))
        .total_core_instances(instances.saturating_mul(MAX_CORE_INSTANCES))
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_memories_per_module(1)
        .max_tables_per_module(4)
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(MAX_MEMORY_BYTES)
        // Measured: keeping pages makes steps slower and holds gigabytes after thousands of them.
        .linear_memory_keep_resident(0)
        .table_keep_resident(0)
        .decommit_batch_size(32)
        // Pages that were swapped out are not found by the scan and would leak into the next step.
        .pagemap_scan(Enabled::No);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_for_many_steps_are_address_space_alone() {
        assert!(Engine::new(&configure(Some(pool(256)), Numbers::AsComputed)).is_ok());
    }

    #[test]
    fn code_is_the_same_with_and_without_a_pool() {
        let hash = |engine: &Engine| {
            use std::hash::{DefaultHasher, Hash, Hasher};
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        for numbers in [Numbers::AsComputed, Numbers::Canonical] {
            let pooled = Engine::new(&configure(Some(pool(8)), numbers)).unwrap();
            assert_eq!(hash(&pooled), hash(&without_pool(numbers).unwrap()));
        }
    }

    #[test]
    fn the_pool_is_accepted_or_replaced() {
        let machine = Machine::start(8, Numbers::Canonical).expect("an engine starts on every supported system");
        assert!(!machine.engine.is_pulley());
    }
}
