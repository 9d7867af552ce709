//! Much log in little memory. A binary of its own with one test: memory is counted for the whole process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;

use stepwell_process::NativeExecutor;
use stepwell_run::Outcome;

use support::{Case, next_log};

const BYTES: usize = 200_000_000;

/// Returns the most memory this process ever had, in KiB.
fn peak_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_log_of_any_size_needs_little_memory() {
    let case = Case::script(&format!("head -c {BYTES} /dev/zero | tr '\\0' x"));
    let (control, mut stream) = case.control();
    let invocation = case.invocation();
    let before = peak_kib();
    let run = async move { NativeExecutor::default().run_command(&invocation, &control).await };
    let count = async {
        let mut count = 0;
        while let Some((_, bytes)) = next_log(&mut stream).await {
            assert!(bytes.iter().all(|byte| *byte == b'x'));
            assert!(bytes.len() <= 65536);
            count += bytes.len();
        }
        count
    };
    let (outcome, count) = tokio::join!(run, count);
    assert!(matches!(outcome, Outcome::Exited { code: 0 }), "{outcome:?}");
    assert_eq!(count, BYTES);
    let grown = peak_kib() - before;
    assert!(grown < 16 * 1024, "{grown} KiB");
}
