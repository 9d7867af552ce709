//! The states of all steps of a job, and their only way to change.

use std::time::{Duration, Instant};

use crate::event::EventKind;
use crate::execute::Usage;
use crate::log::EventSender;
use crate::status::{Change, Status};
use crate::step_path::StepPath;

/// The states of the job and of all steps whose lists were reached. Every change is one transition event, so the table
/// can be made anew from the events.
#[derive(Debug)]
pub(crate) struct StepTable {
    entries: Vec<Entry>,
    events: EventSender,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepId(usize);

#[derive(Debug)]
struct Entry {
    path: StepPath,
    status: Status,
    started: Option<Instant>,
}

/// What a transition says besides the two states.
#[derive(Debug, Default)]
pub(crate) struct Note {
    pub(crate) reason: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) usage: Option<Usage>,
}

impl StepId {
    /// Returns the row of a list's item from that of its first.
    pub(crate) const fn item(self, index: usize) -> Self {
        Self(self.0 + index)
    }
}

impl StepTable {
    pub(crate) fn new(events: EventSender) -> Self {
        Self { entries: Vec::new(), events }
    }

    /// Returns how many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds the items of a list, pending, and returns the row of the first.
    pub(crate) fn add(&mut self, paths: impl IntoIterator<Item = StepPath>) -> StepId {
        let first = StepId(self.entries.len());
        let pending = |path| Entry { path, status: Status::Pending, started: None };
        self.entries.extend(paths.into_iter().map(pending));
        first
    }

    pub(crate) fn path(&self, step: StepId) -> &StepPath {
        &self.entries[step.0].path
    }

    pub(crate) fn status(&self, step: StepId) -> Status {
        self.entries[step.0].status
    }

    /// Returns the time since a step started; zero for one that did not.
    pub(crate) fn elapsed(&self, step: StepId) -> Duration {
        self.entries[step.0].started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// Changes the state of a step and tells so. A change that its state does not allow is left undone: the first end of
    /// a step stays.
    pub(crate) fn change(&mut self, step: StepId, change: Change, note: Note) {
        let elapsed = self.elapsed(step);
        let entry = &mut self.entries[step.0];
        let from = entry.status;
        let Ok(to) = from.change(change) else {
            debug_assert!(false, "a step that is {from} was to {change:?}");
            return;
        };
        entry.status = to;
        if to == Status::Running {
            entry.started = Some(Instant::now());
        }
        let Note { reason, hint, usage } = note;
        self.events.send(&entry.path, EventKind::Transition { from, to, reason, hint, elapsed, usage });
    }

    /// Ends a step that did not succeed. What has not started cannot run into a time limit or be lost: it is cancelled,
    /// or has failed.
    pub(crate) fn end(&mut self, step: StepId, change: Change, note: Note) {
        let change = match (self.status(step), change) {
            (Status::Pending, Change::TimeOut) => Change::Cancel,
            (Status::Pending, Change::Lose) => Change::Fail,
            (_, change) => change,
        };
        self.change(step, change, note);
    }
}

#[cfg(test)]
mod tests;
