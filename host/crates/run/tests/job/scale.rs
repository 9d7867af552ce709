//! Long jobs: no step costs more because of those before it.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::support::job;

fn long_job(steps: usize) -> String {
    let mut text = "run:\n".to_owned();
    for index in 0..steps {
        writeln!(text, "  - {{name: s{index}, script: exit 0}}").unwrap();
    }
    text
}

#[test]
fn a_thousand_steps_share_one_environment() {
    let mut case = job(&long_job(1_000));
    for index in 0..100 {
        case = case.env(&format!("VARIABLE_{index}"), "some value of usual length");
    }
    let ran = case.run();
    let root = ran.result_of("");
    assert_eq!(root.children.len(), 1_000);
    assert!(root.children.iter().all(|child| Arc::ptr_eq(&child.env, &root.env)));
    assert!(root.children.iter().all(|child| Arc::ptr_eq(&child.call_env, &root.env)));
}
