//! Cancellation.

use std::time::{Duration, Instant};

use stepwell_process::NativeExecutor;
use stepwell_run::Outcome;

use crate::support::{Case, LONG, assert_ends, next_line, next_log, process, runs};

#[track_caller]
fn check_cancelled(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Cancelled), "{outcome:?}");
}

#[tokio::test]
async fn a_job_already_cancelled_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::script("touch started").directory(folder.path());
    let (control, _stream) = case.control();
    control.cancelled.cancel();
    check_cancelled(&NativeExecutor::default().run_command(&case.invocation(), &control).await);
    assert!(!folder.path().join("started").exists());
}

#[tokio::test]
async fn a_step_may_end_gently() {
    let start = Instant::now();
    let ran = Case::script("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 1000 & wait; done")
        .run_cancelled_at("ready")
        .await;
    check_cancelled(&ran.outcome);
    assert_eq!(ran.text(), "ready\nbye\n");
    assert!(start.elapsed() < LONG / 2, "it is not waited for longer than it takes");
}

#[tokio::test]
async fn what_ends_slowly_may_print_much() {
    // Without a child of the shell: one that is just being forked when the signal comes may miss it, and lives on.
    let ran = Case::script("trap 'head -c 3000000 /dev/zero; exit 0' TERM; echo ready; while :; do :; done")
        .run_cancelled_at("ready")
        .await;
    check_cancelled(&ran.outcome);
    assert_eq!(ran.out.len(), "ready\n".len() + 3_000_000);
}

#[tokio::test]
async fn a_stubborn_step_is_killed() {
    let grace = Duration::from_millis(200);
    let start = Instant::now();
    let ran = Case::script("trap '' TERM; echo ready $$; while :; do sleep 1000; done")
        .grace(grace)
        .run_cancelled_at("ready")
        .await;
    check_cancelled(&ran.outcome);
    assert!(start.elapsed() >= grace);
    assert!(!runs(process(ran.text().strip_prefix("ready ").unwrap())));
}

#[tokio::test]
async fn a_stopped_step_ends() {
    let ran = Case::script("echo ready $$; kill -STOP $$").run_cancelled_at("ready").await;
    check_cancelled(&ran.outcome);
    assert!(!runs(process(ran.text().strip_prefix("ready ").unwrap())));
}

#[tokio::test]
async fn grandchildren_end_too() {
    let ran = Case::script("(sh -c 'echo $$; sleep 1000; :') & wait").run_cancelled_at("\n").await;
    check_cancelled(&ran.outcome);
    assert!(!runs(process(&ran.text())));
}

/// The first process ends on SIGTERM, a member of its group does not.
#[tokio::test]
async fn stubborn_grandchildren_are_killed_though_the_first_process_is_gone() {
    let ran = Case::script("(trap '' TERM; sh -c 'echo $$; while :; do sleep 1000; done') & wait")
        .grace(Duration::from_millis(200))
        .run_cancelled_at("\n")
        .await;
    check_cancelled(&ran.outcome);
    assert!(!runs(process(&ran.text())));
}

/// A reader that takes nothing does not keep a job from being cancelled.
#[tokio::test]
async fn a_stuck_reader_does_not_hold_a_cancellation_up() {
    let case = Case::command(&["cat", "/dev/zero"]).grace(Duration::from_millis(100));
    let (control, mut stream) = case.control();
    let invocation = case.invocation();
    let executor = NativeExecutor::default();
    let cancel = async {
        assert!(stream.next().await.is_some());
        control.cancelled.cancel();
    };
    let run = executor.run_command(&invocation, &control);
    let (outcome, ()) = tokio::time::timeout(LONG, async { tokio::join!(run, cancel) }).await.unwrap();
    check_cancelled(&outcome);
    drop(control);
    let mut waiting = 0;
    while let Some((_, bytes)) = next_log(&mut stream).await {
        waiting += bytes.len();
    }
    assert!(waiting <= 1 << 20, "{waiting} bytes waited");
}

#[tokio::test]
async fn a_dropped_step_is_killed() {
    let case = Case::script("trap '' TERM; echo $$; (sh -c 'echo $$; sleep 1000; :') & wait");
    let (control, mut stream) = case.control();
    let invocation = case.invocation();
    let executor = NativeExecutor::default();
    let lines = async {
        let mut lines = next_line(&mut stream).await;
        while lines.lines().count() < 2 {
            lines += &next_line(&mut stream).await;
        }
        lines
    };
    let lines = tokio::select! {
        outcome = executor.run_command(&invocation, &control) => panic!("{outcome:?}"),
        lines = lines => lines,
    };
    for line in lines.lines() {
        assert_ends(process(line));
    }
}
