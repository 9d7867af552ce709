//! Order, and back-pressure of log alone.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

/// Polls once, without a runtime.
fn poll<F: Future>(future: &mut std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn chunk(length: usize) -> Vec<u8> {
    vec![b'x'; length]
}

#[test]
fn events_are_counted_without_gaps_over_all_writers() {
    let (sender, mut stream) = event_channel();
    let other = sender.clone();
    for _ in 0..3 {
        sender.send(&StepPath::job(), EventKind::GroupClosed);
        other.send(&StepPath::job(), EventKind::BusyOver);
    }
    drop((sender, other));
    let counted: Vec<u64> = std::iter::from_fn(|| stream.next_blocking()).map(|event| event.sequence).collect();
    assert_eq!(counted, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn log_waits_for_the_reader_and_other_events_do_not() {
    let (sender, mut stream) = event_channel();
    let job = StepPath::job();
    assert!(poll(&mut pin!(sender.log(&job, Stream::Out, chunk(MAX_WAITING_LOG_BYTES)))).is_ready());
    let mut waiting = pin!(sender.log(&job, Stream::Out, chunk(1)));
    assert!(poll(&mut waiting).is_pending());
    sender.send(&job, EventKind::BusyOver);

    assert!(matches!(stream.next_blocking().map(|event| event.kind), Some(EventKind::Log { .. })));
    assert!(poll(&mut waiting).is_pending(), "the reader is still at it");
    assert!(matches!(stream.next_blocking().map(|event| event.kind), Some(EventKind::BusyOver)));
    assert!(poll(&mut waiting).is_ready());
}

#[test]
fn a_reader_that_is_gone_holds_nothing_up() {
    let (sender, stream) = event_channel();
    let job = StepPath::job();
    assert!(poll(&mut pin!(sender.log(&job, Stream::Error, chunk(MAX_WAITING_LOG_BYTES * 2)))).is_ready());
    let mut waiting = pin!(sender.log(&job, Stream::Error, chunk(1)));
    assert!(poll(&mut waiting).is_pending());
    drop(stream);
    assert!(poll(&mut waiting).is_ready());
}

#[test]
fn no_bytes_are_no_event() {
    let (sender, mut stream) = event_channel();
    assert!(poll(&mut pin!(sender.log(&StepPath::job(), Stream::Out, Vec::new()))).is_ready());
    drop(sender);
    assert!(stream.next_blocking().is_none());
}
