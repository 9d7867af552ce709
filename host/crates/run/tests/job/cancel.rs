//! Cancellation at each point of a job, and its time limit.

use std::time::Duration;

use stepwell_run::{JobErrorKind, Status};

use crate::support::{Ran, job};

#[track_caller]
fn check(ran: &Ran, statuses: &str, message: &str) {
    assert_eq!(ran.statuses(), statuses);
    assert_eq!(ran.message(), message);
    assert_eq!(ran.result.status, Status::Cancelled);
    assert_eq!(ran.result.error.as_ref().unwrap().kind, JobErrorKind::Cancelled);
}

#[test]
fn before_the_first_step() {
    let ran = job("run: [{name: a, script: exit 0}, {name: b, script: exit 0}]").cancelled_at_start().run();
    check(&ran, "a skipped, b skipped", "cancelled");
    assert_eq!(ran.invocations().len(), 0);
}

#[test]
fn while_a_step_runs() {
    let ran = job("run: [{name: a, script: exit 0}, {name: outer, step: ./outer}, {name: z, script: exit 0}]")
        .file("outer/func.yml", "spec: {}\n---\nrun: [{name: b, script: cancel}, {name: c, script: exit 0}]")
        .run();
    check(
        &ran,
        "a succeeded, outer cancelled, outer/b cancelled, outer/c skipped, z skipped",
        "step \"outer\": step \"b\": cancelled",
    );
    assert_eq!(ran.result_of("a").status, Status::Succeeded, "what ran before is told");
    assert_eq!(ran.result_of("outer/b").status, Status::Cancelled);
}

#[test]
fn a_step_that_ends_well_all_the_same_has_succeeded() {
    let ran = job("run: [{name: a, script: cancel-and-exit 0}, {name: b, script: exit 0}]").run();
    check(&ran, "a succeeded, b skipped", "cancelled");
    let ran = job("run: [{name: a, script: cancel-and-exit 0}]").run();
    assert_eq!(ran.result.status, Status::Succeeded, "nothing was left to do");
}

#[test]
fn a_step_that_fails_by_itself_after_a_cancellation_has_failed() {
    let ran = job("run: [{name: a, script: cancel-and-exit 7}, {name: b, script: exit 0}]").run();
    assert_eq!(ran.message(), "step \"a\": exec: exit status 7");
    assert_eq!(ran.result.status, Status::Failed);
}

#[test]
fn while_a_function_is_loaded() {
    let ran = job("run: [{name: a, script: exit 0}, {name: b, step: \"./${{ 'f' }}\"}, {name: c, script: exit 0}]")
        .command("f", "[exit, \"0\"]")
        .cancelled_when_loading("f/func.yml")
        .run();
    check(&ran, "a succeeded, b cancelled, c skipped", "step \"b\": cancelled");
    assert_eq!(ran.result_of("").children.len(), 1, "a step that was never started has no result");
}

#[test]
fn a_time_limit_ends_the_job() {
    let ran = job("run: [{name: a, script: hang}, {name: b, script: exit 0}]")
        .with(|surroundings| surroundings.time_limit = Some(Duration::from_secs(1)))
        .run();
    assert_eq!(ran.result.status, Status::TimedOut);
    assert_eq!(ran.statuses(), "a timed-out, b skipped");
    assert_eq!(ran.message(), "step \"a\": the job's time limit of 1s was reached");
    assert_eq!(ran.result.error.as_ref().unwrap().kind, JobErrorKind::TimedOut);
}

#[test]
fn a_time_limit_that_is_over_at_once() {
    let ran =
        job("run: [{name: a, script: hang}]").with(|surroundings| surroundings.time_limit = Some(Duration::ZERO)).run();
    assert_eq!(ran.result.status, Status::TimedOut);
}
