//! Many steps at the same time: of one tenant, of two, and steps that only wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use stepwell::{BuiltInFunction, EventKind, Host, JobHandle, JobRequest, Quotas, Status};

use crate::bare::Bare;
use crate::jobs;
use crate::measure::{Figure, Row, Target};

/// Steps of one measurement of throughput, shared out among the jobs.
const STEPS: usize = 9_600;

/// Instances that wait at the same time.
const WAITING: usize = 5_000;

/// Jobs of the tenant that floods.
const FLOOD: usize = 1_000;

/// Steps after whose limit it is measured how long they go on.
const ESCAPES: usize = 20;

/// Processor time of a guest that spins.
const SPIN_LIMIT: Duration = Duration::from_millis(50);

const ATTACK: &str = "spec:\n  inputs: { what: { type: string }, path: { type: string, default: '' }, count: { type: number, default: 0 } }\n  outputs: { content: { type: string }, number: { type: number } }\n";

/// So many steps at once through the whole engine, against as many calls of bare wasmtime on as many threads.
pub(crate) fn at_once() -> Vec<Row> {
    let module = jobs::module();
    let host = jobs::host(&module);
    let bare = Arc::new(Bare::with_places(&module, 320).expect("the component compiles"));
    [16, 80, 320]
        .into_iter()
        .map(|count| {
            let job = jobs::wasm_job(STEPS / count);
            // In turns; the first round warms up.
            let mut rounds = (0..4).map(|_| (jobs_at_once(&host, &job, count), bare.at_once(count, STEPS / count)));
            rounds.next();
            let (ours, theirs): (Vec<_>, Vec<_>) = rounds.unzip();
            let rate = |rounds: Vec<(Duration, Vec<Duration>)>| {
                let wall: Duration = rounds.iter().map(|(wall, _)| *wall).sum();
                Figure::rate(wall, rounds.into_iter().flat_map(|(_, times)| times).collect())
            };
            Row {
                name: format!("{count} steps at once"),
                figure: rate(ours),
                baseline: Some(("bare wasmtime", rate(theirs))),
                target: Target::RatioAtLeast(0.7),
            }
        })
        .collect()
}

/// Runs a job so many times at once, and returns the time that took and the time of each step.
fn jobs_at_once(host: &Host, job: &str, count: usize) -> (Duration, Vec<Duration>) {
    let request = JobRequest::from_text("bench.yml", job).expect("the job is valid").work_dir("/tmp");
    let start = Instant::now();
    let handles: Vec<JobHandle> = (0..count).map(|_| host.run(request.clone()).expect("the job starts")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let times = runtime.block_on(async {
        let readers: Vec<_> = handles.into_iter().map(|handle| tokio::spawn(read(handle))).collect();
        let mut times = Vec::new();
        for reader in readers {
            times.extend(reader.await.expect("the reader ends"));
        }
        times
    });
    (start.elapsed(), times)
}

/// Reads a job to its end and returns the time from the end of each step to the end of the next.
async fn read(mut handle: JobHandle) -> Vec<Duration> {
    let mut ends: Vec<SystemTime> = Vec::new();
    while let Some(event) = handle.next_event_async().await {
        if let EventKind::Transition { to: Status::Succeeded, .. } = event.kind
            && !event.step.is_job()
        {
            ends.push(event.time);
        }
    }
    assert_eq!(handle.finished().await.status, Status::Succeeded);
    ends.windows(2).map(|pair| pair[1].duration_since(pair[0]).unwrap_or_default()).collect()
}

/// How long a guest goes on after its limit of processor time.
pub(crate) fn escape() -> Vec<Row> {
    let host = attack_host(Host::builder(), &format!("    limits: {{ cpu: {}ms }}\n", SPIN_LIMIT.as_millis()));
    let mut over = Vec::new();
    for _ in 0..=ESCAPES {
        let mut handle = host.run(attack("loop", 0, None)).expect("the job starts");
        let mut started = SystemTime::now();
        while let Some(event) = handle.next_event() {
            match event.kind {
                EventKind::Transition { to: Status::Running, .. } | EventKind::BusyOver => started = event.time,
                EventKind::Transition { to: Status::TimedOut, .. } if !event.step.is_job() => {
                    let ran = event.time.duration_since(started).unwrap_or_default();
                    over.push(ran.saturating_sub(SPIN_LIMIT));
                }
                _ => {}
            }
        }
    }
    over.remove(0);
    assert_eq!(over.len(), ESCAPES, "every guest was stopped by its limit");
    vec![Row {
        name: "spinning guest after its limit".to_owned(),
        figure: Figure::of(over),
        baseline: None,
        target: Target::AtMost(Duration::from_millis(20)),
    }]
}

/// Steps of a tenant while another one has started a thousand jobs of guests that spin or fill their log, against the
/// same steps alone. The ratio is that of the 99th percentiles.
pub(crate) fn flood() -> Vec<Row> {
    let builder = jobs::builder(&jobs::module());
    let builder = builder.tenant("flood", Quotas::default()).tenant("other", Quotas::default());
    let host = attack_host(builder, "");
    let job = jobs::wasm_job(1_000 + jobs::WARM_UP);
    let steps = || {
        let request = JobRequest::from_text("bench.yml", &job).expect("the job is valid").work_dir("/tmp");
        jobs::job_times(&host, request.tenant("other"), jobs::WARM_UP)
    };
    steps();
    let alone = Figure::tail((0..3).flat_map(|_| steps()).collect());
    let flood: Vec<JobHandle> = (0..FLOOD)
        .map(|number| {
            let request = match number % 10 {
                0 => attack("flood-log", 4 << 10, Some("flood")),
                _ => attack("loop", 0, Some("flood")),
            };
            host.run(request).expect("the job starts")
        })
        .collect();
    let beside = Figure::tail((0..3).flat_map(|_| steps()).collect());
    drop(flood);
    vec![Row {
        name: "step beside a flood of another tenant (p99)".to_owned(),
        figure: beside,
        baseline: Some(("the same alone (p99)", alone)),
        target: Target::Ratio(3.0),
    }]
}

/// Memory of a process in which thousands of instances wait on a timer.
pub(crate) fn waiting() -> Vec<Row> {
    let text = crate::programs::itself(&["--wait-instances", &WAITING.to_string()]);
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_else(|| {
            panic!("no `{name}` in\n{text}");
        })
    };
    vec![
        Row {
            name: format!("{WAITING} instances that wait on a timer"),
            figure: Figure::Size(number("VmRSS:") << 10),
            baseline: Some(("the process before", Figure::Size(number("before:") << 10))),
            target: Target::Within(1 << 30),
        },
        Row {
            name: "failures among them".to_owned(),
            figure: Figure::Count(usize::try_from(number("failures:")).unwrap_or(usize::MAX)),
            baseline: None,
            target: Target::UpTo(0),
        },
    ]
}

/// Starts so many jobs of a guest that waits, then prints the resident memory of this process and how many jobs did not
/// get so far.
pub(crate) fn wait_and_print_memory(count: usize) {
    let host = attack_host(Host::builder().sandboxed_steps(u32::try_from(count).unwrap_or(u32::MAX)), "");
    // The first compiles the module, which takes memory of its own.
    drop(until_running(&host, 1));
    println!("before: {}", resident());
    let (handles, failures) = until_running(&host, count);
    println!("VmRSS: {}", resident());
    println!("failures: {failures}");
    // Nobody waits for thousands of instances to be taken down one by one.
    std::mem::forget((handles, host));
    std::process::exit(0);
}

/// Starts jobs and waits until each has started its step and has computed nothing for a while.
fn until_running(host: &Host, count: usize) -> (Vec<JobHandle>, usize) {
    let (running, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut handles: Vec<JobHandle> = Vec::new();
    for _ in 0..count {
        handles.push(host.run(attack("sleep", 0, None)).expect("the job starts"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        for handle in &mut handles {
            loop {
                let next = tokio::time::timeout(Duration::from_secs(60), handle.next_event_async()).await;
                let Ok(Some(event)) = next else {
                    failed.fetch_add(1, Ordering::Relaxed);
                    break;
                };
                match event.kind {
                    EventKind::Transition { to: Status::Running, .. } if !event.step.is_job() => {
                        running.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    _ => {}
                }
            }
        }
        // The guests are instantiated and run up to their wait.
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = resident();
            if now.abs_diff(before) < 64 {
                break;
            }
            before = now;
        }
        for handle in &mut handles {
            let over = tokio::time::timeout(Duration::ZERO, async {
                while let Some(event) = handle.next_event_async().await {
                    if matches!(event.kind, EventKind::Transition { .. }) {
                        return;
                    }
                }
            });
            if over.await.is_ok() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (handles, failed.load(Ordering::Relaxed))
}

/// Returns the resident memory of this process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux shows every process its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("a number of kilobytes")
}

fn attack_host(builder: stepwell::HostBuilder, needs: &str) -> Host {
    let needs = if needs.is_empty() { String::new() } else { format!("  needs:\n{needs}") };
    let function = BuiltInFunction {
        file: "func.yml".into(),
        text: format!("{ATTACK}{needs}---\nwasm: {{ module: ./m.wasm }}\n").into(),
        files: [("m.wasm".to_owned(), jobs::guest("attack").into())].into(),
    };
    let builder = builder.function("bench/attack", function).expect("the name is free");
    builder.build().expect("the host can be built")
}

/// A job of one step that does as told.
fn attack(what: &str, count: u32, tenant: Option<&str>) -> JobRequest {
    let job = format!(
        "run:\n  - {{ name: attack, func: 'builtin://bench/attack', inputs: {{ what: {what}, count: {count} }} }}\n"
    );
    let request = JobRequest::from_text("attack.yml", &job).expect("the job is valid").work_dir("/tmp");
    tenant.into_iter().fold(request, JobRequest::tenant)
}
