//! Processes that a step leaves behind.

use std::fs;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use stepwell_process::NativeExecutor;
use stepwell_run::Outcome;

use crate::support::{Case, LONG, assert_ends, next_line, next_log, process, runs};

#[track_caller]
fn check_success(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Exited { code: 0 }), "{outcome:?}");
}

/// Runs a script that prints the identifier of its background process, to the end of its first process.
async fn leave(executor: &NativeExecutor, script: &str) -> rustix::process::Pid {
    let case = Case::script(script);
    let (control, mut stream) = case.control();
    let outcome = tokio::time::timeout(LONG / 2, executor.run_command(&case.invocation(), &control)).await.unwrap();
    check_success(&outcome);
    process(&next_line(&mut stream).await)
}

#[tokio::test]
async fn a_background_process_does_not_hold_the_step_up_and_ends_with_the_job() {
    let executor = NativeExecutor::default();
    let left = leave(&executor, "sleep 1000 & echo $!").await;
    assert!(runs(left));
    assert_eq!(executor.leftovers().running(), 1);
    assert_eq!(executor.leftovers().end_all(LONG).await, 1);
    assert!(!runs(left));
    assert_eq!(executor.leftovers().running(), 0);
    assert_eq!(executor.leftovers().end_all(LONG).await, 0);
}

#[tokio::test]
async fn one_that_let_go_of_the_pipes_is_remembered_too() {
    let executor = NativeExecutor::default();
    let left = leave(&executor, "sleep 1000 > /dev/null 2>&1 & echo $!").await;
    assert_eq!(executor.leftovers().running(), 1);
    executor.leftovers().end_all(LONG).await;
    assert!(!runs(left));
}

#[tokio::test]
async fn a_stubborn_background_process_is_killed() {
    let executor = NativeExecutor::default();
    let left = leave(&executor, "trap '' TERM; sleep 1000 & echo $!").await;
    executor.leftovers().end_all(Duration::from_millis(100)).await;
    assert!(!runs(left));
}

#[tokio::test]
async fn background_processes_end_when_the_executor_is_dropped() {
    let executor = NativeExecutor::default();
    let left = leave(&executor, "sleep 1000 & echo $!").await;
    drop(executor);
    assert_ends(left);
}

#[tokio::test]
async fn a_step_without_background_processes_leaves_nothing() {
    let executor = NativeExecutor::default();
    let case = Case::script("sh -c 'echo x; sh -c true' | cat");
    let (control, _stream) = case.control();
    check_success(&executor.run_command(&case.invocation(), &control).await);
    assert_eq!(executor.leftovers().running(), 0);
}

/// Its pipe stays open, so that it does not end by SIGPIPE, and what it prints is logged.
#[tokio::test]
async fn a_background_process_may_go_on_printing() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    mknodat(CWD, &gate, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let executor = NativeExecutor::default();
    let case = Case::script("(read go < gate; echo late) & echo early").directory(folder.path());
    let (control, mut stream) = case.control();
    check_success(&executor.run_command(&case.invocation(), &control).await);
    drop(control);
    assert_eq!(next_line(&mut stream).await, "early\n");
    let open = tokio::task::spawn_blocking(move || fs::write(gate, "go\n"));
    assert_eq!(next_line(&mut stream).await, "late\n");
    open.await.unwrap().unwrap();
    assert_eq!(next_log(&mut stream).await, None, "the stream ends with the last holder of the pipe");
}

#[tokio::test]
async fn a_background_process_that_prints_without_end_does_not_hold_the_step_up() {
    let ran = Case::script("yes & head -c 1 /dev/zero").run().await;
    check_success(&ran.outcome);
    assert!(ran.out.contains(&0));
}
