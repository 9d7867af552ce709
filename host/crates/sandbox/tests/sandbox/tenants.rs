//! Tenants: what their steps may use together.

use std::time::Duration;

use stepwell_run::{EventKind, LimitKind, Outcome};
use stepwell_sandbox::{Quotas, Sandbox};
use tokio_util::sync::CancellationToken;

use crate::support::{Call, Ended};

fn sandbox(folder: &tempfile::TempDir, places: u32) -> Sandbox {
    Sandbox::builder(folder.path()).instances(places).build().unwrap()
}

/// Returns what a step was said to wait for.
fn waited(ended: &Ended) -> Vec<&str> {
    ended
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Busy { what } => Some(what.as_str()),
            _ => None,
        })
        .filter(|what| what.starts_with("waiting"))
        .collect()
}

/// A guest that ends when its processor time is over.
fn spinner(cpu: Duration) -> Call {
    let mut call = Call::attack("loop");
    call.grants.limits.cpu = cpu;
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_beyond_the_quota_waits_visibly_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&folder, 8);
    let tenant = sandbox.tenant("team", Some(Quotas { steps: 1, ..Quotas::default() }));
    Call::attack("none").run_for(&sandbox, &tenant).await.returned();
    let (first, second) = tokio::join!(
        spinner(Duration::from_millis(100)).run_for(&sandbox, &tenant),
        Call::attack("none").run_for(&sandbox, &tenant),
    );
    assert!(waited(&first).is_empty());
    assert_eq!(waited(&second), ["waiting for a place of tenant `team`"]);
    assert!(second.events.iter().any(|event| matches!(event.kind, EventKind::BusyOver)));
    second.returned();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_step_leaves_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&folder, 1);
    let tenant = sandbox.tenant("team", None);
    Call::attack("none").run_for(&sandbox, &tenant).await.returned();
    let (stop, stop_waiting) = (CancellationToken::new(), CancellationToken::new());
    let mut running = Call::attack("loop");
    running.cancelled = stop.clone();
    running.grace = Duration::ZERO;
    let mut waiting = Call::attack("none");
    waiting.cancelled = stop_waiting.clone();
    let waits = async {
        stop_waiting.cancel();
        let ended = waiting.run_for(&sandbox, &tenant).await;
        stop.cancel();
        ended
    };
    let (first, second) = tokio::join!(running.run_for(&sandbox, &tenant), waits);
    assert!(matches!((&first.outcome, &second.outcome), (Outcome::Cancelled, Outcome::Cancelled)));
    Call::attack("none").run_for(&sandbox, &tenant).await.returned();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_has_more_memory_than_its_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&folder, 2);
    let tenant = sandbox.tenant("team", Some(Quotas { memory: 32 << 20, ..Quotas::default() }));
    let ended = Call::attack("exhaust").run_for(&sandbox, &tenant).await;
    let Outcome::LimitReached(reached, _) = &ended.outcome else { panic!("{:?}", ended.outcome) };
    assert_eq!(reached.limit, LimitKind::Memory);
    assert!(reached.message.starts_with("memory limit of 32 MiB reached (peak "), "{}", reached.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_stand_still_when_the_processor_time_of_their_tenant_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&folder, 2);
    let quotas = Quotas { cpu: Duration::from_millis(50), ..Quotas::default() };
    let (spent, other) = (sandbox.tenant("spent", Some(quotas)), sandbox.tenant("other", None));
    let mut call = spinner(Duration::from_secs(10));
    call.grants.limits.wall = Duration::from_millis(400);
    let ended = call.run_for(&sandbox, &spent).await;
    ended.limit_reached(LimitKind::Wall, "time limit of 400ms reached");
    let Outcome::LimitReached(_, usage) = &ended.outcome else { panic!() };
    assert!(usage.cpu.is_some_and(|cpu| cpu < Duration::from_millis(200)), "{usage:?}");
    Call::attack("none").run_for(&sandbox, &other).await.returned();
    // The next step of the tenant waits for the next minute, which is cancelled here.
    let late = Call::attack("none");
    late.cancelled.cancel();
    assert!(matches!(late.run_for(&sandbox, &spent).await.outcome, Outcome::Cancelled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_run_beside_the_spinning_guests_of_another_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&folder, 16);
    let (flood, other) = (sandbox.tenant("flood", None), sandbox.tenant("other", None));
    let stop = CancellationToken::new();
    let spinners: Vec<_> = (0..16)
        .map(|_| {
            let mut call = Call::attack("loop");
            call.cancelled = stop.clone();
            call.grace = Duration::ZERO;
            call.run_for(&sandbox, &flood)
        })
        .collect();
    let steps = async {
        for _ in 0..20 {
            Call::attack("none").run_for(&sandbox, &other).await.returned();
        }
        stop.cancel();
    };
    let mut spinners: Vec<_> = spinners.into_iter().map(Box::pin).collect();
    tokio::join!(
        async {
            for spinner in &mut spinners {
                let ended = spinner.await;
                assert!(matches!(ended.outcome, Outcome::Cancelled), "{:?}", ended.outcome);
            }
        },
        steps
    );
}
