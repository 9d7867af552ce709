//! What users wait for, each figure beside a baseline measured in the same run.
//!
//! `make bench` prints a table, then the same as one JSON object. A figure is a distribution (p50, p99) over single
//! steps, calls or program starts; its ratio is p50 against the baseline's p50. `--only NAME` runs one measurement.

mod alternatives;
mod bare;
mod bulk;
mod crowds;
mod expressions;
mod git;
mod jobs;
mod masking;
mod measure;
mod policies;
mod programs;

use measure::Row;

/// One measurement: its name and what it does.
type Measurement = (&'static str, fn() -> Vec<Row>);

const MEASUREMENTS: &[Measurement] = &[
    ("wasm-step", jobs::wasm_step),
    ("worker-step", jobs::worker_step),
    ("sdk", jobs::sdk),
    ("at-once", crowds::at_once),
    ("waiting", crowds::waiting),
    ("escape", crowds::escape),
    ("flood", crowds::flood),
    ("policy", policies::policies),
    ("files", bulk::bulk),
    ("alternatives", alternatives::alternatives),
    ("exec-step", jobs::exec_step),
    ("job-length", jobs::job_length),
    ("git-step", git::cached_reference),
    ("git-fetches", git::fetches),
    ("start", programs::start),
    ("memory", programs::memory),
    ("masking", masking::masking),
    ("expression", expressions::expression),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.first().is_some_and(|name| name == jobs::WORKER) {
        stepwell::serve_worker().expect("the benchmark started it");
        return;
    }
    // The benchmark starts itself anew to measure the memory of one job in a process of its own.
    if let Some(job) = value_of(&arguments, "--run-job") {
        programs::run_job_and_print_memory(job);
        return;
    }
    if let Some(count) = value_of(&arguments, "--wait-instances") {
        crowds::wait_and_print_memory(count.parse().expect("a number of instances"));
        return;
    }
    let only = value_of(&arguments, "--only");
    let mut rows = Vec::new();
    for (name, measurement) in MEASUREMENTS {
        if only.is_none_or(|only| only == *name) {
            eprintln!("measuring {name} …");
            rows.extend(measurement());
        }
    }
    measure::print(&rows);
}

fn value_of<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}
