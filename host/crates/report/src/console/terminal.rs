//! The view for a terminal: one tree, a line for each step when it has ended, its log beneath.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime};

use stepwell_run::{Decision, Event, EventKind, Status, StepFacts, StepPath};

use super::log_lines::LogLines;
use super::text::{self, Palette, styled};
use super::{ConsoleSettings, Verbosity};
use crate::output::Output;
use crate::summary::Summary;
use crate::terminal_text::{own_text, safe_line};

/// Lines of log that are shown of a step that succeeded.
const SHORT_LOG_LINES: usize = 5;

/// The frames of the moving line.
const FRAMES: [char; 8] = ['⣾', '⣽', '⣻', '⢿', '⡿', '⣟', '⣯', '⣷'];

/// Back to the first column, and the line is empty.
const CLEAR_LINE: &str = "\r\u{1b}[K";

#[derive(Debug)]
pub(crate) struct Terminal {
    settings: ConsoleSettings,
    palette: Palette,
    steps: BTreeMap<StepPath, Shown>,
    // What runs now, if it is no list; and since when.
    live: Option<(StepPath, SystemTime)>,
    frame: usize,
    moving_line: bool,
    name_width: usize,
    reference_width: usize,
}

/// What is known of a step that has not ended.
#[derive(Debug, Default)]
struct Shown {
    kind: &'static str,
    reference: String,
    given: String,
    // What it says it does, or what the engine does for it.
    doing: Option<String>,
    groups: usize,
    log: LogLines,
}

impl Terminal {
    pub(crate) fn new(settings: ConsoleSettings) -> Self {
        Self {
            settings,
            palette: Palette::new(settings.color),
            steps: BTreeMap::new(),
            live: None,
            frame: 0,
            moving_line: false,
            // Wide enough for most, so that columns stand still; a longer one widens its column from there on.
            name_width: 8,
            reference_width: 28,
        }
    }

    /// `summary` has taken the event already.
    pub(crate) fn take<W: Write>(&mut self, event: &Event, summary: &Summary, output: &mut Output<W>) {
        let text = self.text(event, summary);
        if !text.is_empty() {
            self.clear(output);
            output.write(text.as_bytes());
        }
    }

    /// Draws the moving line.
    pub(crate) fn tick<W: Write>(&mut self, now: SystemTime, columns: usize, output: &mut Output<W>) {
        let Some((step, since)) = &self.live else { return };
        let shown = self.steps.get(step);
        let doing = shown.and_then(|shown| shown.doing.as_deref().or(shown.log.last())).unwrap_or_default();
        let elapsed = text::time(now.duration_since(*since).unwrap_or_default());
        let indent = indent(step);
        let frame = FRAMES[self.frame % FRAMES.len()];
        // Colours would make counting the columns harder.
        let doing = safe_line(doing.as_bytes(), false);
        let line = format!("{indent}{frame} {}  {elapsed}  {doing}", own_text(step.name()));
        let line = line.chars().filter(|character| *character != '\t').take(columns.saturating_sub(1));
        output.write(format!("{CLEAR_LINE}{}", line.collect::<String>()).as_bytes());
        self.frame += 1;
        self.moving_line = true;
    }

    /// Takes the moving line away.
    pub(crate) fn finish<W: Write>(mut self, output: &mut Output<W>) {
        self.clear(output);
    }

    fn clear<W: Write>(&mut self, output: &mut Output<W>) {
        if self.moving_line {
            output.write(CLEAR_LINE.as_bytes());
            self.moving_line = false;
        }
    }

    fn text(&mut self, event: &Event, summary: &Summary) -> String {
        let step = &event.step;
        match &event.kind {
            EventKind::Prepared(facts) => self.prepared(step, facts),
            EventKind::Decided(decisions) => self.refused(step, decisions),
            EventKind::Transition { to: Status::Running, .. } => self.start(event),
            EventKind::Transition { to, reason, elapsed, .. } => {
                self.end(step, *to, reason.as_deref(), *elapsed, summary)
            }
            EventKind::Warning { .. } if self.settings.verbosity < Verbosity::Normal => String::new(),
            EventKind::Warning { message, place } => {
                paint("warning", self.palette.odd, &text::warning(message, place.as_ref()))
            }
            EventKind::Denied { capability, asked } => {
                paint("denied", self.palette.bad, &text::denied(step, capability, asked))
            }
            EventKind::Log { .. }
            | EventKind::Record { .. }
            | EventKind::GroupOpened { .. }
            | EventKind::GroupClosed
            | EventKind::Progress { .. }
            | EventKind::Busy { .. }
            | EventKind::BusyOver => {
                self.steps.entry(step.clone()).or_default().note(&event.kind, self.settings);
                if self.settings.verbosity == Verbosity::Verbose { self.log(step, usize::MAX) } else { String::new() }
            }
        }
    }

    fn prepared(&mut self, step: &StepPath, facts: &StepFacts) -> String {
        let shown = self.steps.entry(step.clone()).or_default();
        shown.kind = facts.kind;
        shown.reference = text::reference(facts);
        shown.given = text::given(facts);
        self.refused(step, &facts.decisions)
    }

    fn refused(&self, step: &StepPath, decisions: &[Decision]) -> String {
        let refusals = text::refused(decisions).map(|decision| text::refusal(step, decision));
        refusals.map(|refusal| paint("denied", self.palette.bad, &refusal)).collect()
    }

    fn start(&mut self, event: &Event) -> String {
        let is_list = self.steps.get(&event.step).is_none_or(|shown| shown.kind == "sequence");
        if event.step.is_job() {
            return String::new();
        }
        if !is_list {
            self.live = Some((event.step.clone(), event.time));
        }
        let heads = match self.settings.verbosity {
            Verbosity::Quiet => false,
            Verbosity::Normal => is_list,
            Verbosity::Verbose => true,
        };
        if heads { self.line(&event.step, Status::Running, "", "") } else { String::new() }
    }

    fn end(
        &mut self,
        step: &StepPath,
        status: Status,
        reason: Option<&str>,
        elapsed: Duration,
        summary: &Summary,
    ) -> String {
        self.live.take_if(|(live, _)| live == step);
        if let Some(shown) = self.steps.get_mut(step) {
            shown.log.end(self.settings.color);
        }
        let is_list = self.steps.get(step).is_some_and(|shown| shown.kind == "sequence");
        // The head of a list stands above its steps; it has another line only where it ended badly by itself.
        let counted = summary.steps().last().is_some_and(|end| end.step == *step);
        let most = self.most_lines(status);
        let mut text = String::new();
        if !step.is_job() && (!is_list || counted) && (most > 0 || self.settings.verbosity > Verbosity::Quiet) {
            let time = if status == Status::Skipped { String::new() } else { text::time(elapsed) };
            let note = self.note(step, status, reason);
            text += &self.line(step, status, &time, &note);
        }
        if most > 0 {
            text += &self.log(step, most);
        }
        self.steps.remove(step);
        text
    }

    /// How much of the log of a step is shown that ended so.
    fn most_lines(&self, status: Status) -> usize {
        match (status, self.settings.verbosity) {
            (Status::Succeeded | Status::Skipped, Verbosity::Quiet) => 0,
            (Status::Succeeded | Status::Skipped, Verbosity::Normal) => SHORT_LOG_LINES,
            (Status::Succeeded | Status::Skipped, Verbosity::Verbose) => usize::MAX,
            (Status::Pending | Status::Running, _) => usize::MAX,
            (Status::Failed | Status::Cancelled | Status::TimedOut | Status::Lost, _) => usize::MAX,
        }
    }

    /// What stands at the end of a step's line: what it was given, or what happened.
    fn note(&self, step: &StepPath, status: Status, reason: Option<&str>) -> String {
        let given = self.steps.get(step).map(|shown| shown.given.clone()).unwrap_or_default();
        match (status, reason) {
            (Status::Succeeded, _) => given,
            (_, Some(reason)) => own_text(reason),
            (Status::Failed, None) => given,
            (status, None) => status.to_string(),
        }
    }

    fn line(&mut self, step: &StepPath, status: Status, time: &str, note: &str) -> String {
        let indent = indent(step);
        let mark = styled(self.palette.of(status), text::mark(status));
        let name = own_text(step.name());
        let (kind, reference) =
            self.steps.get(step).map_or(("", ""), |shown| (text::kind(shown.kind), &shown.reference));
        // Names stand in one column whatever their depth.
        let taken = indent.len() - 2;
        self.name_width = self.name_width.max(name.chars().count() + taken);
        self.reference_width = self.reference_width.max(reference.chars().count());
        let (name_width, reference_width) = (self.name_width - taken, self.reference_width);
        let line = format!("{name:<name_width$} {reference:<reference_width$} {kind:<6} {time:>8}   {note}");
        format!("{indent}{mark} {}\n", line.trim_end())
    }

    /// Takes out the log of a step, indented beneath its line.
    fn log(&mut self, step: &StepPath, most: usize) -> String {
        let Some(shown) = self.steps.get_mut(step) else { return String::new() };
        let (lines, left_out) = shown.log.take(most);
        let indent = indent(step);
        let mut text = String::new();
        if left_out > 0 {
            let hint = if most == usize::MAX { "" } else { ", -v shows them" };
            let plural = if left_out == 1 { "line" } else { "lines" };
            let note = format!("… {left_out} {plural} before{hint}");
            text += &format!("{indent}  {}\n", styled(self.palette.faint, &note));
        }
        // The tree says the same.
        let lines = lines.iter().filter(|line| line.strip_prefix("Running step name=") != Some(step.name()));
        lines.for_each(|line| text += &format!("{indent}  {line}\n"));
        text
    }
}

impl Shown {
    /// Keeps what is shown later: log, and what the step is doing.
    fn note(&mut self, kind: &EventKind, settings: ConsoleSettings) {
        match kind {
            EventKind::Log { stream, bytes } => self.log.feed(*stream, bytes, settings.color),
            EventKind::Record { level, .. } if *level < settings.level => {}
            EventKind::Record { level, message, fields } => {
                text::record(*level, message, fields).lines().for_each(|line| self.log.push(own_text(line)));
            }
            EventKind::GroupOpened { title } => {
                self.log.push(format!("{}▸ {}", "  ".repeat(self.groups), own_text(title)));
                self.groups += 1;
            }
            EventKind::GroupClosed => self.groups = self.groups.saturating_sub(1),
            EventKind::Progress { done, total, label } => self.doing = Some(text::progress(*done, *total, label)),
            EventKind::Busy { what } => self.doing = Some(own_text(what)),
            EventKind::BusyOver => self.doing = None,
            EventKind::Transition { .. }
            | EventKind::Prepared(_)
            | EventKind::Decided(_)
            | EventKind::Warning { .. }
            | EventKind::Denied { .. } => {}
        }
    }
}

/// Two columns, and two more for each list around.
fn indent(step: &StepPath) -> String {
    "  ".repeat(step.depth().max(1))
}

/// Colours the word at the front of a line.
fn paint(word: &str, style: anstyle::Style, line: &str) -> String {
    line.replacen(word, &styled(style, word), 1)
}
