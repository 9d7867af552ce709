//! Every limit, reached.

use std::time::Duration;

use stepwell_run::{EventKind, FailureKind, LimitKind, Outcome, Stream, Usage};

use crate::support::Call;

#[tokio::test(flavor = "multi_thread")]
async fn processor_time() {
    for what in ["loop", "loop-host-calls"] {
        let mut call = Call::attack(what);
        call.grants.limits.cpu = Duration::from_millis(100);
        let ended = call.run().await;
        ended.limit_reached(LimitKind::Cpu, "processor time limit of 100ms reached");
        let Outcome::LimitReached(_, Usage { cpu: Some(cpu), .. }) = ended.outcome else { panic!() };
        assert_eq!(cpu, Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wall_time() {
    for what in ["loop", "sleep"] {
        let mut call = Call::attack(what);
        call.grants.limits.wall = Duration::from_millis(100);
        call.run().await.limit_reached(LimitKind::Wall, "time limit of 100ms reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sleeping_takes_no_processor_time() {
    let mut call = Call::attack("sleep");
    call.grants.limits.wall = Duration::from_millis(200);
    call.grants.limits.cpu = Duration::from_millis(50);
    call.run().await.limit_reached(LimitKind::Wall, "time limit of 200ms reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    let mut call = Call::attack("exhaust");
    call.grants.limits.memory = 32 << 20;
    let ended = call.run().await;
    let Outcome::LimitReached(reached, _) = &ended.outcome else { panic!("{:?}", ended.outcome) };
    assert_eq!(reached.limit, LimitKind::Memory);
    assert!(reached.message.starts_with("memory limit of 32 MiB reached (peak "), "{}", reached.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_growth_is_no_end() {
    for what in ["grow", "grow-and-fail"] {
        let mut call = Call::attack(what);
        call.grants.limits.memory = 32 << 20;
        let ended = call.run().await;
        assert!((16.0..32.0).contains(&ended.number()), "{what}: {}", ended.number());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn less_memory_than_the_guest_starts_with() {
    let mut call = Call::attack("none");
    call.grants.limits.memory = 64 << 10;
    let ended = call.run().await;
    assert!(matches!(&ended.outcome, Outcome::LimitReached(reached, _) if reached.limit == LimitKind::Memory));
}

#[tokio::test(flavor = "multi_thread")]
async fn stack() {
    Call::attack("recurse").run().await.limit_reached(LimitKind::Stack, "stack limit of 512 KiB reached");
    let ended = Call::attack("recurse-in-memory").run().await;
    assert!(matches!(ended.outcome, Outcome::Failed(..) | Outcome::LimitReached(..)), "{:?}", ended.outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_and_random_bytes() {
    assert_eq!(Call::attack("handles").count(100).run().await.number(), 100.0);
    let ended = Call::attack("handles").count(5_000).run().await;
    ended.failed(FailureKind::Internal, "more than 1024 files, streams and other handles are open");
    assert_eq!(Call::attack("random").count(5_000).run().await.failure().kind, FailureKind::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_one_budget() {
    let mut call = Call::attack("flood-stdout").count(100);
    call.grants.limits.log = 10 << 10;
    let ended = call.run().await;
    assert_eq!(ended.stream(Stream::Out).len(), 10 << 10);
    assert_eq!(ended.warnings(), ["log limit of 10 KiB reached; the rest is dropped"]);
    let mut call = Call::attack("flood-log").count(100);
    call.grants.limits.log = 10 << 10;
    let ended = call.run().await;
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::Record { .. })), 9);
    assert_eq!(ended.warnings(), ["log limit of 10 KiB reached; the rest is dropped"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_log_than_waits() {
    let mut call = Call::attack("flood-stdout").count(3 << 10);
    call.grants.limits.log = 16 << 20;
    assert_eq!(call.run().await.stream(Stream::Out).len(), (3 << 10) * 1_025);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_masks_and_progress() {
    let ended = Call::attack("groups").count(100).run().await;
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::GroupOpened { .. })), 16);
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::GroupClosed)), 16);
    let ended = Call::attack("masks").count(300).run().await;
    assert_eq!(ended.masked.len(), 200);
    assert_eq!(ended.warnings().len(), 2);
    let ended = Call::attack("progress").count(100_000).run().await;
    assert!(ended.count(|kind| matches!(kind, EventKind::Progress { .. })) < 1_000);
    assert_eq!(ended.count(|kind| matches!(kind, EventKind::Progress { done: 99_999, .. })), 1);
}
