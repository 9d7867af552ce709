//! The table of states.

use crate::log::event_channel;

use super::*;

#[test]
fn every_change_is_an_event_and_a_step_that_never_started_is_not_timed_out() {
    let (events, mut stream) = event_channel();
    let mut table = StepTable::new(events);
    let first = table.add([StepPath::job().child(0, "a"), StepPath::job().child(1, "b")]);
    table.change(first, Change::Start, Note::default());
    table.end(first, Change::TimeOut, Note { reason: Some("late".to_owned()), ..Note::default() });
    table.end(first.item(1), Change::TimeOut, Note::default());
    let statuses = [table.status(first), table.status(first.item(1))];
    assert_eq!(statuses, [Status::TimedOut, Status::Cancelled]);
    assert_eq!(table.path(first.item(1)).name(), "b");
    drop(table);
    let mut changes = Vec::new();
    while let Some(event) = stream.next_blocking() {
        if let EventKind::Transition { from, to, elapsed, .. } = event.kind {
            assert!(from != Status::Pending || elapsed.is_zero());
            changes.push((from, to));
        }
    }
    assert_eq!(
        changes,
        [(Status::Pending, Status::Running), (Status::Running, Status::TimedOut), (Status::Pending, Status::Cancelled)]
    );
}
