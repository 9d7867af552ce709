//! Steps that run when those before them have ended, well or not.

use stepwell_run::Status;
use stepwell_schema::When;

use crate::support::{Ran, job};

const JOB: &str = "run: [{name: a, script: A}, {name: b, script: exit 0}, {name: last, script: C}]";

/// Runs three scripts, the last of them afterwards.
fn run(first: &str, last: &str) -> Ran {
    job(&JOB.replace('A', first).replace('C', last)).when("last", When::Afterwards).run()
}

fn statuses(ran: &Ran) -> Vec<(String, Status)> {
    let root = ran.result.root.as_ref().unwrap();
    root.children.iter().map(|child| (child.step.name().to_owned(), child.status)).collect()
}

#[test]
fn after_success_it_is_a_step_like_others() {
    let ran = run("exit 0", "exit 0");
    assert_eq!(ran.message(), "");
    assert_eq!(statuses(&ran).len(), 3);
}

#[test]
fn after_a_failure_the_others_are_skipped_and_it_runs() {
    let ran = run("exit 3", "exit 0");
    assert_eq!(ran.message(), "step \"a\": exec: exit status 3");
    assert_eq!(statuses(&ran), [("a".to_owned(), Status::Failed), ("last".to_owned(), Status::Succeeded)]);
    assert_eq!(ran.result.status, Status::Failed);
}

#[test]
fn its_own_failure_changes_nothing() {
    let ran = run("exit 0", "exit 9");
    assert_eq!(ran.message(), "");
    assert_eq!(statuses(&ran)[2].1, Status::Failed);
    assert_eq!(run("exit 3", "exit 9").message(), "step \"a\": exec: exit status 3");
}

#[test]
fn it_runs_after_a_failure_inside_a_function() {
    let ran = job("run: [{name: outer, step: ./outer}, {name: last, script: exit 0}]")
        .file("outer/func.yml", "spec: {}\n---\nrun: [{name: x, script: exit 5}, {name: y, script: exit 0}]")
        .when("last", When::Afterwards)
        .run();
    assert_eq!(ran.message(), "step \"outer\": step \"x\": exec: exit status 5");
    assert_eq!(statuses(&ran), [("outer".to_owned(), Status::Failed), ("last".to_owned(), Status::Succeeded)]);
}

#[test]
fn it_does_not_run_after_a_cancellation() {
    let ran = run("cancel", "exit 0");
    assert_eq!(ran.result.status, Status::Cancelled);
    assert_eq!(statuses(&ran).len(), 1);
}
