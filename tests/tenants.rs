//! Tenants of one host: what their steps may use together, whatever kind they are.

use std::fs;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use stepwell::{EventKind, Host, JobHandle, JobRequest, Quotas, Status};

use crate::support::Place;

/// Holds its step until somebody writes to the named pipe `go`.
const WAITS: &str = "run:\n  - { name: holds, script: 'read line < go' }\n";
const RUNS: &str = "run:\n  - { name: next, script: 'echo runs' }\n";

fn start(host: &Host, place: &Place, job: &str) -> JobHandle {
    let request = JobRequest::from_text("job.yml", job).expect("the job is valid").work_dir(place.work());
    host.run(request.tenant("team")).expect("the job starts")
}

/// Makes a work dir with the pipe.
fn place() -> Place {
    let place = Place::new();
    mknodat(CWD, place.work().join("go"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe can be made");
    place
}

/// Lets the step go on that waits for the pipe.
fn let_go(place: &Place) {
    fs::write(place.work().join("go"), "on\n").expect("the step reads");
}

/// Reads events until one fits.
fn until(handle: &mut JobHandle, fits: impl Fn(&EventKind) -> bool) -> EventKind {
    while let Some(event) = handle.next_event() {
        if fits(&event.kind) {
            return event.kind;
        }
    }
    panic!("the job ended before");
}

#[test]
fn a_native_step_beyond_the_quota_waits_visibly_and_runs() {
    let place = place();
    let host = Host::builder().tenant("team", Quotas { steps: 1, ..Quotas::default() }).build().expect("a host");
    let mut first = start(&host, &place, WAITS);
    until(&mut first, |kind| matches!(kind, EventKind::Transition { to: Status::Running, .. }));
    // The job itself runs first, then its step.
    until(&mut first, |kind| matches!(kind, EventKind::Transition { to: Status::Running, .. }));
    let mut second = start(&host, &place, RUNS);
    let waits = until(&mut second, |kind| matches!(kind, EventKind::Busy { .. }));
    let EventKind::Busy { what } = waits else { unreachable!("that is what was looked for") };
    assert_eq!(what, "waiting for a place of tenant `team`");
    let_go(&place);
    until(&mut second, |kind| matches!(kind, EventKind::BusyOver));
    assert_eq!(second.wait().status, Status::Succeeded);
    assert_eq!(first.wait().status, Status::Succeeded);
}

#[test]
fn a_native_step_that_waits_can_be_cancelled() {
    let place = place();
    let host = Host::builder().tenant("team", Quotas { steps: 1, ..Quotas::default() }).build().expect("a host");
    let mut first = start(&host, &place, WAITS);
    until(&mut first, |kind| matches!(kind, EventKind::Transition { to: Status::Running, .. }));
    until(&mut first, |kind| matches!(kind, EventKind::Transition { to: Status::Running, .. }));
    let mut second = start(&host, &place, RUNS);
    until(&mut second, |kind| matches!(kind, EventKind::Busy { .. }));
    second.cancel();
    assert_eq!(second.wait().status, Status::Cancelled);
    let_go(&place);
    assert_eq!(first.wait().status, Status::Succeeded);
}
