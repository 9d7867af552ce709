//! The events of one job as its reader gets them: masked.

use std::collections::VecDeque;

use stepwell_report::{MaskedEvents, Masker};
use stepwell_run::{Event, EventStream};

/// The masked events of one job, in order.
pub(crate) struct Events {
    /// None once the last raw event was read.
    raw: Option<(EventStream, MaskedEvents)>,
    /// What one raw event came to and was not handed out yet.
    ready: VecDeque<Event>,
}

impl Events {
    pub(crate) fn new(raw: EventStream, masker: Masker) -> Self {
        Self { raw: Some((raw, MaskedEvents::new(masker))), ready: VecDeque::new() }
    }

    /// Returns the next event, or none when the job is over and all were handed out.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let next = self.raw.as_mut()?.0.next().await;
            self.take(next);
        }
    }

    /// As [`Events::next`], blocking the thread.
    pub(crate) fn next_blocking(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let next = self.raw.as_mut()?.0.next_blocking();
            self.take(next);
        }
    }

    fn take(&mut self, next: Option<Event>) {
        match (next, &mut self.raw) {
            (Some(event), Some((_, masked))) => self.ready.extend(masked.take(event)),
            (_, raw) => self.ready.extend(raw.take().map(|(_, masked)| masked.finish()).unwrap_or_default()),
        }
    }
}
