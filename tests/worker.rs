//! Guests in workers: the wall around a running one, its death, and that everything else is as it is in-process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getpid, kill_process};
use stepwell::{Host, Isolation, JobRequest, JobResult, Status, WorkerCommand};

use crate::support::{Place, Ran, files};

/// A preview 1 program that never ends: `loop br 0 end`.
const SPIN: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";

/// Processor time after which a worker is surely in the guest, in clock ticks of 10 ms.
const IN_THE_GUEST_TICKS: u64 = 30;

/// What `/proc` says of a process.
struct Process {
    id: Pid,
    name: String,
    parent: i32,
    ticks: u64,
}

fn spinning() -> Place {
    let place = Place::new();
    place.write("spin/spin.wasm", SPIN).write("spin/func.yml", "spec:\n---\nwasm: { module: ./spin.wasm }\n");
    place.write("job.yml", "run:\n  - { name: spin, func: ./spin }\n");
    place
}

fn processes() -> Vec<Process> {
    let folders =
        fs::read_dir("/proc").expect("there is /proc").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    folders.filter_map(|name| process(name.parse().ok()?)).collect()
}

fn process(id: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (front, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
    Some(Process {
        id: Pid::from_raw(id)?,
        name: front.split_once('(')?.1.to_owned(),
        parent: fields[1].parse().ok()?,
        ticks,
    })
}

/// Returns the worker of a process that has one.
pub(crate) fn worker_of(parent: u32) -> Pid {
    let parent = i32::try_from(parent).expect("a process identifier");
    let is_worker = |process: &Process| process.parent == parent && process.name == "stepwell-worker";
    processes().into_iter().find(is_worker).expect("there is a worker").id
}

/// Waits for a worker of a process that is in its guest, and is none of those known already.
fn busy_worker(parent: i32, known: &[Pid]) -> Pid {
    loop {
        let found = processes().into_iter().find(|process| {
            process.parent == parent
                && process.name == "stepwell-worker"
                && process.ticks >= IN_THE_GUEST_TICKS
                && !known.contains(&process.id)
        });
        match found {
            Some(process) => return process.id,
            None => thread::yield_now(),
        }
    }
}

fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_stepwell-under-test").into()
}

fn job(place: &Place, text: &str) -> JobRequest {
    JobRequest::from_text("job.yml", text).expect("the job is valid").work_dir(place.work())
}

fn reason(result: &JobResult) -> &str {
    result.error.as_ref().map_or("", |error| &error.message)
}

#[test]
fn a_worker_that_is_killed_fails_its_step_alone() {
    let (mine, neighbour, scratch) = (spinning(), spinning(), Place::new());
    let host = Host::builder()
        .scratch_folder(scratch.tmp())
        .isolation(Isolation::Worker(WorkerCommand { program: program(), name: "stepwell worker".to_owned() }))
        .build()
        .expect("the host can be built");
    let spin = "run:\n  - { name: spin, func: ./spin }\n";
    let this = getpid().as_raw_nonzero().get();

    let first = host.run(job(&mine, spin)).expect("the job starts");
    let worker = busy_worker(this, &[]);
    let beside = host.run(job(&neighbour, spin)).expect("the job starts");
    let other = busy_worker(this, &[worker]);

    kill_process(worker, Signal::KILL).expect("the worker runs");
    let result = first.wait();
    assert_eq!(result.status, Status::Failed, "{}", reason(&result));
    assert!(reason(&result).contains("the worker of the step was ended by signal 9 (SIGKILL)"), "{}", reason(&result));

    let next = "run:\n  - { name: next, func: 'builtin://stepwell/template', inputs: { template: '{{ 6 * 7 }}' } }\n";
    let result = host.run(job(&mine, next)).expect("the job starts").wait();
    assert_eq!(result.status, Status::Succeeded, "{}", reason(&result));

    assert!(process(other.as_raw_nonzero().get()).is_some(), "the neighbour's worker is gone");
    beside.cancel();
    assert_eq!(beside.wait().status, Status::Cancelled);
    drop(host);
    assert_eq!(scratch.left_over(), Vec::<String>::new());
    assert!(process(other.as_raw_nonzero().get()).is_none(), "a worker outlives its host");
}

/// Starts a job in a worker, with a descriptor of `/etc` that every program started meanwhile inherits.
fn start_with_planted_descriptor(place: &Place) -> (Child, Pid) {
    let planted = File::open("/etc").expect("there is /etc");
    fcntl_setfd(&planted, FdFlags::empty()).expect("the descriptor is open");
    let child = place.start(["run", "job.yml", "--isolation", "worker"]);
    let worker = busy_worker(i32::try_from(child.id()).expect("a process identifier"), &[]);
    (child, worker)
}

#[test]
fn a_running_worker_is_behind_the_wall() {
    let place = spinning();
    let (mut child, worker) = start_with_planted_descriptor(&place);
    let proc = PathBuf::from(format!("/proc/{}", worker.as_raw_nonzero()));
    let status = fs::read_to_string(proc.join("status")).expect("it runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        line.trim().to_owned()
    };
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()));
    let capabilities = u64::from_str_radix(&field("CapEff:"), 16).expect("a number");
    assert_eq!(capabilities & !0b11110, 0, "more than capabilities over files: {capabilities:x}");
    // Whoever may not look at these is held off by the kernel, as other guests are.
    if let Ok(descriptors) = fs::read_dir(proc.join("fd")) {
        let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        assert!(!targets.into_iter().any(|target| target.starts_with("/etc")), "a planted descriptor is open");
        assert_eq!(fs::read(proc.join("environ")).expect("it runs"), b"");
        let network = |of: &Path| fs::read_link(of.join("ns/net")).expect("it runs");
        assert_ne!(network(&proc), network(Path::new("/proc/self")));
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    // It ends with its host, whoever ended that.
    while process(worker.as_raw_nonzero().get()).is_some_and(|process| process.name == "stepwell-worker") {
        thread::yield_now();
    }
}

#[test]
fn examples_give_the_same_in_both() {
    let run = |isolation: &str| {
        let place = Place::new();
        place.examples();
        let ran = place.run(["run", "examples/release/job.yml", "--isolation", isolation, "--results", "results.json"]);
        ran.code(0);
        assert_eq!(place.left_over(), Vec::<String>::new());
        let results: serde_json::Value = serde_json::from_str(&place.read("results.json")).expect("results are JSON");
        (ran.stdout.clone(), files(&place.work().join("dist")), without_folder(&results, &place))
    };
    assert_eq!(run("in-process"), run("worker"));
}

#[test]
fn refusals_and_failures_are_the_same_in_both() {
    let cases = [
        ("read: [ in ]", "{ what: read-path, path: /work/in/a.txt }"),
        ("read: [ in ]", "{ what: read-std, path: /etc/passwd }"),
        ("read: [ in ]", "{ what: write-raw, path: /work/in/a.txt }"),
        ("write: [ out ]", "{ what: symlink, path: /work/out/link }"),
        ("limits: { memory: 8MiB }", "{ what: grow }"),
        ("limits: { cpu: 200ms }", "{ what: loop }"),
        ("limits: { wall: 200ms }", "{ what: sleep }"),
        ("read: [ missing ]", "{ what: none }"),
        ("env: [ PATH ]", "{ what: environment }"),
        ("clock: none", "{ what: masks, count: 3 }"),
    ];
    for (needs, inputs) in cases {
        let run = |isolation: &str| {
            let place = Place::new();
            place.write("in/a.txt", "text").attack("attack", needs);
            place.write("job.yml", format!("run:\n  - {{ name: attack, func: ./attack, inputs: {inputs} }}\n"));
            let ran = place.run(["run", "job.yml", "--isolation", isolation, "--quiet"]);
            (ran.code, ran.stdout.clone(), verdict(&ran))
        };
        assert_eq!(run("in-process"), run("worker"), "{needs} {inputs}");
    }
}

/// Returns what standard error says in the end, without peaks and times, which differ from run to run.
fn verdict(ran: &Ran) -> String {
    let verdict = ran.stderr.rsplit_once("error: ").map_or("", |(_, verdict)| verdict);
    verdict.split(" (peak").next().unwrap_or_default().to_owned()
}

#[test]
fn a_cancelled_job_leaves_no_worker() {
    let place = spinning();
    let mut child = place.start(["run", "job.yml", "--isolation", "worker"]);
    let worker = busy_worker(i32::try_from(child.id()).expect("a process identifier"), &[]);
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(process(worker.as_raw_nonzero().get()).is_none(), "a worker is left");
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn a_module_that_cannot_be_compiled_is_refused_alike() {
    let run = |isolation: &str| {
        let place = spinning();
        let mut broken = SPIN.to_vec();
        // A branch to a block that is not there.
        let at = broken.len() - 3;
        broken[at] = 9;
        place.write("spin/spin.wasm", broken);
        let ran = place.run(["run", "job.yml", "--isolation", isolation, "--quiet"]);
        (ran.code, verdict(&ran))
    };
    assert_eq!(run("in-process"), run("worker"));
}

/// Replaces the name of a place's own folder, which differs each time.
fn without_folder(value: &serde_json::Value, place: &Place) -> String {
    let folder = place.tmp().parent().expect("it lies in the place").display().to_string();
    value.to_string().replace(&folder, "PLACE")
}
