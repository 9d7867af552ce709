//! Events by hand, for tests: a job that is written down, with fixed times.

use std::time::{Duration, SystemTime};

use stepwell_run::{Event, EventKind, Status, StepFacts, StepPath, Stream};

/// A list of events in the making. Each comes 1 ms after the one before; the first at 2026-01-01T00:00:00Z.
#[derive(Default)]
pub(crate) struct Script(Vec<Event>);

const START: Duration = Duration::from_secs(1_767_225_600);

/// Returns the path with the given names; each is the first item of its list. The empty text is the job.
pub(crate) fn path(names: &str) -> StepPath {
    names.split('/').filter(|name| !name.is_empty()).fold(StepPath::job(), |path, name| path.child(0, name))
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn events(self) -> Vec<Event> {
        self.0
    }

    pub(crate) fn event(mut self, step: &str, kind: EventKind) -> Self {
        let sequence = self.0.len() as u64;
        let time = SystemTime::UNIX_EPOCH + START + Duration::from_millis(sequence);
        self.0.push(Event { sequence, time, step: path(step), kind });
        self
    }

    pub(crate) fn prepared(self, step: &str, kind: &'static str, reference: &str) -> Self {
        let facts =
            StepFacts { kind, reference: reference.to_owned(), function: None, module: None, decisions: Vec::new() };
        self.event(step, EventKind::Prepared(facts))
    }

    pub(crate) fn start(self, step: &str) -> Self {
        self.transition(step, Status::Pending, Status::Running, None, None)
    }

    pub(crate) fn log(self, step: &str, text: &str) -> Self {
        self.event(step, EventKind::Log { stream: Stream::Out, bytes: text.as_bytes().to_vec() })
    }

    pub(crate) fn error_log(self, step: &str, text: &str) -> Self {
        self.event(step, EventKind::Log { stream: Stream::Error, bytes: text.as_bytes().to_vec() })
    }

    pub(crate) fn end(self, step: &str, to: Status) -> Self {
        self.transition(step, Status::Running, to, None, None)
    }

    pub(crate) fn fail(self, step: &str, reason: &str, hint: Option<&str>) -> Self {
        self.transition(step, Status::Running, Status::Failed, Some(reason), hint)
    }

    pub(crate) fn skip(self, step: &str) -> Self {
        self.transition(step, Status::Pending, Status::Skipped, None, None)
    }

    /// Every step that ran took 41 ms.
    fn transition(self, step: &str, from: Status, to: Status, reason: Option<&str>, hint: Option<&str>) -> Self {
        let elapsed = if from == Status::Running { Duration::from_millis(41) } else { Duration::ZERO };
        let (reason, hint) = (reason.map(str::to_owned), hint.map(str::to_owned));
        self.event(step, EventKind::Transition { from, to, reason, hint, elapsed, usage: None })
    }
}
