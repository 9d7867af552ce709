//! The ways in which a step ends.

use std::time::{Duration, Instant};

use stepwell_run::{FailureKind, Outcome, Usage};

use crate::support::Call;

#[tokio::test(flavor = "multi_thread")]
async fn success() {
    let ended = Call::of("minimal").input("number", 41.0).run().await;
    assert_eq!(ended.number(), 42.0);
    let Outcome::Returned(_, Usage { peak_memory_bytes: Some(peak), .. }) = ended.outcome else { panic!() };
    assert!(peak > 64 << 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_handed_on() {
    let ended = Call::attack("fail").run().await;
    ended.failed(FailureKind::Unavailable, "the service did not answer");
    assert_eq!(ended.failure().causes, ["connection refused", "no route"]);
    assert_eq!(ended.failure().hint.as_deref(), Some("try again later"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_failure_is_cut() {
    let ended = Call::attack("fail-huge").count(100).run().await;
    let failure = ended.failure();
    assert!(failure.message.ends_with("(cut)") && failure.message.len() < 17 << 10);
    assert_eq!(failure.causes.len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_is_believed_only_of_a_cancelled_job() {
    assert_eq!(Call::attack("claim-cancelled").run().await.failure().kind, FailureKind::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn exits_of_a_typed_step() {
    for code in [0, 1, 42] {
        let ended = Call::attack("exit").count(code).run().await;
        let failure = ended.failure();
        assert_eq!(failure.kind, FailureKind::Internal);
        assert!(failure.message.starts_with("the step exited with code"), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traps_show_guest_frames_and_the_last_line() {
    let ended = Call::attack("panic").run().await;
    let failure = ended.failure();
    assert_eq!(failure.kind, FailureKind::Internal);
    assert_eq!(failure.message, "trapped: `unreachable` executed");
    let text = failure.causes.join("\n");
    assert!(text.contains("attack"), "{text}");
    assert!(!text.contains("wasmtime") && !text.contains("0x"), "{text}");
    for what in ["abort", "divide", "index"] {
        let ended = Call::attack(what).count(if what == "index" { 9 } else { 0 }).run().await;
        assert_eq!(ended.failure().message, "trapped: `unreachable` executed", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_step_ends_after_the_grace_time() {
    for what in ["loop", "loop-host-calls", "sleep"] {
        let call = Call::attack(what);
        call.cancelled.cancel();
        // What is ready already is called, so that the grace time starts with the step.
        let _ = Call::attack("none").run().await;
        let start = Instant::now();
        let ended = call.run().await;
        assert!(matches!(ended.outcome, Outcome::Cancelled), "{what}: {:?}", ended.outcome);
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_stops() {
    let call = Call::attack("loop");
    let task = tokio::spawn(call.run());
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(Call::of("minimal").input("number", 1.0).run().await.number(), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_ends_in_the_grace_time_ends_as_it_says() {
    let mut call = Call::of("echo").input("text", "");
    call.cancelled.cancel();
    call.grace = Duration::from_secs(60);
    let _ = Call::of("echo").input("text", "").run().await;
    let ended = call.run().await;
    assert!(ended.output("context").to_json_text().unwrap().contains("\"cancelled\":true"));
    let mut call = Call::attack("claim-cancelled");
    call.cancelled.cancel();
    call.grace = Duration::from_secs(60);
    let _ = Call::attack("none").run().await;
    assert!(matches!(call.run().await.outcome, Outcome::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_places_wait() {
    let scratch = tempfile::tempdir().unwrap();
    let sandbox = stepwell_sandbox::Sandbox::builder(scratch.path()).instances(2).build().unwrap();
    let sandbox = std::sync::Arc::new(sandbox);
    let calls: Vec<_> = (0..40)
        .map(|number| {
            let sandbox = std::sync::Arc::clone(&sandbox);
            tokio::spawn(async move { Call::of("minimal").input("number", f64::from(number)).run_in(&sandbox).await })
        })
        .collect();
    for (call, number) in calls.into_iter().zip(1..) {
        assert_eq!(call.await.unwrap().number(), f64::from(number));
    }
}
