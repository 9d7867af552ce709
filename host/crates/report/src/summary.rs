//! What came of a job, in figures.

use std::collections::BTreeMap;
use std::time::Duration;

use stepwell_run::{Event, EventKind, Status, StepPath};

/// Counts what came of the steps of a job, from its masked events.
///
/// Counted is what does something: commands, scripts, modules, and what never came so far as to show its kind. A list of
/// steps is counted only where it ended badly by itself, with nothing below it that did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    // Kind and reference of steps that have not ended.
    kinds: BTreeMap<StepPath, (&'static str, String)>,
    ends: Vec<StepEnd>,
    job: Option<JobEnd>,
}

/// How one step ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepEnd {
    /// The step.
    pub(crate) step: StepPath,
    /// `exec`, `script`, `sequence` or `wasm`; none where that did not become known.
    pub(crate) kind: Option<&'static str>,
    /// The reference in canonical form; empty for a script, and where it did not become known.
    pub(crate) reference: String,
    /// A final status.
    pub(crate) status: Status,
    /// Whether it had started.
    pub(crate) started: bool,
    /// Why, for people.
    pub(crate) reason: Option<String>,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// Since it started.
    pub(crate) elapsed: Duration,
}

/// How the job ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobEnd {
    /// A final status.
    pub(crate) status: Status,
    /// Why, for people.
    pub(crate) reason: Option<String>,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// Since it started.
    pub(crate) elapsed: Duration,
}

impl Summary {
    /// Makes the summary of a job of which nothing has happened yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes the next masked event.
    pub(crate) fn take(&mut self, event: &Event) {
        if let EventKind::Prepared(facts) = &event.kind {
            self.kinds.insert(event.step.clone(), (facts.kind, facts.reference.clone()));
        }
        let EventKind::Transition { from, to, reason, hint, elapsed, .. } = &event.kind else { return };
        if !to.is_final() {
            return;
        }
        let (reason, hint) = (reason.clone(), hint.clone());
        if event.step.is_job() {
            self.job = Some(JobEnd { status: *to, reason, hint, elapsed: *elapsed });
            return;
        }
        let (kind, reference) = self.kinds.remove(&event.step).unzip();
        let end = StepEnd {
            step: event.step.clone(),
            kind,
            reference: reference.unwrap_or_default(),
            status: *to,
            started: *from == Status::Running,
            reason,
            hint,
            elapsed: *elapsed,
        };
        if self.counts(&end) {
            self.ends.push(end);
        }
    }

    /// Returns how the counted steps ended, in that order.
    pub(crate) fn steps(&self) -> &[StepEnd] {
        &self.ends
    }

    /// Returns how the job ended; none while it runs.
    pub(crate) fn job(&self) -> Option<&JobEnd> {
        self.job.as_ref()
    }

    /// Returns the number of counted steps that ended in this way.
    pub(crate) fn count(&self, status: Status) -> usize {
        self.ends.iter().filter(|end| end.status == status).count()
    }

    /// Returns the number of steps that ran as WebAssembly.
    pub(crate) fn sandboxed(&self) -> usize {
        self.started(|kind| kind == "wasm")
    }

    /// Returns the number of commands and scripts that ran.
    pub(crate) fn native(&self) -> usize {
        self.started(|kind| kind == "exec" || kind == "script")
    }

    /// Returns the step that ended the job: the first that ended badly; none where no step did.
    pub(crate) fn culprit(&self) -> Option<&StepEnd> {
        self.ends.iter().find(|end| !matches!(end.status, Status::Succeeded | Status::Skipped))
    }

    /// Returns what went wrong as a fragment, such as ``step `a/b` failed: exit status 3``, with what to do next; none
    /// where nothing did.
    pub(crate) fn failure(&self) -> Option<(String, Option<&str>)> {
        let (subject, status, reason, hint) = match (self.culprit(), &self.job) {
            (Some(end), _) => (format!("step `{}`", end.step), end.status, &end.reason, &end.hint),
            (None, Some(job)) if job.status != Status::Succeeded => {
                ("the job".to_owned(), job.status, &job.reason, &job.hint)
            }
            (None, _) => return None,
        };
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Some((format!("{subject} {}{reason}", ended_badly(status)), hint.as_deref()))
    }

    fn counts(&self, end: &StepEnd) -> bool {
        let blamed_below = || {
            let below = self.ends.iter().filter(|other| is_below(&other.step, &end.step));
            below.into_iter().any(|other| !matches!(other.status, Status::Succeeded | Status::Skipped))
        };
        end.kind != Some("sequence") || (end.status != Status::Succeeded && !blamed_below())
    }

    fn started(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.ends.iter().filter(|end| end.started && end.kind.is_some_and(&wanted)).count()
    }
}

fn is_below(step: &StepPath, list: &StepPath) -> bool {
    step.depth() > list.depth() && step.segments().zip(list.segments()).all(|(one, other)| one == other)
}

/// The verb for an end, as it follows the name of a step.
pub(crate) const fn ended_badly(status: Status) -> &'static str {
    match status {
        Status::Pending => "did not start",
        Status::Running => "did not end",
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
        Status::Cancelled => "was cancelled",
        Status::TimedOut => "timed out",
        Status::Skipped => "was skipped",
        Status::Lost => "was lost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    fn summary(script: Script) -> Summary {
        let mut summary = Summary::new();
        script.events().iter().for_each(|event| summary.take(event));
        summary
    }

    #[track_caller]
    fn check_counts(script: Script, expected: &[(Status, usize)]) {
        let summary = summary(script);
        let counts = Status::ALL.map(|status| (status, summary.count(status)));
        assert_eq!(counts.into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), expected);
    }

    fn nested() -> Script {
        Script::new().prepared("list", "sequence", "./list").start("list").prepared("list/one", "script", "")
    }

    #[test]
    fn lists_are_not_counted_beside_their_steps() {
        let script = nested().start("list/one").end("list/one", Status::Succeeded).end("list", Status::Succeeded);
        check_counts(script, &[(Status::Succeeded, 1)]);
        let script = nested().start("list/one").fail("list/one", "exit status 1", None).fail("list", "one", None);
        check_counts(script, &[(Status::Failed, 1)]);
    }

    #[test]
    fn a_list_that_fails_by_itself_is_counted() {
        let script = nested().start("list/one").end("list/one", Status::Succeeded).fail("list", "outputs: x", None);
        check_counts(script, &[(Status::Succeeded, 1), (Status::Failed, 1)]);
    }

    #[test]
    fn kinds_are_counted_of_what_ran() {
        let script = Script::new()
            .prepared("a", "wasm", "./a")
            .start("a")
            .end("a", Status::Succeeded)
            .prepared("b", "script", "")
            .start("b")
            .fail("b", "exit status 3", Some("look"))
            .skip("c")
            .end("", Status::Failed);
        let summary = summary(script);
        assert_eq!((summary.sandboxed(), summary.native(), summary.count(Status::Skipped)), (1, 1, 1));
        assert_eq!(summary.failure(), Some(("step `b` failed: exit status 3".to_owned(), Some("look"))));
        assert_eq!(summary.job().map(|job| job.status), Some(Status::Failed));
    }

    #[test]
    fn what_went_wrong() {
        let text = |script| summary(script).failure().map(|(text, _)| text);
        assert_eq!(text(Script::new().end("", Status::Succeeded)), None);
        assert_eq!(text(Script::new().end("", Status::Cancelled)).as_deref(), Some("the job was cancelled"));
        assert_eq!(text(Script::new().end("a", Status::TimedOut)).as_deref(), Some("step `a` timed out"));
        assert_eq!(text(Script::new().fail("a/b", "x", None)).as_deref(), Some("step `a/b` failed: x"));
    }
}
