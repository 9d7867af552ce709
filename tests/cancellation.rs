//! Cancelling a job: signals in, nothing left behind, an honest result.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use crate::support::Place;

/// Starts a job whose second step prints lines, reads the log until a line starts with `until`, and returns what
/// follows that text.
fn start(place: &Place, script: &str, until: &str) -> (Child, String) {
    let script = script.replace('\n', "\n      ");
    place.write(
        "job.yml",
        format!("run:\n  - {{ name: before, script: 'true' }}\n  - name: stuck\n    script: |\n      {script}\n  - {{ name: after, script: echo never }}\n"),
    );
    #[expect(
        clippy::zombie_processes,
        reason = "a log that ends too early fails the test, and the caller waits otherwise"
    )]
    let mut child = place.start(["run", "job.yml", "--results", "results.json"]);
    let mut log = BufReader::new(child.stdout.take().expect("standard output is piped"));
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(log.read_line(&mut line).expect("the log is text"), 0, "the log ended before `{until}`");
        if let Some(rest) = line.strip_prefix(until) {
            let rest = rest.trim().to_owned();
            // The reader goes on, so that the program never waits for room in the pipe.
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return (child, rest);
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(pid(&child.id().to_string()), signal).expect("the program runs");
}

fn pid(text: &str) -> Pid {
    text.parse().ok().and_then(Pid::from_raw).unwrap_or_else(|| panic!("`{text}` is no process"))
}

fn end(mut child: Child) -> (ExitStatus, String) {
    let mut text = String::new();
    child.stderr.take().expect("standard error is piped").read_to_string(&mut text).expect("messages are text");
    (child.wait().expect("the program ends"), text)
}

#[track_caller]
fn check_gone(process: &str) {
    assert!(test_kill_process(pid(process)).is_err(), "process {process} is still there");
}

#[track_caller]
fn check_honest(place: &Place, status: ExitStatus, messages: &str) {
    assert_eq!(status.code(), Some(130), "{messages}");
    assert!(messages.contains("stuck"), "{messages}");
    let results: Value = serde_json::from_str(&place.read("results.json")).expect("results are JSON");
    let names: Vec<_> =
        results["subStepResults"].as_array().expect("a list").iter().map(|step| &step["step"]["name"]).collect();
    assert_eq!(names, [&json!("before"), &json!("stuck")]);
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn sigterm_ends_the_step_and_is_130() {
    let place = Place::new();
    let (child, process) = start(&place, "echo pid $$\nexec sleep 1000", "pid ");
    signal(&child, Signal::TERM);
    let (status, messages) = end(child);
    check_honest(&place, status, &messages);
    check_gone(&process);
}

#[test]
fn sigint_does_the_same_and_reaches_grandchildren() {
    let place = Place::new();
    let (child, process) = start(&place, "sleep 1000 & echo pid $!\nwait", "pid ");
    signal(&child, Signal::INT);
    let (status, messages) = end(child);
    check_honest(&place, status, &messages);
    check_gone(&process);
}

#[test]
fn a_process_that_forked_away_is_ended_too() {
    let place = Place::new();
    let (child, process) = start(&place, "setsid sh -c 'echo pid $$; exec sleep 1000' &\nsleep 1000", "pid ");
    signal(&child, Signal::TERM);
    let (status, messages) = end(child);
    check_honest(&place, status, &messages);
    check_gone(&process);
}

#[test]
fn a_process_that_outlives_its_step_ends_with_the_job() {
    let place = Place::new();
    place.write(
        "job.yml",
        "run:\n  - { name: server, script: 'sleep 1000 & echo $! > pid' }\n  - { name: user, script: 'kill -0 $(cat pid) && echo alive' }\n",
    );
    place.run(["run", "job.yml"]).code(0).logs("alive\n");
    check_gone(place.read("pid").trim());
    assert_eq!(place.left_over(), Vec::<String>::new());
}
