//! The whole program: how long it takes to start, and how much memory a long job takes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::bare;
use crate::jobs;
use crate::measure::{Figure, Row, Target, timed};

/// Start to exit of `stepwell run` with one WebAssembly step whose module is in the cache, against `/bin/true`.
pub(crate) fn start() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let job = folder.path().join("job.yml");
    fs::write(&job, "run:\n  - { name: only, func: 'builtin://stepwell/template', inputs: { template: hello } }\n")
        .expect("the job can be written");
    let run = || {
        #[expect(clippy::disallowed_methods, reason = "the program is measured from outside")]
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stepwell-under-test"));
        command.args(["run", "--quiet"]).arg(&job).env("XDG_CACHE_HOME", folder.path()).current_dir(folder.path());
        let (time, output) = timed(|| command.output().expect("the program starts"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        time
    };
    // The first start compiles the module; the next few fill the page cache.
    let times: Vec<Duration> = (0..60).map(|_| run()).skip(10).collect();
    vec![Row {
        name: "`stepwell run`, one cached module".to_owned(),
        figure: Figure::of(times),
        baseline: Some(("/bin/true", Figure::of(bare::spawns("/bin/true", 100)))),
        target: Target::AtMost(Duration::from_millis(20)),
    }]
}

/// Largest memory of a process that runs a job of 1,000 steps, against a job of 10.
pub(crate) fn memory() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    vec![Row {
        name: "peak memory of a job of 1,000 steps".to_owned(),
        figure: Figure::Size(peak(folder.path(), 1_000)),
        baseline: Some(("job of 10 steps", Figure::Size(peak(folder.path(), 10)))),
        target: Target::Within(64 << 20),
    }]
}

/// Runs a job of so many steps in a process of its own and returns the peak of its resident memory in bytes.
fn peak(folder: &Path, steps: usize) -> u64 {
    let function = folder.join("number");
    fs::create_dir_all(&function).expect("a folder");
    fs::write(
        function.join("func.yml"),
        "spec:\n  inputs: { number: { type: number } }\n  outputs: { number: { type: number } }\n---\nwasm: { module: ./m.wasm }\n",
    )
    .expect("the function can be written");
    fs::write(function.join("m.wasm"), jobs::module()).expect("the module can be written");
    let job = folder.join("job.yml");
    fs::write(&job, jobs::wasm_job(steps).replace("builtin://bench/number", "./number")).expect("the job");
    // A first run fills the cache of compiled modules: a compiler's memory is not the job's.
    run_itself(folder, &job);
    run_itself(folder, &job)
}

/// Runs this program with other arguments and returns what it printed.
pub(crate) fn itself(arguments: &[&str]) -> String {
    let program = std::env::current_exe().expect("a program has a path");
    #[expect(clippy::disallowed_methods, reason = "the program is measured from outside")]
    let output = std::process::Command::new(program).args(arguments).output().expect("the program starts");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run_itself(folder: &Path, job: &Path) -> u64 {
    let program = std::env::current_exe().expect("a program has a path");
    #[expect(clippy::disallowed_methods, reason = "the program is measured from outside")]
    let mut command = std::process::Command::new(program);
    command.arg("--run-job").arg(job).env("XDG_CACHE_HOME", folder).current_dir(folder);
    let output = command.output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_else(|| {
        panic!("no peak in\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kilobytes") << 10
}

/// Runs `stepwell run JOB` in this process, then prints the peak of its resident memory.
pub(crate) fn run_job_and_print_memory(job: &str) {
    let arguments = ["stepwell", "run", "--quiet", job].map(Into::into);
    let _ = stepwell::cli::main(arguments);
    let status = fs::read_to_string("/proc/self/status").expect("Linux shows every process its status");
    status.lines().filter(|line| line.starts_with("VmHWM:")).for_each(|line| println!("{line}"));
}
