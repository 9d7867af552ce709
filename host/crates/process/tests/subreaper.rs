//! Processes that fork away. A binary of its own with one test: being a subreaper is a matter of the whole process.

mod support;

use std::time::Duration;

use stepwell_process::{NativeExecutor, Subreaper, Swept};
use stepwell_run::Outcome;

use support::{Case, LONG, next_line, process, runs};

/// Starts what ends gently and what does not, each in a session of its own, below a parent that is gone.
const FORK_AWAY: &str = "
    setsid sh -c 'echo $$; exec sleep 1000' &
    setsid sh -c 'trap \"\" TERM; echo $$; (exec sleep 1000); :' &
    exit 0";

#[tokio::test]
async fn processes_that_left_their_group_are_ended() {
    let subreaper = Subreaper::become_one().unwrap();
    assert_eq!(subreaper.end_descendants(LONG).await.unwrap(), Swept::default());

    let executor = NativeExecutor::default();
    let case = Case::script(FORK_AWAY);
    let (control, mut stream) = case.control();
    let outcome = executor.run_command(&case.invocation(), &control).await;
    assert!(matches!(outcome, Outcome::Exited { code: 0 }), "{outcome:?}");
    let mut lines = next_line(&mut stream).await;
    while lines.lines().count() < 2 {
        lines += &next_line(&mut stream).await;
    }

    executor.leftovers().end_all(LONG).await;
    let away: Vec<_> = lines.lines().map(process).collect();
    assert!(away.iter().all(|process| runs(*process)), "they have no group that is known");
    let swept = subreaper.end_descendants(Duration::from_millis(200)).await.unwrap();
    assert!(swept.found >= 2, "{swept:?}");
    assert_eq!(swept.left, 0);
    assert!(away.iter().all(|process| !std::path::Path::new(&format!("/proc/{}", process.as_raw_nonzero())).exists()));
    assert_eq!(subreaper.end_descendants(LONG).await.unwrap(), Swept::default());
}
