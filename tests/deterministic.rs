//! `--deterministic`: the same job twice.

use std::fs;

use serde_json::Value;

use crate::support::{Place, files_command, files_command_of_preview1};

/// A job whose steps tell what differs from one run to the next: the time, random numbers, the order of names in a folder, and
/// the bits of what is not a number.
fn place() -> Place {
    let place = Place::new();
    place.write("job.yml", "run:\n  - { name: tell, func: ./tell }\n  - { name: attack, func: ./attack }\n");
    place.write(
        "tell/func.yml",
        "spec:\n  needs:\n    clock: real\n    random: secure\n    read: [ src ]\n---\n\
         wasm: { module: ./tell.wasm, args: [now, now, random, nan, names, /work/src] }\n",
    );
    place.write("tell/tell.wasm", fs::read(files_command()).expect("the guest is there"));
    place.attack("attack", "clock: real");
    place.write(
        "attack/func.yml",
        "spec:\n  inputs: { what: { type: string, default: none }, path: { type: string, default: '' }, count: { type: number, default: 0 } }\n  \
         outputs: { content: { type: string, default: '' }, number: { type: number, default: 0 } }\n---\nwasm: { module: ./attack.wasm }\n",
    );
    for name in ["zeta", "alpha", "mu", "beta-10", "beta-9"] {
        place.write(&format!("src/{name}"), "");
    }
    place
}

/// Runs the job and returns its events without times, and its results.
fn run(place: &Place, arguments: &[&str]) -> (Vec<Value>, String) {
    let all = [&["run", "job.yml", "--events", "events.jsonl", "--results", "results.json"], arguments].concat();
    place.run(all).code(0);
    let events = place.read("events.jsonl");
    let events = events.lines().map(|line| without_times(serde_json::from_str(line).expect("a line of JSON")));
    (events.collect(), place.read("results.json"))
}

fn without_times(mut event: Value) -> Value {
    if let Some(members) = event.as_object_mut() {
        members.retain(|name, _| name != "time" && !name.contains("elapsed") && !name.contains("cpu"));
        members.values_mut().for_each(|member| *member = without_times(member.take()));
    }
    event
}

/// Returns what the step wrote to its standard output.
fn log(events: &[Value]) -> String {
    let written = events.iter().filter(|event| event["kind"] == "log" && event["stream"] == "stdout");
    let written: String = written.filter_map(|event| event["text"].as_str()).collect();
    // The engine names each step first.
    written.lines().filter(|line| !line.starts_with("Running step")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_same_job_twice_is_the_same() {
    let place = place();
    let (first, second) = (run(&place, &["--deterministic"]), run(&place, &["--deterministic"]));
    assert_eq!(first, second);
    let lines = log(&first.0);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[..2], ["946684800000000000", "946684800001000000"]);
    assert_eq!(lines[3..], ["7fc00000", "alpha", "beta-10", "beta-9", "mu", "zeta"]);
}

#[test]
fn otherwise_a_step_sees_the_time_and_real_random_numbers() {
    let place = place();
    run(&place, &[]);
    let (first, second) = (log(&run(&place, &[]).0), log(&run(&place, &[]).0));
    let line = |text: &str, at: usize| text.lines().nth(at).map(str::to_owned);
    assert_ne!(line(&first, 0), line(&second, 0));
    assert_ne!(line(&first, 2), line(&second, 2));
}

#[test]
fn a_preview_1_module_sees_the_same() {
    let place = place();
    let components = log(&run(&place, &["--deterministic"]).0);
    place.write("tell/tell.wasm", fs::read(files_command_of_preview1()).expect("the guest is there"));
    let (first, second) = (run(&place, &["--deterministic"]), run(&place, &["--deterministic"]));
    assert_eq!(first, second);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (module, component) = (lines(&log(&first.0)), lines(&components));
    assert_eq!(module[3..], component[3..], "the same bits and names");
}

#[test]
fn in_a_worker_it_is_the_same() {
    let place = place();
    let here = run(&place, &["--deterministic"]);
    let (first, second) = (
        run(&place, &["--deterministic", "--isolation", "worker"]),
        run(&place, &["--deterministic", "--isolation", "worker"]),
    );
    assert_eq!(first, second);
    assert_eq!(log(&first.0), log(&here.0));
}
