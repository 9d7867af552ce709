//! The view for files and pipes: the log as it is, and beside it one line an event.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime};

use stepwell_run::{Decision, Event, EventKind, Status, StepFacts, StepPath, Stream};

use super::sections::Sections;
use super::text::{self, Palette};
use super::{ConsoleSettings, Verbosity};
use crate::output::Output;
use crate::summary::ended_badly;
use crate::terminal_text::own_text;

/// Work of the engine that took less is not worth a line.
const LONG_WORK: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Plain {
    settings: ConsoleSettings,
    palette: Palette,
    // Kind and reference, from the moment they are known to the start.
    prepared: BTreeMap<StepPath, String>,
    busy: BTreeMap<StepPath, (String, SystemTime)>,
    sections: Sections,
    log_line_open: bool,
    view_line_open: bool,
}

impl Plain {
    pub(crate) fn new(settings: ConsoleSettings) -> Self {
        Self {
            settings,
            palette: Palette::new(settings.color),
            prepared: BTreeMap::new(),
            busy: BTreeMap::new(),
            sections: Sections::default(),
            log_line_open: false,
            view_line_open: false,
        }
    }

    pub(crate) fn take<L: Write, V: Write>(&mut self, event: &Event, log: &mut Output<L>, view: &mut Output<V>) {
        if let EventKind::Log { stream, bytes } = &event.kind {
            match stream {
                Stream::Out => pass(bytes, &mut self.log_line_open, log),
                Stream::Error => pass(bytes, &mut self.view_line_open, view),
            }
            return;
        }
        let own_log = self.own_log(event);
        write_line(&own_log, &mut self.log_line_open, log);
        let own_view = self.own_view(event);
        write_line(&own_view, &mut self.view_line_open, view);
    }

    /// What we add to the log: structured records, and sections where they are wanted.
    fn own_log(&mut self, event: &Event) -> String {
        match &event.kind {
            EventKind::Record { level, .. } if *level < self.settings.level => String::new(),
            EventKind::Record { level, message, fields } => text::record(*level, message, fields) + "\n",
            kind if self.settings.gitlab_sections => self.section(&event.step, kind, event.time),
            _ => String::new(),
        }
    }

    fn section(&mut self, step: &StepPath, kind: &EventKind, time: SystemTime) -> String {
        match kind {
            EventKind::Transition { .. } if step.is_job() => String::new(),
            EventKind::Transition { to: Status::Running, .. } => self.sections.open_step(step, &step.to_string(), time),
            EventKind::Transition { .. } => self.sections.close_step(step, time),
            EventKind::GroupOpened { title } => self.sections.open_group(step, title, time),
            EventKind::GroupClosed => self.sections.close_group(step, time),
            EventKind::Prepared(_)
            | EventKind::Decided(_)
            | EventKind::Log { .. }
            | EventKind::Record { .. }
            | EventKind::Progress { .. }
            | EventKind::Warning { .. }
            | EventKind::Busy { .. }
            | EventKind::BusyOver
            | EventKind::Denied { .. } => String::new(),
        }
    }

    fn own_view(&mut self, event: &Event) -> String {
        let step = &event.step;
        let wanted = |least, text: String| if self.settings.verbosity >= least { text } else { String::new() };
        match &event.kind {
            EventKind::Prepared(facts) => self.prepared(step, facts),
            EventKind::Decided(decisions) => self.refused(step, decisions),
            EventKind::Transition { to, reason, elapsed, .. } => {
                self.transition(step, *to, reason.as_deref(), *elapsed)
            }
            EventKind::Progress { done, total, label } => {
                wanted(Verbosity::Verbose, format!("step `{step}`: {}\n", text::progress(*done, *total, label)))
            }
            EventKind::Warning { message, place } => {
                let warning = text::warning(message, place.as_ref());
                wanted(Verbosity::Normal, self.odd("warning", &warning))
            }
            EventKind::Busy { what } => {
                self.busy.insert(step.clone(), (own_text(what), event.time));
                String::new()
            }
            EventKind::BusyOver => self.busy_over(step, event.time),
            EventKind::Denied { capability, asked } => self.bad("denied", &text::denied(step, capability, asked)),
            EventKind::Log { .. }
            | EventKind::Record { .. }
            | EventKind::GroupOpened { .. }
            | EventKind::GroupClosed => String::new(),
        }
    }

    fn prepared(&mut self, step: &StepPath, facts: &StepFacts) -> String {
        let what = format!("{}  {}", text::kind(facts.kind), text::reference(facts));
        self.prepared.insert(step.clone(), what);
        let mut lines = String::new();
        if facts.kind == "wasm" && self.settings.verbosity >= Verbosity::Normal {
            let given = text::given(facts);
            let given = if given.is_empty() { "nothing beyond its inputs" } else { &given };
            lines += &format!("step `{step}` may use: {given}\n");
        }
        lines + &self.refused(step, &facts.decisions)
    }

    fn refused(&self, step: &StepPath, decisions: &[Decision]) -> String {
        text::refused(decisions).map(|decision| self.bad("denied", &text::refusal(step, decision))).collect()
    }

    fn transition(&mut self, step: &StepPath, to: Status, reason: Option<&str>, elapsed: Duration) -> String {
        let least = match to {
            Status::Pending | Status::Running | Status::Succeeded | Status::Skipped => Verbosity::Normal,
            Status::Failed | Status::Cancelled | Status::TimedOut | Status::Lost => Verbosity::Quiet,
        };
        // What came of the job itself stands in the summary.
        if step.is_job() || self.settings.verbosity < least {
            return String::new();
        }
        let reason = reason.map(|reason| format!(": {}", own_text(reason))).unwrap_or_default();
        match to {
            Status::Pending | Status::Running => {
                let what = self.prepared.remove(step).unwrap_or_default();
                format!("step `{step}` runs: {what}\n")
            }
            Status::Skipped => format!("step `{step}` was skipped{reason}\n"),
            Status::Succeeded | Status::Failed | Status::Cancelled | Status::TimedOut | Status::Lost => {
                let verb = text::styled(self.palette.of(to), ended_badly(to));
                format!("step `{step}` {verb} after {}{reason}\n", text::time(elapsed))
            }
        }
    }

    fn busy_over(&mut self, step: &StepPath, now: SystemTime) -> String {
        let Some((what, since)) = self.busy.remove(step) else { return String::new() };
        let elapsed = now.duration_since(since).unwrap_or_default();
        if elapsed < LONG_WORK || self.settings.verbosity < Verbosity::Normal {
            return String::new();
        }
        let subject = if step.is_job() { String::new() } else { format!("step `{step}`: ") };
        format!("{subject}{what} took {}\n", text::time(elapsed))
    }

    fn bad(&self, word: &str, line: &str) -> String {
        line.replacen(word, &text::styled(self.palette.bad, word), 1)
    }

    fn odd(&self, word: &str, line: &str) -> String {
        line.replacen(word, &text::styled(self.palette.odd, word), 1)
    }
}

/// Passes bytes of a step as they are.
pub(super) fn pass<W: Write>(bytes: &[u8], line_open: &mut bool, output: &mut Output<W>) {
    output.write(bytes);
    *line_open = bytes.last().map_or(*line_open, |last| *last != b'\n');
}

/// Writes whole lines of our own, at the beginning of a line.
pub(super) fn write_line<W: Write>(lines: &str, line_open: &mut bool, output: &mut Output<W>) {
    if lines.is_empty() {
        return;
    }
    if *line_open {
        output.write(b"\n");
    }
    output.write(lines.as_bytes());
    *line_open = false;
}
