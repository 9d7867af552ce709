//! Many invocations at once.

use stepwell_process::NativeExecutor;
use stepwell_run::{Executor, Outcome};

use crate::support::Case;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gets_its_own_log_and_outcome() {
    let runs: Vec<_> = (0..40)
        .map(|number| {
            let text = format!("printf out{number}; printf error{number} >&2; exit {number}");
            tokio::spawn(async move { (number, Case::script(&text).run().await) })
        })
        .collect();
    for run in runs {
        let (number, ran) = run.await.unwrap();
        assert!(matches!(ran.outcome, Outcome::Exited { code } if code == number), "{number}: {:?}", ran.outcome);
        assert_eq!(ran.text(), format!("out{number}"));
        assert_eq!(ran.error, format!("error{number}").into_bytes());
    }
}

/// A program just written is often still open in a process that is being started at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_just_written_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    let runs: Vec<_> = (0..40)
        .map(|_| {
            tokio::spawn(async move {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("tool");
                std::fs::write(&file, "#!/bin/sh\nexit 7\n").unwrap();
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
                Case::command(&["./tool"]).directory(folder.path()).run().await.outcome
            })
        })
        .collect();
    for run in runs {
        let outcome = run.await.unwrap();
        assert!(matches!(outcome, Outcome::Exited { code: 7 }), "{outcome:?}");
    }
}

#[tokio::test]
async fn it_is_an_executor() {
    let case = Case::command(&["true"]);
    let (control, _stream) = case.control();
    let executor: &dyn Executor = &NativeExecutor::default();
    assert!(matches!(executor.execute(&case.invocation(), &control).await, Outcome::Exited { code: 0 }));
}
