//! Steps as the whole engine runs them: evaluate, decide, execute, collect.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use stepwell::{BuiltInFunction, EventKind, Host, HostBuilder, Isolation, JobRequest, Status, WorkerCommand};

use crate::bare::{self, Bare};
use crate::measure::{Figure, Row, Target};

/// The program of exec steps.
pub(crate) const PROGRAM: &str = "/bin/true";

/// Rounds in which figure and baseline take turns, so that what the machine does beside falls on both.
const ROUNDS: usize = 20;

/// Steps at the start of each job that are not counted: caches and pools are warm then.
pub(crate) const WARM_UP: usize = 20;

/// The name under which the benchmark starts itself as a worker.
pub(crate) const WORKER: &str = "bench worker";

const NUMBER: &str = "spec:\n  inputs: { number: { type: number } }\n  outputs: { number: { type: number } }\n---\nwasm: { module: ./m.wasm }\n";

/// A warm WebAssembly step against wasmtime calling the same component.
pub(crate) fn wasm_step() -> Vec<Row> {
    let module = module();
    let host = host(&module);
    let bare = Bare::new(&module).expect("the component compiles");
    let job = wasm_job(200 + WARM_UP);
    let (figure, baseline) =
        take_turns(|| step_times(&host, &job, WARM_UP), || bare.calls(200).expect("the component runs"));
    vec![Row {
        name: "warm WebAssembly step".to_owned(),
        figure,
        baseline: Some(("bare wasmtime", baseline)),
        target: Target::Ratio(2.0),
    }]
}

/// The same in a worker process.
pub(crate) fn worker_step() -> Vec<Row> {
    let module = module();
    let worker = WorkerCommand { program: "/proc/self/exe".into(), name: WORKER.to_owned() };
    let host = builder(&module).isolation(Isolation::Worker(worker)).build().expect("the host can be built");
    let bare = Bare::new(&module).expect("the component compiles");
    let job = wasm_job(200 + WARM_UP);
    let (figure, baseline) =
        take_turns(|| step_times(&host, &job, WARM_UP), || bare.calls(200).expect("the component runs"));
    vec![Row {
        name: "warm WebAssembly step in a worker".to_owned(),
        figure,
        baseline: Some(("bare wasmtime", baseline)),
        target: Target::Ratio(4.0),
    }]
}

/// A function with the SDK and its macro against the same on the generated bindings, both called by wasmtime alone.
pub(crate) fn sdk() -> Vec<Row> {
    let [with_sdk, by_hand] =
        ["minimal", "by-hand"].map(|name| Bare::new(&guest(name)).expect("the component compiles"));
    let calls = |bare: &Bare| bare.calls(1_000).expect("the component runs");
    let (figure, baseline) = take_turns(|| calls(&with_sdk), || calls(&by_hand));
    vec![Row {
        name: "call of a function with the SDK".to_owned(),
        figure,
        baseline: Some(("bindings by hand", baseline)),
        target: Target::Ratio(1.15),
    }]
}

/// An exec step against a bare spawn of the same program.
pub(crate) fn exec_step() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("func.yml"), format!("{{}}\n---\nexec: {{ command: [ {PROGRAM} ] }}\n"))
        .expect("the function can be written");
    let mut job = String::from("run:\n");
    for index in 0..50 + WARM_UP {
        writeln!(job, "  - {{ name: s{index}, func: {} }}", folder.path().display()).expect("a string");
    }
    let host = host(&[]);
    let (figure, baseline) = take_turns(|| step_times(&host, &job, WARM_UP), || bare::spawns(PROGRAM, 50));
    vec![Row {
        name: "exec step".to_owned(),
        figure,
        baseline: Some(("bare spawn", baseline)),
        target: Target::Ratio(1.2),
    }]
}

/// Measures two things in turns. The first round of each warms up and is not counted.
pub(crate) fn take_turns(
    mut figure: impl FnMut() -> Vec<Duration>,
    mut baseline: impl FnMut() -> Vec<Duration>,
) -> (Figure, Figure) {
    figure();
    baseline();
    let (mut figures, mut baselines) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        figures.extend(figure());
        baselines.extend(baseline());
    }
    (Figure::of(figures), Figure::of(baselines))
}

/// Time a step in a long job against that in a short one.
pub(crate) fn job_length() -> Vec<Row> {
    let module = module();
    let host = host(&module);
    let (long_job, short_job) = (wasm_job(1_000), wasm_job(100));
    let (long, short) = take_turns(
        || step_times(&host, &long_job, WARM_UP),
        // Several short jobs, so that both sides rest on about as many steps.
        || (0..10).flat_map(|_| step_times(&host, &short_job, WARM_UP)).collect(),
    );
    vec![Row {
        name: "step in a job of 1,000 steps".to_owned(),
        figure: long,
        baseline: Some(("job of 100 steps", short)),
        target: Target::Ratio(1.1),
    }]
}

/// A job of steps that each take their input from the output of the one before.
pub(crate) fn wasm_job(steps: usize) -> String {
    let mut job = String::from("run:\n");
    for index in 0..steps {
        let number = match index {
            0 => "1".to_owned(),
            _ => format!("\"${{{{ steps.s{}.outputs.number }}}}\"", index - 1),
        };
        writeln!(job, "  - {{ name: s{index}, func: 'builtin://bench/number', inputs: {{ number: {number} }} }}")
            .expect("a string");
    }
    job
}

/// Runs a job and returns the time from the end of each step to the end of the next, the first `skip` left out.
pub(crate) fn step_times(host: &Host, job: &str, skip: usize) -> Vec<Duration> {
    let request = JobRequest::from_text("bench.yml", job).expect("the job is valid").work_dir(Path::new("/tmp"));
    job_times(host, request, skip)
}

/// As [`step_times`], for a job that was read already.
pub(crate) fn job_times(host: &Host, request: JobRequest, skip: usize) -> Vec<Duration> {
    let mut handle = host.run(request).expect("the job starts");
    let mut ends: Vec<SystemTime> = Vec::new();
    while let Some(event) = handle.next_event() {
        if let EventKind::Transition { to: Status::Succeeded, .. } = event.kind
            && !event.step.is_job()
        {
            ends.push(event.time);
        }
    }
    assert_eq!(handle.wait().status, Status::Succeeded);
    ends.windows(2).skip(skip).map(|pair| pair[1].duration_since(pair[0]).unwrap_or_default()).collect()
}

pub(crate) fn host(module: &[u8]) -> Host {
    builder(module).build().expect("the host can be built")
}

pub(crate) fn builder(module: &[u8]) -> HostBuilder {
    let function = BuiltInFunction {
        file: "func.yml".into(),
        text: NUMBER.into(),
        files: [("m.wasm".to_owned(), module.to_vec().into())].into(),
    };
    Host::builder().function("bench/number", function).expect("the name is free")
}

/// The smallest typed guest of the tests, from source.
pub(crate) fn module() -> Vec<u8> {
    guest("minimal")
}

/// A typed guest of the tests, from source.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    #[expect(clippy::disallowed_methods, reason = "guests are built with the project's own compiler")]
    let status = std::process::Command::new(env!("CARGO"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--locked", "--quiet", "--manifest-path", "tests/guests/Cargo.toml", "--package", name])
        .args(["--target", "wasm32-wasip2", "--profile", "wasm", "--target-dir", "target/guests"])
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the guests of tests/guests did not build");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests/wasm32-wasip2/wasm");
    std::fs::read(folder.join(format!("{}.wasm", name.replace('-', "_")))).expect("the guest was built")
}
