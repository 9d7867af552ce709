//! Files of a guest: how fast it writes and reads where what it writes is counted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stepwell::{EventKind, Host, JobRequest, Status};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::measure::{Figure, Row, Target};

/// What is written, then read, in MiB.
const MIB: u64 = 256;

/// Rounds in which figure and baseline take turns. The disk varies more than either.
const ROUNDS: usize = 5;

struct State(WasiCtx, ResourceTable);

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.0, table: &mut self.1 }
    }
}

/// A guest that writes and reads a file in a folder with quota, against the same guest under wasmtime without one.
pub(crate) fn bulk() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let module = build(folder.path());
    std::fs::create_dir(folder.path().join("out")).expect("a folder");
    std::fs::create_dir(folder.path().join("step")).expect("a folder");
    let function = format!(
        "spec:\n  needs:\n    write: [ {{ path: out, bytes: 300MiB }} ]\n---\nwasm: {{ module: ../bulk.wasm, args: [/work/out/bulk, '{MIB}'] }}\n"
    );
    std::fs::copy(&module, folder.path().join("step/bulk.wasm")).expect("the module can be copied");
    std::fs::write(folder.path().join("step/func.yml"), function.replace("../", "./")).expect("the function");
    let host = Host::builder().build().expect("the host can be built");
    let bare = Bare::new(&module);
    let best = |times: Vec<Duration>| times.into_iter().min().unwrap_or_default();
    let (mut ours, mut theirs) = (vec![step(&host, folder.path())], vec![bare.run(folder.path())]);
    for _ in 0..ROUNDS {
        ours.push(step(&host, folder.path()));
        theirs.push(bare.run(folder.path()));
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = |time: Duration| Figure::Throughput(((2 * MIB) << 20) as f64 / time.as_secs_f64());
    vec![Row {
        name: format!("guest writes and reads {MIB} MiB, with quota"),
        figure: rate(best(ours)),
        baseline: Some(("wasmtime without quota", rate(best(theirs)))),
        target: Target::RatioAtLeast(0.8),
    }]
}

fn build(folder: &Path) -> PathBuf {
    let wasm = folder.join("bulk.wasm");
    #[expect(clippy::disallowed_methods, reason = "the guest is built with rustc")]
    let mut rustc = std::process::Command::new("rustc");
    rustc.args(["--edition", "2024", "-Copt-level=s", "-Cpanic=abort", "--target", "wasm32-wasip2", "-o"]).arg(&wasm);
    rustc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/engine/guest_bulk.rs"));
    assert!(rustc.status().expect("rustc starts").success(), "the guest does not build");
    wasm
}

/// Runs the step in a job of its own and returns how long it ran.
fn step(host: &Host, work_dir: &Path) -> Duration {
    let function = work_dir.join("step");
    let job = format!("run:\n  - {{ name: bulk, func: '{}' }}\n", function.display());
    let request = JobRequest::from_text("bulk.yml", &job).expect("the job is valid").work_dir(work_dir);
    let mut handle = host.run(request).expect("the job starts");
    let (mut started, mut ended) = (None, None);
    while let Some(event) = handle.next_event() {
        match event.kind {
            EventKind::Transition { to: Status::Running, .. } if !event.step.is_job() => started = Some(event.time),
            EventKind::Transition { to: Status::Succeeded, .. } if !event.step.is_job() => ended = Some(event.time),
            EventKind::BusyOver => started = Some(event.time),
            _ => {}
        }
    }
    let result = handle.wait();
    assert_eq!(result.status, Status::Succeeded, "{result:?}");
    ended.zip(started).and_then(|(ended, started)| ended.duration_since(started).ok()).expect("the step ran")
}

struct Bare {
    engine: Engine,
    component: Component,
    linker: Linker<State>,
    runtime: tokio::runtime::Runtime,
}

impl Bare {
    fn new(module: &Path) -> Self {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::from_file(&engine, module).expect("the component compiles");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("nothing is there twice");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Self { engine, component, linker, runtime }
    }

    fn run(&self, folder: &Path) -> Duration {
        let wasi = WasiCtxBuilder::new()
            .preopened_dir(folder.join("out"), "/work/out", FsPerms::ReadWrite)
            .expect("the folder is there")
            .args(&["bulk", "/work/out/bulk", &MIB.to_string()])
            .inherit_stderr()
            .allow_blocking_current_thread(true)
            .build();
        let start = Instant::now();
        self.runtime
            .block_on(async {
                let mut store = Store::new(&self.engine, State(wasi, ResourceTable::new()));
                store.set_epoch_deadline(1_000_000);
                let command = Command::instantiate_async(&mut store, &self.component, &self.linker).await?;
                command.wasi_cli_run().call_run(&mut store).await
            })
            .expect("the guest does not trap")
            .expect("the guest ends well");
        start.elapsed()
    }
}
